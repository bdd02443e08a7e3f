/* What a receiver tells its sender: which packets came and when, how far each stream is, and what it would like again. */
#ifndef FLOOR_FEEDBACK_H
#define FLOOR_FEEDBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ARRIVALS = 128,      /* runs of packets between two reports; what comes beyond them is reported as lost */
    STREAMS = 20,
    RTCP_MAX = 1200,
    RECEIVER_SSRC = 1,   /* as Chromium's */
};

/* Packets of consecutive transport-wide numbers that came at once. */
struct arrival {
    uint16_t first, count;
    int64_t at_ns;
};

struct feedback {
    struct arrival arrivals[ARRIVALS];
    unsigned arrival_count;
    bool has_begun;
    uint16_t next;     /* the first transport-wide number that was not reported */
    uint16_t expected; /* one behind the highest that came */
    uint8_t reports;
    struct {
        uint32_t ssrc;
        uint32_t highest; /* sequence number, with its cycles above it */
    } streams[STREAMS];
    unsigned stream_count;
};

void feedback_note_arrival(struct feedback *feedback, uint16_t first, unsigned count, int64_t at_ns);
void feedback_note_sequence(struct feedback *feedback, uint32_t ssrc, uint16_t sequence);

/* Each writes one RTCP packet, without SRTCP, and returns its size; none (0) where there is nothing to say. */
size_t feedback_write_transport_wide(struct feedback *feedback, uint8_t packet[RTCP_MAX]);
size_t feedback_write_report(const struct feedback *feedback, uint8_t packet[RTCP_MAX]);
size_t feedback_write_nack(uint8_t packet[RTCP_MAX], uint32_t ssrc, uint16_t sequence);

/* Reads a compound packet as a server has to: the number of packets that it says have arrived. */
unsigned feedback_read(const uint8_t *packet, size_t length);

#endif
