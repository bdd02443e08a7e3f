/*
 * One publisher of VP8 and Opus: frames of equal packets all at once, or a recording's packet sizes and times.
 *
 *     publisher ADDRESS PORT gcm|cm PACKETS BYTES [RECORDING]
 *
 * PACKETS of BYTES (RTP, before SRTP) make a frame, 30 a second; 100 bytes of sound leave 50 times a second. A keyframe comes first and every
 * two seconds. Of a RECORDING (Benchmarks/recordings/README.md) sizes and times are kept, and it begins anew when it is over, with a keyframe.
 * Says `ready FRAGMENT PASSWORD FINGERPRINT`, then obeys standard input:
 *     connect ADDRESS PORT FRAGMENT PASSWORD   `connected` or `failed WHY`
 *     floor ADDRESS PORT                       the keys of the floor, which shakes no hands
 *     send                                     sends until standard input ends, and meanwhile obeys
 *     count                                    `counted SENT` since the last time
 */
#define _GNU_SOURCE
#include "peer.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    VIDEO_TYPE = 96, AUDIO_TYPE = 111, VIDEO_SSRC = 1111, AUDIO_SSRC = 2222,
    BURST_MAX = 64, PACKET_MAX = 1400, HEADER = 12, DESCRIPTOR = 4, AUDIO_BYTES = 100, FILLER = 0xAB,
    FRAME_NS = 33333333, AUDIO_NS = 20000000, FRAMES_PER_KEY = 60, CONSENT_S = 5,
};

struct recorded {
    int64_t at_ns;
    unsigned length;
    bool is_video, ends_frame;
};

static struct peer peer;
static struct identity identity;
static srtp_t srtp;
static struct recorded *recording;
static size_t recorded_count;
static int64_t recording_ns;
static uint8_t burst[BURST_MAX][PACKET_MAX + 32];
static struct mmsghdr messages[BURST_MAX];
static struct iovec parts[BURST_MAX];
static uint16_t video_sequence = 1000, audio_sequence = 5000;
static uint16_t picture = 0;
static uint64_t sent;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void put16(uint8_t *bytes, unsigned value) { bytes[0] = (uint8_t)(value >> 8), bytes[1] = (uint8_t)value; }
static void put32(uint8_t *bytes, uint32_t value) { put16(bytes, value >> 16), put16(bytes + 2, value & 0xFFFF); }

static void write_header(uint8_t *packet, unsigned type, bool marker, uint16_t sequence, int64_t at_ns, unsigned clock, uint32_t ssrc) {
    packet[0] = 0x80;
    packet[1] = (uint8_t)(type | (marker ? 0x80 : 0));
    put16(packet + 2, sequence);
    put32(packet + 4, (uint32_t)(at_ns / 1000 * (int)(clock / 1000) / 1000));
    put32(packet + 8, ssrc);
}

/* A part of a frame: the descriptor with a 15-bit PictureID (RFC 7741 §4.2), and on the first part a frame's header (RFC 6386 §9.1). */
static void write_video(uint8_t *packet, unsigned length, bool begins, bool ends, bool is_key, int64_t frame_ns) {
    memset(packet, FILLER, length);
    write_header(packet, VIDEO_TYPE, ends, video_sequence++, frame_ns, 90000, VIDEO_SSRC);
    uint8_t *payload = packet + HEADER;
    payload[0] = begins ? 0x90 : 0x80;
    payload[1] = 0x80;
    put16(payload + 2, 0x8000u | (picture & 0x7FFF));
    if (!begins) return;
    const uint8_t key_header[10] = {0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x01}; /* shown, 640 × 480 */
    if (is_key) memcpy(payload + DESCRIPTOR, key_header, sizeof key_header);
    else payload[DESCRIPTOR] = 0x11;
}

static void write_audio(uint8_t *packet, unsigned length, int64_t at_ns) {
    memset(packet, FILLER, length);
    write_header(packet, AUDIO_TYPE, false, audio_sequence++, at_ns, 48000, AUDIO_SSRC);
}

static void protect(unsigned slot, unsigned length) {
    int size = (int)length;
    if (srtp_protect(srtp, burst[slot], &size) != srtp_err_status_ok) exit(1);
    parts[slot] = (struct iovec){.iov_base = burst[slot], .iov_len = (size_t)size};
    messages[slot].msg_hdr = (struct msghdr){.msg_iov = &parts[slot], .msg_iovlen = 1};
}

static void leave(unsigned count) {
    const int left = sendmmsg(peer.socket, messages, count, 0);
    if (left > 0) sent += (unsigned)left;
}

/* Waits until then; false when standard input ends. */
static bool wait_until(int64_t at_ns) {
    static int64_t kept;
    if (now_ns() > kept + CONSENT_S * 1000000000LL) peer_keep_consent(&peer), kept = now_ns();
    for (;;) {
        char line[64];
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        const int64_t left = at_ns - now_ns();
        const struct timespec wait = {.tv_sec = left > 0 ? left / 1000000000 : 0, .tv_nsec = left > 0 ? left % 1000000000 : 0};
        if (ppoll(&input, 1, &wait, NULL) == 0) return true;
        if (read(STDIN_FILENO, line, sizeof line) <= 0) return false;
        printf("counted %lu\n", sent);
        fflush(stdout);
        sent = 0;
    }
}

static void send_bursts(unsigned packets, unsigned bytes) {
    const int64_t begin = now_ns();
    int64_t frame_ns = begin, audio_ns = begin;
    for (uint64_t frame = 0;;) {
        if (!wait_until(frame_ns < audio_ns ? frame_ns : audio_ns)) return;
        if (audio_ns < frame_ns) {
            write_audio(burst[0], AUDIO_BYTES, audio_ns - begin);
            protect(0, AUDIO_BYTES);
            leave(1);
            audio_ns += AUDIO_NS;
            continue;
        }
        for (unsigned i = 0; i < packets; i++) {
            write_video(burst[i], bytes, i == 0, i + 1 == packets, frame % FRAMES_PER_KEY == 0, frame_ns - begin);
            protect(i, bytes);
        }
        leave(packets);
        picture++, frame++;
        frame_ns += FRAME_NS;
    }
}

static void send_recording(void) {
    const int64_t first = now_ns();
    for (int64_t begin = first;; begin += recording_ns) {
        bool begins = true, is_key = true;
        int64_t frame_ns = 0;
        for (size_t i = 0; i < recorded_count; i++) {
            const struct recorded *packet = &recording[i];
            if (!wait_until(begin + packet->at_ns)) return;
            if (packet->is_video) {
                if (begins) frame_ns = begin + packet->at_ns - first;
                write_video(burst[0], packet->length, begins, packet->ends_frame, is_key, frame_ns);
                begins = packet->ends_frame;
                if (begins) picture++, is_key = false;
            } else write_audio(burst[0], packet->length, begin + packet->at_ns - first);
            protect(0, packet->length);
            leave(1);
        }
    }
}

static void read_recording(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) perror(path), exit(66);
    char line[128], kind[8];
    unsigned length, marker;
    double at_us;
    recording = calloc(1 << 20, sizeof *recording);
    while (fgets(line, sizeof line, file) && recorded_count < 1 << 20) {
        if (sscanf(line, "%lf,%7[a-z],%u,%u", &at_us, kind, &length, &marker) != 4 || length < 40 || length > PACKET_MAX) continue;
        recording[recorded_count++] = (struct recorded){(int64_t)(at_us * 1000), length, strcmp(kind, "video") == 0, marker == 1};
        recording_ns = (int64_t)(at_us * 1000) + AUDIO_NS;
    }
    fclose(file);
    if (recorded_count == 0) fprintf(stderr, "%s: no packets\n", path), exit(66);
    /* A frame that the recording's end has cut off is closed. */
    for (size_t i = recorded_count; i-- > 0;)
        if (recording[i].is_video) {
            recording[i].ends_frame = true;
            break;
        }
}

int main(int count, char **words) {
    if (count < 6 || count > 7) return fputs("usage: publisher ADDRESS PORT gcm|cm PACKETS BYTES [RECORDING]\n", stderr), 64;
    const bool is_gcm = strcmp(words[3], "gcm") == 0;
    const unsigned packets = (unsigned)atoi(words[4]), bytes = (unsigned)atoi(words[5]);
    if (packets < 1 || packets > BURST_MAX || bytes < 40 || bytes > PACKET_MAX) return 64;
    if (count == 7) read_recording(words[6]);
    struct in_addr address;
    inet_pton(AF_INET, words[1], &address);
    srtp_init();
    identity_make(&identity, is_gcm ? "SRTP_AEAD_AES_128_GCM" : "SRTP_AES128_CM_SHA1_80");
    peer_open(&peer, address, (uint16_t)atoi(words[2]));
    printf("ready %s %s %s\n", identity.fragment, identity.password, identity.fingerprint);
    fflush(stdout);

    char line[1024];
    for (;;) {
        unsigned port;
        char host[64], fragment[257], password[257];
        const ssize_t size = read(STDIN_FILENO, line, sizeof line - 1);
        if (size <= 0) break;
        line[size] = 0;
        if (sscanf(line, "connect %63s %u %256s %256s", host, &port, fragment, password) == 4) {
            const char *error = peer_connect(&peer, &identity, host, (uint16_t)port, fragment, password);
            if (!error) srtp = peer_srtp(peer.send_master, peer.is_gcm, true);
            error ? printf("failed %s\n", error) : puts("connected");
        } else if (sscanf(line, "floor %63s %u", host, &port) == 2) {
            struct sockaddr_in remote = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
            inet_pton(AF_INET, host, &remote.sin_addr);
            if (connect(peer.socket, (struct sockaddr *)&remote, sizeof remote) != 0) return perror("connect"), 1;
            floor_master_key(FLOOR_PUBLISHER, peer.send_master);
            srtp = peer_srtp(peer.send_master, is_gcm, true);
            puts("connected");
        } else if (srtp && strncmp(line, "send", 4) == 0) {
            recording ? send_recording() : send_bursts(packets, bytes);
            break;
        } else puts("failed unknown command");
        fflush(stdout);
    }
    peer_close(&peer);
    return 0;
}
