/*
 * Receivers that cost little: the server's CPU is to be measured, not theirs. They look every 10 ms, count, and a few decrypt and check.
 *
 *     subscribers ADDRESS COUNT BASE_PORT gcm|cm VERIFYING gro|plain
 *
 * Says `ready FRAGMENT PASSWORD FINGERPRINT`, then answers on standard output what it is told on standard input:
 *     connect INDEX ADDRESS PORT FRAGMENT PASSWORD   `connected` or `failed WHY`
 *     floor                                          the keys of the floor, which shakes no hands
 *     count                                          `counted TOTAL LOWEST VERIFIED BAD GAPS RTCP` since the last time
 * and ends with standard input. The first VERIFYING of them decrypt every packet.
 */
#define _GNU_SOURCE
#include "peer.h"

#include <arpa/inet.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { BATCH = 64, GLANCE = 256 /* a check's size */, WHOLE = 65536, INTERVAL_MS = 10, CONSENT_S = 5, STREAMS = 4, FILLER = 0xAB };

struct subscriber {
    struct peer peer;
    bool is_verifying;
    srtp_t srtp;
    uint64_t counted;
    struct {
        uint32_t ssrc;
        uint16_t next;
    } streams[STREAMS];
};

static struct identity identity;
static struct subscriber *subscribers;
static unsigned subscriber_count;
static bool is_gro;
static struct { uint64_t verified, bad, gaps, rtcp; } tally;

static uint8_t (*buffers)[WHOLE];
static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];
static union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr alignment;
} controls[BATCH];

static void note_sequence(struct subscriber *subscriber, const uint8_t *packet) {
    uint32_t ssrc;
    memcpy(&ssrc, packet + 8, 4);
    const uint16_t sequence = (uint16_t)(packet[2] << 8 | packet[3]);
    for (unsigned i = 0; i < STREAMS; i++) {
        if (subscriber->streams[i].ssrc == 0) subscriber->streams[i].ssrc = ssrc, subscriber->streams[i].next = sequence;
        if (subscriber->streams[i].ssrc != ssrc) continue;
        if (subscriber->streams[i].next != sequence) tally.gaps++;
        subscriber->streams[i].next = (uint16_t)(sequence + 1);
        return;
    }
}

static void verify(struct subscriber *subscriber, uint8_t *packet, size_t size) {
    int length = (int)size;
    if (srtp_unprotect(subscriber->srtp, packet, &length) == srtp_err_status_ok && packet[length - 1] == FILLER) tally.verified++;
    else tally.bad++;
    note_sequence(subscriber, packet);
}

/* The length of each datagram that UDP_GRO has put together here; the whole where it is one. */
static size_t segment_length(struct msghdr *header, size_t whole) {
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control; control = CMSG_NXTHDR(header, control)) {
        int length;
        if (control->cmsg_level != SOL_UDP || control->cmsg_type != UDP_GRO) continue;
        memcpy(&length, CMSG_DATA(control), sizeof length);
        if (length > 0) return (size_t)length;
    }
    return whole;
}

static void take(struct subscriber *subscriber, unsigned slot) {
    uint8_t *bytes = buffers[slot];
    const size_t whole = messages[slot].msg_len;
    if (bytes[0] < 4 && whole <= GLANCE) peer_answer_check(&subscriber->peer, bytes, whole);
    if (whole < 12 || !is_rtp_or_rtcp(bytes)) return;
    if (is_rtcp(bytes)) {
        tally.rtcp++;
        return;
    }
    const size_t step = is_gro ? segment_length(&messages[slot].msg_hdr, whole) : whole;
    subscriber->counted += (whole + step - 1) / step;
    for (size_t from = 0; subscriber->is_verifying && from < whole; from += step) verify(subscriber, bytes + from, whole - from < step ? whole - from : step);
}

static void drain(struct subscriber *subscriber) {
    int received;
    do {
        for (unsigned slot = 0; slot < BATCH; slot++) {
            parts[slot].iov_len = subscriber->is_verifying ? WHOLE : GLANCE;
            messages[slot].msg_hdr.msg_controllen = sizeof controls[slot].bytes;
        }
        received = recvmmsg(subscriber->peer.socket, messages, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
        for (int slot = 0; slot < received; slot++) take(subscriber, (unsigned)slot);
    } while (received == BATCH);
}

static void prepare(struct subscriber *subscriber) {
    const int on = 1;
    if (is_gro) setsockopt(subscriber->peer.socket, SOL_UDP, UDP_GRO, &on, sizeof on);
    if (subscriber->is_verifying) subscriber->srtp = peer_srtp(subscriber->peer.receive_master, subscriber->peer.is_gcm, false);
}

static void connect_subscriber(unsigned index, const char *address, unsigned port, const char *fragment, const char *password) {
    const char *error = index < subscriber_count ? peer_connect(&subscribers[index].peer, &identity, address, (uint16_t)port, fragment, password) : "no such subscriber";
    if (error) printf("failed %s\n", error);
    else prepare(&subscribers[index]), puts("connected");
}

static void use_floor(bool is_gcm) {
    for (unsigned i = 0; i < subscriber_count; i++) {
        subscribers[i].peer.is_gcm = is_gcm;
        floor_master_key(i, subscribers[i].peer.receive_master);
        prepare(&subscribers[i]);
    }
    puts("connected");
}

static void report(void) {
    uint64_t total = 0, lowest = UINT64_MAX;
    for (unsigned i = 0; i < subscriber_count; i++) {
        total += subscribers[i].counted;
        if (subscribers[i].counted < lowest) lowest = subscribers[i].counted;
        subscribers[i].counted = 0;
    }
    printf("counted %lu %lu %lu %lu %lu %lu\n", total, lowest, tally.verified, tally.bad, tally.gaps, tally.rtcp);
    memset(&tally, 0, sizeof tally);
}

static void obey(const char *line, bool is_gcm) {
    unsigned index, port;
    char address[64], fragment[257], password[257];
    if (sscanf(line, "connect %u %63s %u %256s %256s", &index, address, &port, fragment, password) == 5)
        connect_subscriber(index, address, port, fragment, password);
    else if (strncmp(line, "floor", 5) == 0) use_floor(is_gcm);
    else if (strncmp(line, "count", 5) == 0) report();
    else puts("failed unknown command");
    fflush(stdout);
}

int main(int count, char **words) {
    if (count != 7) return fputs("usage: subscribers ADDRESS COUNT BASE_PORT gcm|cm VERIFYING gro|plain\n", stderr), 64;
    const bool is_gcm = strcmp(words[4], "gcm") == 0;
    const unsigned verifying = (unsigned)atoi(words[5]);
    struct in_addr address;
    inet_pton(AF_INET, words[1], &address);
    subscriber_count = (unsigned)atoi(words[2]);
    is_gro = strcmp(words[6], "gro") == 0;
    srtp_init();
    identity_make(&identity, is_gcm ? "SRTP_AEAD_AES_128_GCM" : "SRTP_AES128_CM_SHA1_80");
    subscribers = calloc(subscriber_count, sizeof *subscribers);
    buffers = calloc(BATCH, sizeof *buffers);
    for (unsigned slot = 0; slot < BATCH; slot++) {
        parts[slot].iov_base = buffers[slot];
        messages[slot].msg_hdr = (struct msghdr){.msg_iov = &parts[slot], .msg_iovlen = 1, .msg_control = controls[slot].bytes};
    }
    for (unsigned i = 0; i < subscriber_count; i++) {
        subscribers[i].is_verifying = i < verifying;
        peer_open(&subscribers[i].peer, address, (uint16_t)(atoi(words[3]) + (int)i));
    }
    printf("ready %s %s %s\n", identity.fragment, identity.password, identity.fingerprint);
    fflush(stdout);

    char line[1024];
    time_t kept = time(NULL);
    for (;;) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&input, 1, INTERVAL_MS) > 0) {
            ssize_t size = read(STDIN_FILENO, line, sizeof line - 1); /* one line at a time: each is answered before the next */
            if (size <= 0) break;
            line[size] = 0;
            for (unsigned i = 0; i < subscriber_count; i++) drain(&subscribers[i]);
            obey(line, is_gcm);
            continue;
        }
        for (unsigned i = 0; i < subscriber_count; i++) drain(&subscribers[i]);
        if (time(NULL) < kept + CONSENT_S) continue;
        kept = time(NULL);
        for (unsigned i = 0; i < subscriber_count; i++) peer_keep_consent(&subscribers[i].peer);
    }
    for (unsigned i = 0; i < subscriber_count; i++) peer_close(&subscribers[i].peer);
    return 0;
}
