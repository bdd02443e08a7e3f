/*
 * Receivers that cost little: the server's CPU is to be measured, not theirs. They look every 10 ms and count; the first and the last decrypt
 * and check every packet, and take from its stamp and from the kernel's time of arrival how long it was under way.
 *
 *     subscribers ADDRESS COUNT BASE_PORT gcm|cm gro|plain plain|feedback|nack
 *
 * With `feedback` each tells by RTCP, ten times a second, which packets have arrived and when, and once a second how far each stream is; with
 * `nack` it also asks for one packet of a hundred again.
 * Says `ready FRAGMENT PASSWORD FINGERPRINT`, then answers on standard output what it is told on standard input:
 *     connect INDEX ADDRESS PORT FRAGMENT PASSWORD   `connected` or `failed WHY`
 *     floor ADDRESS PORT                             the keys of the floor, which shakes no hands
 *     count                                          `counted …` since the last time, see `report`
 * and ends with standard input.
 */
#define _GNU_SOURCE
#include "feedback.h"
#include "media.h"
#include "peer.h"

#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum {
    BATCH = 64, GLANCE = 256 /* a check's size */, WHOLE = 65536, DELAYS_MAX = 1 << 18,
    INTERVAL_NS = 10000000, FEEDBACK_TURNS = 10, REPORT_TURNS = 100, CONSENT_TURNS = 400,
    PACKETS_PER_NACK = 100,
};

/* What those keep who decrypt. */
struct verifier {
    uint32_t delays_ns[DELAYS_MAX];
    unsigned delay_count;
    struct { uint32_t ssrc; uint16_t next; } streams[STREAMS];
};

struct subscriber {
    struct peer peer;
    bool is_connected;
    struct verifier *verifier;
    srtp_t incoming, outgoing;
    uint64_t counted, first_hand; /* since the last count; ever, but for what was asked for again */
    unsigned since_nack;
    struct feedback feedback;
};

static struct identity identity;
static struct subscriber *subscribers;
static unsigned subscriber_count;
static bool is_gcm, is_gro, has_feedback, has_nack;
static struct { uint64_t verified, bad, gaps, rtcp, answered, repeated; } tally;
enum { PADDED = 0x20 }; /* RFC 3550 §5.1; what servers pad is nothing else */

static uint8_t (*buffers)[WHOLE];
static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];
static union {
    char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct timespec))];
    struct cmsghdr alignment;
} controls[BATCH];

/* What the kernel says of a datagram: when it came, and the length of each part where UDP_GRO has put several together. */
struct facts {
    int64_t at_ns;
    size_t step;
};

static struct facts facts_of(struct msghdr *header, size_t whole) {
    struct facts facts = {.step = whole};
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control; control = CMSG_NXTHDR(header, control)) {
        if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO) {
            int length;
            memcpy(&length, CMSG_DATA(control), sizeof length);
            if (length > 0) facts.step = (size_t)length;
        } else if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec at;
            memcpy(&at, CMSG_DATA(control), sizeof at);
            facts.at_ns = at.tv_sec * 1000000000LL + at.tv_nsec;
        }
    }
    return facts;
}

static void send_rtcp(struct subscriber *subscriber, uint8_t packet[RTCP_MAX + SRTP_MAX_TRAILER_LEN + 4], size_t size) {
    int length = (int)size;
    if (size == 0) return;
    if (!subscriber->outgoing) subscriber->outgoing = peer_srtp(subscriber->peer.send_master, subscriber->peer.is_gcm, true);
    if (srtp_protect_rtcp(subscriber->outgoing, packet, &length) != srtp_err_status_ok) exit(1);
    send(subscriber->peer.socket, packet, (size_t)length, MSG_DONTWAIT);
}

/* The transport-wide number, or less than 0. */
static int32_t transport_wide(const uint8_t *packet, size_t header) {
    if (!(packet[0] & 0x10) || get16(packet + FIXED_HEADER) != 0xBEDE) return -1;
    for (size_t at = FIXED_HEADER + 4; at + 3 <= header; at += packet[at] == 0 ? 1 : 2u + (packet[at] & 15))
        if (packet[at] == (TRANSPORT_WIDE_ID << 4 | 1)) return (int32_t)get16(packet + at + 1);
    return -1;
}

/* Notes what feedback is made of. Of parts that came together only the first is looked at: their transport-wide numbers follow on it. */
static void note(struct subscriber *subscriber, const uint8_t *packet, size_t length, unsigned count, int64_t at_ns) {
    const size_t header = header_length(packet, length);
    const int32_t number = header <= length ? transport_wide(packet, header) : -1;
    const uint32_t ssrc = get32(packet + 8);
    if (number >= 0) feedback_note_arrival(&subscriber->feedback, (uint16_t)number, count, at_ns);
    feedback_note_sequence(&subscriber->feedback, ssrc, (uint16_t)get16(packet + 2));
    subscriber->since_nack += count;
    if (!has_nack || subscriber->since_nack < PACKETS_PER_NACK || (packet[1] & 0x7F) != VIDEO_TYPE) return;
    uint8_t nack[RTCP_MAX + SRTP_MAX_TRAILER_LEN + 4];
    subscriber->since_nack -= PACKETS_PER_NACK;
    send_rtcp(subscriber, nack, feedback_write_nack(nack, ssrc, (uint16_t)get16(packet + 2)));
}

/* Whether the packet continues its stream; one that was asked for again does not. */
static bool is_new(struct verifier *verifier, const uint8_t *packet) {
    const uint32_t ssrc = get32(packet + 8);
    const uint16_t sequence = (uint16_t)get16(packet + 2);
    for (unsigned i = 0; i < STREAMS; i++) {
        if (verifier->streams[i].ssrc == 0) verifier->streams[i].ssrc = ssrc, verifier->streams[i].next = sequence;
        if (verifier->streams[i].ssrc != ssrc) continue;
        const int16_t ahead = (int16_t)(sequence - verifier->streams[i].next);
        if (ahead < 0) return false;
        if (ahead > 0) tally.gaps++;
        verifier->streams[i].next = (uint16_t)(sequence + 1);
        return true;
    }
    return true;
}

static void verify(struct subscriber *subscriber, uint8_t *packet, size_t size, int64_t at_ns) {
    struct verifier *verifier = subscriber->verifier;
    int length = (int)size;
    const unsigned type = packet[1] & 0x7F;
    if (!is_new(verifier, packet)) {
        tally.repeated++;
        return;
    }
    const bool is_whole = srtp_unprotect(subscriber->incoming, packet, &length) == srtp_err_status_ok;
    if (!is_whole || (!(packet[0] & PADDED) && packet[length - 1] != FILLER)) {
        tally.bad++;
        return;
    }
    tally.verified++;
    if (packet[0] & PADDED) return;
    int64_t sent_ns;
    const size_t stamp = header_length(packet, (size_t)length) + stamp_offset(type);
    if (type == RETRANSMISSION_TYPE || stamp + sizeof sent_ns > (size_t)length || verifier->delay_count == DELAYS_MAX) return;
    memcpy(&sent_ns, packet + stamp, sizeof sent_ns);
    if (at_ns > sent_ns) verifier->delays_ns[verifier->delay_count++] = at_ns - sent_ns < UINT32_MAX ? (uint32_t)(at_ns - sent_ns) : UINT32_MAX;
}

static void take(struct subscriber *subscriber, unsigned slot) {
    uint8_t *bytes = buffers[slot];
    const size_t whole = messages[slot].msg_len;
    if (bytes[0] < 4 && whole <= GLANCE) {
        tally.answered += peer_is_answer(bytes, whole);
        peer_answer_check(&subscriber->peer, bytes, whole);
    }
    if (whole < FIXED_HEADER || !is_rtp_or_rtcp(bytes)) return;
    if (is_rtcp(bytes)) {
        tally.rtcp++;
        return;
    }
    const struct facts facts = facts_of(&messages[slot].msg_hdr, whole);
    const unsigned count = (unsigned)((whole + facts.step - 1) / facts.step);
    subscriber->counted += count;
    if ((bytes[1] & 0x7F) != RETRANSMISSION_TYPE && !(bytes[0] & PADDED)) subscriber->first_hand += count;
    if (has_feedback) note(subscriber, bytes, facts.step < GLANCE ? facts.step : GLANCE, count, facts.at_ns);
    if (!subscriber->incoming) return;
    for (size_t from = 0; from < whole; from += facts.step)
        verify(subscriber, bytes + from, whole - from < facts.step ? whole - from : facts.step, facts.at_ns);
}

static void drain(struct subscriber *subscriber) {
    int received;
    do {
        for (unsigned slot = 0; slot < BATCH; slot++) {
            parts[slot].iov_len = subscriber->incoming ? WHOLE : GLANCE;
            messages[slot].msg_hdr.msg_controllen = sizeof controls[slot].bytes;
        }
        received = recvmmsg(subscriber->peer.socket, messages, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
        for (int slot = 0; slot < received; slot++) take(subscriber, (unsigned)slot);
    } while (received == BATCH);
}

/* One look at all. Everybody's feedback has its own turn of 10 ms, as that of clients who know nothing of each other. */
static void look(void) {
    static uint64_t last;
    uint8_t packet[RTCP_MAX + SRTP_MAX_TRAILER_LEN + 4];
    const uint64_t turn = (uint64_t)now_ns(CLOCK_MONOTONIC) / INTERVAL_NS, passed = turn - last;
    last = turn;
    for (unsigned i = 0; i < subscriber_count; i++) {
        struct subscriber *subscriber = &subscribers[i];
        if (!subscriber->is_connected) continue;
        drain(subscriber);
        if (has_feedback && (turn + i) % FEEDBACK_TURNS < passed) send_rtcp(subscriber, packet, feedback_write_transport_wide(&subscriber->feedback, packet));
        if (has_feedback && (turn + i) % REPORT_TURNS < passed) send_rtcp(subscriber, packet, feedback_write_report(&subscriber->feedback, packet));
        if ((turn + i) % CONSENT_TURNS < passed) peer_keep_consent(&subscriber->peer);
    }
}

static void prepare(struct subscriber *subscriber) {
    const int on = 1;
    subscriber->is_connected = true;
    if (is_gro) setsockopt(subscriber->peer.socket, SOL_UDP, UDP_GRO, &on, sizeof on);
    setsockopt(subscriber->peer.socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (subscriber->verifier) subscriber->incoming = peer_srtp(subscriber->peer.receive_master, subscriber->peer.is_gcm, false);
}

static const char *connect_subscriber(unsigned index, const char *address, unsigned port, const char *fragment, const char *password) {
    if (index >= subscriber_count) return "no such subscriber";
    const char *error = peer_connect(&subscribers[index].peer, &identity, address, (uint16_t)port, fragment, password);
    if (!error) prepare(&subscribers[index]);
    return error;
}

static void use_floor(const char *host, unsigned port) {
    struct sockaddr_in remote = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, host, &remote.sin_addr);
    for (unsigned i = 0; i < subscriber_count; i++) {
        struct peer *peer = &subscribers[i].peer;
        if (connect(peer->socket, (struct sockaddr *)&remote, sizeof remote) != 0) perror("connect"), exit(1);
        peer->is_gcm = is_gcm;
        floor_master_key(i, peer->receive_master);
        floor_master_key(i, peer->send_master);
        prepare(&subscribers[i]);
    }
}

static int by_size(const void *left, const void *right) {
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Median and 99th percentile of one who decrypts, in µs. */
static void report_delays(struct verifier *verifier) {
    uint32_t *ns = verifier->delays_ns;
    const unsigned count = verifier->delay_count;
    qsort(ns, count, sizeof *ns, by_size);
    if (count == 0) printf(" 0 0");
    else printf(" %.1f %.1f", ns[count / 2] / 1e3, ns[count - 1 - count / 100] / 1e3);
    verifier->delay_count = 0;
}

/* What arrived: the total; the lowest subscriber's ever; checked, bad, gaps, RTCP, answers to checks, sent again; delays of the first, of the last. */
static void report(void) {
    uint64_t total = 0, lowest = UINT64_MAX;
    for (unsigned i = 0; i < subscriber_count; i++) {
        total += subscribers[i].counted;
        if (subscribers[i].first_hand < lowest) lowest = subscribers[i].first_hand;
        subscribers[i].counted = 0;
    }
    printf("counted %lu %lu %lu %lu %lu %lu %lu %lu", total, lowest, tally.verified, tally.bad, tally.gaps, tally.rtcp, tally.answered, tally.repeated);
    for (unsigned i = 0; i < subscriber_count; i++)
        if (subscribers[i].verifier) report_delays(subscribers[i].verifier);
    puts("");
    memset(&tally, 0, sizeof tally);
}

static void obey(const char *line) {
    unsigned index, port;
    char address[64], fragment[257], password[257];
    if (sscanf(line, "connect %u %63s %u %256s %256s", &index, address, &port, fragment, password) == 5) {
        const char *error = connect_subscriber(index, address, port, fragment, password);
        error ? printf("failed %s\n", error) : puts("connected");
    } else if (sscanf(line, "floor %63s %u", address, &port) == 2) use_floor(address, port), puts("connected");
    else if (strncmp(line, "count", 5) == 0) look(), report();
    else puts("failed unknown command");
    fflush(stdout);
}

int main(int count, char **words) {
    if (count != 7) return fputs("usage: subscribers ADDRESS COUNT BASE_PORT gcm|cm gro|plain plain|feedback|nack\n", stderr), 64;
    struct in_addr address;
    inet_pton(AF_INET, words[1], &address);
    subscriber_count = (unsigned)atoi(words[2]);
    is_gcm = strcmp(words[4], "gcm") == 0;
    is_gro = strcmp(words[5], "gro") == 0;
    has_nack = strcmp(words[6], "nack") == 0;
    has_feedback = has_nack || strcmp(words[6], "feedback") == 0;
    srtp_init();
    identity_make(&identity, is_gcm ? "SRTP_AEAD_AES_128_GCM" : "SRTP_AES128_CM_SHA1_80");
    subscribers = calloc(subscriber_count, sizeof *subscribers);
    buffers = calloc(BATCH, sizeof *buffers);
    for (unsigned slot = 0; slot < BATCH; slot++) {
        parts[slot].iov_base = buffers[slot];
        messages[slot].msg_hdr = (struct msghdr){.msg_iov = &parts[slot], .msg_iovlen = 1, .msg_control = controls[slot].bytes};
    }
    for (unsigned i = 0; i < subscriber_count; i++) {
        peer_open(&subscribers[i].peer, address, (uint16_t)(atoi(words[3]) + (int)i));
        if (i == 0 || i + 1 == subscriber_count) subscribers[i].verifier = calloc(1, sizeof(struct verifier));
    }
    printf("ready %s %s %s\n", identity.fragment, identity.password, identity.fingerprint);
    fflush(stdout);

    char line[1024];
    for (int64_t due_ns = now_ns(CLOCK_MONOTONIC);;) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        const int64_t left = due_ns - now_ns(CLOCK_MONOTONIC);
        const struct timespec wait = {.tv_nsec = left > 0 ? left : 0};
        if (ppoll(&input, 1, &wait, NULL) > 0) {
            const ssize_t size = read(STDIN_FILENO, line, sizeof line - 1); /* one line at a time: each is answered before the next */
            if (size <= 0) break;
            line[size] = 0;
            obey(line);
        }
        if (now_ns(CLOCK_MONOTONIC) < due_ns) continue;
        look();
        const int64_t rested_ns = now_ns(CLOCK_MONOTONIC) + INTERVAL_NS / 2; /* among thousands a look takes longer than that, and joins must go on */
        due_ns = due_ns + INTERVAL_NS > rested_ns ? due_ns + INTERVAL_NS : rested_ns;
    }
    for (unsigned i = 0; i < subscriber_count; i++) peer_close(&subscribers[i].peer);
    return 0;
}
