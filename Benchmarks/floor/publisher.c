/*
 * One publisher of VP8 and Opus, of a shape:
 *     bursts   30 frames a second of 8 packets of 1,100 bytes (RTP, before SRTP), each frame at once, and 50 packets of 100 bytes of sound
 *     paced    the same, but a frame's packets are spread over 20 ms
 *     audio    16 tracks of such sound and no picture, one millisecond apart
 *     a file   a recording's packet sizes and times (Benchmarks/recordings/README.md), again and again
 *
 *     publisher ADDRESS PORT gcm|cm plain|feedback SHAPE
 *
 * Every packet bears the time at which it is sent, and with `feedback` the extensions of congestion control; each track then has a sender report
 * every second. A keyframe comes first and whenever
 * the shape begins anew: every two seconds, or when the recording is over.
 * Says `ready FRAGMENT PASSWORD FINGERPRINT`, then obeys standard input, until that ends:
 *     connect ADDRESS PORT FRAGMENT PASSWORD   `connected` or `failed WHY`
 *     floor ADDRESS PORT                       the keys of the floor, which shakes no hands
 *     send                                     begins to send
 *     hold                                     sends no more
 *     count                                    `counted SENT`
 */
#define _GNU_SOURCE
#include "media.h"
#include "peer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BURST_MAX = 64, PACKET_MAX = 1400, PACKET_MIN = 48 /* holds header, descriptor and stamp */, PLAN_MAX = 1 << 20,
    FRAMES = 60, FRAME_NS = 33333333, FRAME_PACKETS = 8, VIDEO_BYTES = 1100, PACED_NS = 20000000, AUDIO_BYTES = 100, AUDIO_NS = 20000000,
    CONSENT_NS = 2000000000, REPORT_NS = 1000000000, EXTENSIONS = 12, VIDEO = 0,
    SENDER_REPORT = 200, SENDER_REPORT_BYTES = 28,
};

/* A packet of the plan, which is in the order of time. Track VIDEO is the picture, the others are sound. */
struct planned {
    int64_t at_ns;
    unsigned length, track;
    bool ends_frame;
};

static struct peer peer;
static struct identity identity;
static srtp_t srtp;
static bool has_feedback;
static struct planned *plan;
static size_t planned_count;
static int64_t plan_ns;
static uint8_t burst[BURST_MAX][PACKET_MAX + 32];
static struct mmsghdr messages[BURST_MAX];
static struct iovec parts[BURST_MAX];
static struct { uint32_t packets, bytes, timestamp; } tracks[1 + TRACKS];
static uint16_t transport_sequence, picture;
static uint64_t sent;

/* By time; at one time by track, a frame's last packet last. */
static int in_order(const void *left, const void *right) {
    const struct planned *a = left, *b = right;
    if (a->at_ns != b->at_ns) return a->at_ns < b->at_ns ? -1 : 1;
    return a->track != b->track ? (int)a->track - (int)b->track : a->ends_frame - b->ends_frame;
}

static void plan_packet(int64_t at_ns, unsigned length, unsigned track, bool ends_frame) {
    if (planned_count < PLAN_MAX) plan[planned_count++] = (struct planned){at_ns, length, track, ends_frame};
}

static void plan_shape(unsigned frames, int64_t spread_ns, unsigned tracks_of_sound) {
    plan_ns = (int64_t)FRAMES * FRAME_NS;
    for (unsigned frame = 0; frame < frames; frame++)
        for (unsigned i = 0; i < FRAME_PACKETS; i++)
            plan_packet(frame * (int64_t)FRAME_NS + i * spread_ns / FRAME_PACKETS, VIDEO_BYTES, VIDEO, i + 1 == FRAME_PACKETS);
    for (int64_t at_ns = 0; at_ns + AUDIO_NS <= plan_ns + FRAMES; at_ns += AUDIO_NS)
        for (unsigned track = 1; track <= tracks_of_sound; track++) plan_packet(at_ns + (track - 1) * 1000000, AUDIO_BYTES, track, false);
    qsort(plan, planned_count, sizeof *plan, in_order);
}

static void plan_recording(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) perror(path), exit(66);
    char line[128], kind[8];
    unsigned length, marker;
    double at_us;
    struct planned *last = NULL; /* of the picture: a frame that the recording's end has cut off is closed */
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%lf,%7[a-z],%u,%u", &at_us, kind, &length, &marker) != 4 || length > PACKET_MAX) continue;
        const bool is_video = strcmp(kind, "video") == 0;
        plan_ns = (int64_t)(at_us * 1000) + AUDIO_NS;
        plan_packet((int64_t)(at_us * 1000), length < PACKET_MIN ? PACKET_MIN : length, is_video ? VIDEO : 1, is_video && marker == 1);
        if (is_video) last = &plan[planned_count - 1];
    }
    fclose(file);
    if (planned_count == 0) fprintf(stderr, "%s: no packets\n", path), exit(66);
    if (last) last->ends_frame = true;
}

static uint32_t ssrc_of(unsigned track) { return track == VIDEO ? VIDEO_SSRC : AUDIO_SSRC + track - 1; }

/* Header and extensions; returns where the payload begins. */
static uint8_t *write_header(uint8_t *packet, unsigned type, bool marker, unsigned track) {
    packet[0] = has_feedback ? 0x90 : 0x80;
    packet[1] = (uint8_t)(type | (marker ? 0x80 : 0));
    put16(packet + 2, tracks[track].packets++ & 0xFFFF);
    put32(packet + 4, tracks[track].timestamp);
    put32(packet + 8, ssrc_of(track));
    if (!has_feedback) return packet + FIXED_HEADER;
    const uint32_t send_time = abs_send_time(now_ns(CLOCK_MONOTONIC));
    const uint8_t extensions[EXTENSIONS] = {
        0xBE, 0xDE, 0, EXTENSIONS / 4 - 1, ABS_SEND_TIME_ID << 4 | 2, (uint8_t)(send_time >> 16), (uint8_t)(send_time >> 8), (uint8_t)send_time,
        TRANSPORT_WIDE_ID << 4 | 1, (uint8_t)(transport_sequence >> 8), (uint8_t)transport_sequence,
    };
    memcpy(packet + FIXED_HEADER, extensions, sizeof extensions);
    transport_sequence++;
    return packet + FIXED_HEADER + EXTENSIONS;
}

/* A packet of sound, or a part of a frame: the descriptor, and on the first part the frame's header. */
static void write_packet(uint8_t *packet, const struct planned *planned, int64_t media_ns, bool begins, bool is_key) {
    static const uint8_t key_header[KEY_HEADER] = {0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x01}; /* shown, 640 × 480 */
    const bool is_video = planned->track == VIDEO;
    const unsigned type = is_video ? VIDEO_TYPE : AUDIO_TYPE, clock = is_video ? 90 : 48;
    memset(packet, FILLER, planned->length);
    tracks[planned->track].timestamp = (uint32_t)(media_ns / 1000 * clock / 1000);
    tracks[planned->track].bytes += planned->length;
    uint8_t *payload = write_header(packet, type, planned->ends_frame, planned->track);
    if (is_video) {
        payload[0] = begins ? 0x90 : 0x80;
        payload[1] = 0x80;
        put16(payload + 2, 0x8000u | (picture & 0x7FFF));
        if (begins && is_key) memcpy(payload + DESCRIPTOR, key_header, sizeof key_header);
        else if (begins) payload[DESCRIPTOR] = 0x11;
    }
    const int64_t now = now_ns(CLOCK_REALTIME);
    memcpy(payload + stamp_offset(type), &now, sizeof now);
}

static void protect(unsigned slot, unsigned length) {
    int size = (int)length;
    if (srtp_protect(srtp, burst[slot], &size) != srtp_err_status_ok) exit(1);
    parts[slot] = (struct iovec){.iov_base = burst[slot], .iov_len = (size_t)size};
    messages[slot].msg_hdr = (struct msghdr){.msg_iov = &parts[slot], .msg_iovlen = 1};
}

/* What time it is and what was sent (RFC 3550 §6.4.1), of each track that has begun. */
static void send_reports(void) {
    const int64_t now = now_ns(CLOCK_REALTIME);
    for (unsigned track = 0; track <= TRACKS; track++) {
        uint8_t report[SENDER_REPORT_BYTES + SRTP_MAX_TRAILER_LEN + 4] = {0x80, SENDER_REPORT, 0, SENDER_REPORT_BYTES / 4 - 1};
        int size = SENDER_REPORT_BYTES;
        if (tracks[track].packets == 0) continue;
        put32(report + 4, ssrc_of(track));
        put32(report + 8, (uint32_t)(now / 1000000000 + 2208988800)); /* since 1900 */
        put32(report + 12, (uint32_t)(((uint64_t)(now % 1000000000) << 32) / 1000000000));
        put32(report + 16, tracks[track].timestamp);
        put32(report + 20, tracks[track].packets);
        put32(report + 24, tracks[track].bytes);
        if (srtp_protect_rtcp(srtp, report, &size) != srtp_err_status_ok) exit(1);
        send(peer.socket, report, (size_t)size, 0);
    }
}

static void obey(char *line, bool *is_sending) {
    unsigned port;
    char host[64], fragment[257], password[257];
    if (sscanf(line, "connect %63s %u %256s %256s", host, &port, fragment, password) == 4) {
        const char *error = peer_connect(&peer, &identity, host, (uint16_t)port, fragment, password);
        if (!error) srtp = peer_srtp(peer.send_master, peer.is_gcm, true);
        error ? printf("failed %s\n", error) : puts("connected");
    } else if (sscanf(line, "floor %63s %u", host, &port) == 2) {
        struct sockaddr_in remote = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        inet_pton(AF_INET, host, &remote.sin_addr);
        if (connect(peer.socket, (struct sockaddr *)&remote, sizeof remote) != 0) perror("connect"), exit(1);
        floor_master_key(FLOOR_PUBLISHER, peer.send_master);
        srtp = peer_srtp(peer.send_master, peer.is_gcm, true);
        puts("connected");
    } else if (strncmp(line, "count", 5) == 0) printf("counted %lu\n", sent);
    else if (srtp && strncmp(line, "send", 4) == 0) *is_sending = true;
    else if (strncmp(line, "hold", 4) == 0) *is_sending = false;
    else puts("failed unknown command");
    fflush(stdout);
}

/* Obeys until then, and keeps consent; false when standard input ends. Until it is to send, then never comes. */
static bool wait_until(int64_t at_ns, bool *is_sending) {
    static int64_t kept;
    for (;;) {
        char line[1024];
        const int64_t now = now_ns(CLOCK_MONOTONIC), due = *is_sending ? at_ns : now + CONSENT_NS, left = due > now ? due - now : 0;
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        const struct timespec wait = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
        if (now > kept + CONSENT_NS) peer_keep_consent(&peer), kept = now;
        if (ppoll(&input, 1, &wait, NULL) == 0) {
            if (*is_sending) return true;
            continue;
        }
        const ssize_t size = read(STDIN_FILENO, line, sizeof line - 1);
        if (size <= 0) return false;
        line[size] = 0;
        const bool was_sending = *is_sending;
        obey(line, is_sending);
        if (*is_sending && !was_sending) return true;
    }
}

static void run(void) {
    bool is_sending = false, begins = true;
    if (!wait_until(0, &is_sending)) return;
    const int64_t first = now_ns(CLOCK_MONOTONIC);
    int64_t frame_ns = 0, report_ns = first;
    for (int64_t begin = first;; begin += plan_ns) {
        bool is_key = true;
        for (size_t next = 0; next < planned_count;) {
            const int64_t at_ns = plan[next].at_ns;
            if (!wait_until(begin + at_ns, &is_sending)) return;
            unsigned count = 0;
            for (; next < planned_count && plan[next].at_ns == at_ns && count < BURST_MAX; next++, count++) {
                const struct planned *planned = &plan[next];
                const bool is_video = planned->track == VIDEO;
                if (is_video && begins) frame_ns = begin + at_ns - first;
                write_packet(burst[count], planned, is_video ? frame_ns : begin + at_ns - first, begins, is_key);
                if (is_video) begins = planned->ends_frame;
                if (planned->ends_frame) picture++, is_key = false;
                protect(count, planned->length);
            }
            const int left = sendmmsg(peer.socket, messages, count, 0);
            if (left > 0) sent += (unsigned)left;
            if (has_feedback && begin + at_ns >= report_ns) send_reports(), report_ns += REPORT_NS;
        }
    }
}

int main(int count, char **words) {
    if (count != 6) return fputs("usage: publisher ADDRESS PORT gcm|cm plain|feedback bursts|paced|audio|FILE\n", stderr), 64;
    peer.is_gcm = strcmp(words[3], "gcm") == 0;
    has_feedback = strcmp(words[4], "feedback") == 0;
    plan = calloc(PLAN_MAX, sizeof *plan);
    if (strcmp(words[5], "bursts") == 0) plan_shape(FRAMES, 0, 1);
    else if (strcmp(words[5], "paced") == 0) plan_shape(FRAMES, PACED_NS, 1);
    else if (strcmp(words[5], "audio") == 0) plan_shape(0, 0, TRACKS);
    else plan_recording(words[5]);
    struct in_addr address;
    inet_pton(AF_INET, words[1], &address);
    srtp_init();
    identity_make(&identity, peer.is_gcm ? "SRTP_AEAD_AES_128_GCM" : "SRTP_AES128_CM_SHA1_80");
    peer_open(&peer, address, (uint16_t)atoi(words[2]));
    printf("ready %s %s %s\n", identity.fragment, identity.password, identity.fingerprint);
    fflush(stdout);
    run();
    peer_close(&peer);
    return 0;
}
