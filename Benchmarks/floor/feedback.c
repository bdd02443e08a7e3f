#include "feedback.h"

#include "media.h"

enum {
    RECEIVER_REPORT = 201, TRANSPORT_FEEDBACK = 205, NACK = 1, TRANSPORT_WIDE = 15,
    HEADER = 20,          /* of transport-wide feedback, up to its chunks */
    NOT_RECEIVED = 0, SMALL_DELTA = 1, LARGE_DELTA = 2,
    DELTA_NS = 250000, REFERENCE_NS = 64000000, CHUNK_MAX = 0x1FFF,
};

void feedback_note_arrival(struct feedback *feedback, uint16_t first, unsigned count, int64_t at_ns) {
    if (!feedback->has_begun) feedback->has_begun = true, feedback->next = feedback->expected = first;
    if (feedback->arrival_count == ARRIVALS || (int16_t)(first - feedback->expected) < 0) return;
    feedback->expected = (uint16_t)(first + count);
    feedback->arrivals[feedback->arrival_count++] = (struct arrival){first, (uint16_t)count, at_ns};
}

void feedback_note_sequence(struct feedback *feedback, uint32_t ssrc, uint16_t sequence) {
    unsigned i = 0;
    while (i < feedback->stream_count && feedback->streams[i].ssrc != ssrc) i++;
    if (i == STREAMS) return;
    if (i == feedback->stream_count) feedback->streams[feedback->stream_count++].ssrc = ssrc, feedback->streams[i].highest = sequence;
    const int16_t ahead = (int16_t)(sequence - (uint16_t)feedback->streams[i].highest);
    if (ahead > 0) feedback->streams[i].highest += (uint16_t)ahead;
}

/* Fills in the header (RFC 4585 §6.1), pads to whole words, and returns the size. */
static size_t finish(uint8_t *packet, size_t size, unsigned count_or_format, unsigned type) {
    const size_t padding = -size & 3;
    memset(packet + size, 0, padding);
    if (padding > 0) packet[size + padding - 1] = (uint8_t)padding;
    packet[0] = (uint8_t)(0x80 | (padding > 0 ? 0x20 : 0) | count_or_format);
    packet[1] = (uint8_t)type;
    put16(packet + 2, (unsigned)((size + padding) / 4 - 1));
    put32(packet + 4, RECEIVER_SSRC);
    return size + padding;
}

/* draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1: run length chunks only, one for each run and one for each gap. */
size_t feedback_write_transport_wide(struct feedback *feedback, uint8_t packet[RTCP_MAX]) {
    const unsigned count = feedback->arrival_count;
    if (count == 0) return 0;
    const int64_t reference = feedback->arrivals[0].at_ns / REFERENCE_NS;
    uint8_t deltas[RTCP_MAX];
    size_t size = HEADER, delta_size = 0;
    uint16_t next = feedback->next;
    int64_t ticks = reference * (REFERENCE_NS / DELTA_NS);
    for (unsigned i = 0; i < count; i++) {
        const struct arrival *run = &feedback->arrivals[i];
        const uint16_t gap = (uint16_t)(run->first - next);
        const int64_t delta = run->at_ns / DELTA_NS - ticks;
        const bool is_small = delta >= 0 && delta <= 0xFF;
        if (gap > CHUNK_MAX || size + 6 + delta_size + run->count + 2 > RTCP_MAX - 4) break;
        if (gap > 0) put16(packet + size, NOT_RECEIVED << 13 | gap), size += 2;
        put16(packet + size, (is_small ? SMALL_DELTA : LARGE_DELTA) << 13 | 1), size += 2;
        if (is_small) deltas[delta_size++] = (uint8_t)delta;
        else put16(deltas + delta_size, (uint16_t)delta), delta_size += 2;
        if (run->count > 1) {
            put16(packet + size, SMALL_DELTA << 13 | (run->count - 1u)), size += 2;
            memset(deltas + delta_size, 0, run->count - 1u);
            delta_size += run->count - 1u;
        }
        next = (uint16_t)(run->first + run->count);
        ticks += delta;
    }
    put32(packet + 8, feedback->streams[0].ssrc);
    put16(packet + 12, feedback->next);
    put16(packet + 14, (uint16_t)(next - feedback->next));
    put32(packet + 16, (uint32_t)reference << 8 | feedback->reports++);
    memcpy(packet + size, deltas, delta_size);
    feedback->next = next;
    feedback->arrival_count = 0;
    return finish(packet, size + delta_size, TRANSPORT_WIDE, TRANSPORT_FEEDBACK);
}

/* RFC 3550 §6.4.2: nothing is lost, nothing is late, and no sender report is answered. */
size_t feedback_write_report(const struct feedback *feedback, uint8_t packet[RTCP_MAX]) {
    size_t size = 8;
    if (feedback->stream_count == 0) return 0;
    for (unsigned i = 0; i < feedback->stream_count; i++, size += 24) {
        memset(packet + size, 0, 24);
        put32(packet + size, feedback->streams[i].ssrc);
        put32(packet + size + 8, feedback->streams[i].highest);
    }
    return finish(packet, size, feedback->stream_count, RECEIVER_REPORT);
}

size_t feedback_write_nack(uint8_t packet[RTCP_MAX], uint32_t ssrc, uint16_t sequence) {
    put32(packet + 8, ssrc);
    put16(packet + 12, sequence);
    put16(packet + 14, 0);
    return finish(packet, 16, NACK, TRANSPORT_FEEDBACK);
}

/* Walks the chunks of one transport-wide message: how many packets they say have arrived. */
static unsigned count_received(const uint8_t *packet, size_t length) {
    unsigned left = length >= HEADER ? get16(packet + 14) : 0, received = 0;
    for (size_t at = HEADER; left > 0 && at + 2 <= length; at += 2) {
        const unsigned chunk = get16(packet + at);
        if (chunk & 0x8000) return received; /* our receivers write no vectors */
        const unsigned covers = chunk & CHUNK_MAX, run = covers < left ? covers : left;
        if (chunk >> 13 != NOT_RECEIVED) received += run;
        left -= run;
    }
    return received;
}

unsigned feedback_read(const uint8_t *packet, size_t length) {
    unsigned received = 0;
    for (size_t at = 0; at + 8 <= length;) {
        const size_t size = 4 * (get16(packet + at + 2) + 1ul);
        if (size > length - at) break;
        if (packet[at + 1] == TRANSPORT_FEEDBACK && (packet[at] & 31) == TRANSPORT_WIDE) received += count_received(packet + at, size);
        at += size;
    }
    return received;
}
