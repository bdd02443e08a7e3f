/* What the publisher, the floor and the subscribers agree on of the packets: their numbers, their extensions, and where the stamp lies. */
#ifndef FLOOR_MEDIA_H
#define FLOOR_MEDIA_H

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

enum {
    VIDEO_TYPE = 96, RETRANSMISSION_TYPE = 97, AUDIO_TYPE = 111,
    VIDEO_SSRC = 1111, AUDIO_SSRC = 2222, /* of the first track of sound; the next count up */
    FIXED_HEADER = 12,
    DESCRIPTOR = 4,      /* VP8's, with a 15-bit PictureID (RFC 7741 §4.2) */
    KEY_HEADER = 10,     /* of a key frame (RFC 6386 §9.1) */
    FILLER = 0xAB,       /* the payload's last byte, and all that is nothing else */
    TRACKS = 16,         /* as many as a participant may have in Apus */
    /* Extensions (RFC 8285), by the numbers that Janus gives them: it keeps to its own. */
    ABS_SEND_TIME_ID = 2, TRANSPORT_WIDE_ID = 3, MID_ID = 4,
};

static inline void put16(uint8_t *bytes, unsigned value) { bytes[0] = (uint8_t)(value >> 8), bytes[1] = (uint8_t)value; }

static inline void put32(uint8_t *bytes, uint32_t value) {
    value = htonl(value);
    memcpy(bytes, &value, 4);
}

static inline unsigned get16(const uint8_t *bytes) { return (unsigned)bytes[0] << 8 | bytes[1]; }

static inline uint32_t get32(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, 4);
    return ntohl(value);
}

static inline int64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* abs-send-time: seconds in 24 bits, 18 of them behind the point. */
static inline uint32_t abs_send_time(int64_t ns) { return (uint32_t)((((uint64_t)ns / 1000) << 18) / 1000000) & 0xFFFFFF; }

/* The header with its extension (RFC 3550 §5.1, §5.3.1), or more than `length` where that cannot be. */
static inline size_t header_length(const uint8_t *packet, size_t length) {
    const size_t fixed = FIXED_HEADER + 4 * (packet[0] & 15u);
    if (!(packet[0] & 0x10)) return fixed;
    return fixed + 4 > length ? length + 1 : fixed + 4 + 4 * (size_t)get16(packet + fixed + 2);
}

/* Where the time stands at which the publisher sent it (CLOCK_REALTIME, ns): behind all that a server reads or rewrites. */
static inline size_t stamp_offset(unsigned type) { return type == AUDIO_TYPE ? 1 : DESCRIPTOR + KEY_HEADER; }

#endif
