/*
 * The reference floor: what fan-out costs at least. It receives a batch, removes SRTP once, and for each subscriber writes a header, seals
 * by libipsec-mb, and sends runs of packets by sendmmsg and UDP_SEGMENT. No ICE, no DTLS, no streams that come and go, no feedback.
 *
 *     floor ADDRESS PORT SUBSCRIBERS BASE_PORT gcm|cm
 *
 * Subscriber i is ADDRESS:(BASE_PORT + i); keys are those of `floor_master_key`. Says `ready`, and ends by a signal.
 */
#define _GNU_SOURCE
#define NO_COMPAT_IMB_API_053
#include "srtp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <intel-ipsec-mb.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    BATCH = 32,          /* datagrams that are received at a time */
    GROUP = 16,          /* subscribers whose packets are sent by one sendmmsg: as many as leave the slab in the second-level cache */
    DATAGRAM = 2048,     /* room for one received */
    SLOT = 1536,         /* room for one sent */
    RUN_MAX = 65000,     /* bytes in one UDP_SEGMENT run */
    HEADER = 12,
    AUDIO_TYPE = 111,
};

struct stream {
    uint32_t ssrc;
    uint32_t index; /* rollover counter and sequence number */
};

struct leg {
    struct gcm_key_data gcm __attribute__((aligned(64)));
    uint32_t encryption[4 * 11] __attribute__((aligned(16)));
    uint8_t inner[IMB_SHA1_DIGEST_SIZE_IN_BYTES] __attribute__((aligned(16)));
    uint8_t outer[IMB_SHA1_DIGEST_SIZE_IN_BYTES] __attribute__((aligned(16)));
    uint8_t salt[16];
    struct stream streams[2]; /* video, audio */
    struct sockaddr_in address;
};

struct packet {
    uint8_t bytes[DATAGRAM] __attribute__((aligned(64)));
    size_t length;
};

/* A run of datagrams to one subscriber: all of the first one's length, but the last may be shorter. */
struct run {
    size_t segment;
    bool is_closed;
};

static IMB_MGR *manager;
static bool is_gcm;
static struct packet received[BATCH];
static uint8_t slab[GROUP][BATCH * SLOT] __attribute__((aligned(64)));
static struct mmsghdr messages[GROUP * BATCH];
static struct iovec parts[GROUP * BATCH];
static struct run runs[GROUP * BATCH];
static union {
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
    struct cmsghdr alignment;
} controls[GROUP * BATCH];
/* One for each job that is in the multi-buffer manager. */
static uint8_t counters[GROUP * BATCH][16] __attribute__((aligned(16)));
static uint8_t digests[GROUP * BATCH][16] __attribute__((aligned(16)));
static uint8_t *tags[GROUP * BATCH];

static void put32(uint8_t *bytes, uint32_t value) {
    value = htonl(value);
    memcpy(bytes, &value, 4);
}

static uint32_t get32(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, 4);
    return ntohl(value);
}

/* Half of HMAC's key schedule (RFC 2104): the state after the block of key and pad. */
static void expand_half(const uint8_t key[20], uint8_t pad, uint8_t *state) {
    uint8_t block[64];
    for (int i = 0; i < 64; i++) block[i] = (uint8_t)((i < 20 ? key[i] : 0) ^ pad);
    IMB_SHA1_ONE_BLOCK(manager, block, state);
}

static void set_keys(struct leg *leg, unsigned index) {
    uint8_t master[MASTER_MAX];
    struct session_keys keys = {0};
    uint32_t decryption[4 * 11] __attribute__((aligned(16)));
    floor_master_key(index, master);
    derive_session_keys(master, is_gcm ? GCM_SALT : CM_SALT, &keys);
    IMB_AES128_GCM_PRE(manager, keys.cipher, &leg->gcm);
    IMB_AES_KEYEXP_128(manager, keys.cipher, leg->encryption, decryption);
    expand_half(keys.authentication, 0x36, leg->inner);
    expand_half(keys.authentication, 0x5C, leg->outer);
    memcpy(leg->salt, keys.salt, CM_SALT);
}

/* RFC 7714 §8.1: two zeros, SSRC, rollover counter and sequence number, masked by the salt. */
static inline void gcm_nonce(const struct leg *leg, uint32_t ssrc, uint32_t roc, uint16_t sequence, uint8_t nonce[12]) {
    uint8_t plain[12] = {0};
    put32(plain + 2, ssrc);
    put32(plain + 6, roc);
    plain[10] = (uint8_t)(sequence >> 8);
    plain[11] = (uint8_t)sequence;
    for (int i = 0; i < 12; i++) nonce[i] = plain[i] ^ leg->salt[i];
}

/* RFC 3711 §4.1.1: the same fields two bytes further, and a block counter behind them. */
static inline void cm_counter(const struct leg *leg, uint32_t ssrc, uint32_t roc, uint16_t sequence, uint8_t counter[16]) {
    uint8_t plain[16] = {0};
    put32(plain + 4, ssrc);
    put32(plain + 8, roc);
    plain[12] = (uint8_t)(sequence >> 8);
    plain[13] = (uint8_t)sequence;
    for (int i = 0; i < 16; i++) counter[i] = plain[i] ^ leg->salt[i];
}

static inline IMB_JOB *cm_job(const struct leg *leg, uint8_t *packet, size_t length, const uint8_t *counter, uint8_t *digest) {
    IMB_JOB *job = IMB_GET_NEXT_JOB(manager);
    job->cipher_mode = IMB_CIPHER_CNTR;
    job->hash_alg = IMB_AUTH_HMAC_SHA_1;
    job->src = packet;
    job->dst = packet + HEADER;
    job->cipher_start_src_offset_in_bytes = HEADER;
    job->msg_len_to_cipher_in_bytes = length - HEADER;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_hash_in_bytes = length + 4; /* the rollover counter lies where the tag will */
    job->iv = counter;
    job->iv_len_in_bytes = 16;
    job->enc_keys = leg->encryption;
    job->dec_keys = leg->encryption;
    job->key_len_in_bytes = 16;
    job->auth_tag_output = digest;
    job->auth_tag_output_len_in_bytes = 12;
    job->u.HMAC._hashed_auth_key_xor_ipad = leg->inner;
    job->u.HMAC._hashed_auth_key_xor_opad = leg->outer;
    return job;
}

/* The index that is nearest to the highest one so far (RFC 3711 §3.3.1). */
static uint32_t nearest_index(uint32_t highest, uint16_t sequence) {
    return highest + (uint32_t)(int32_t)(int16_t)(sequence - (uint16_t)highest);
}

static struct stream *stream_of(struct leg *leg, const uint8_t *packet) { return &leg->streams[(packet[1] & 0x7F) == AUDIO_TYPE]; }

/* Opens the publisher's packet in place. A packet that fails is dropped. */
static bool open_packet(struct leg *publisher, struct packet *packet) {
    uint8_t *bytes = packet->bytes;
    const size_t tag_length = is_gcm ? GCM_TAG : CM_TAG;
    if (packet->length <= HEADER + tag_length) return false;
    const size_t length = packet->length - tag_length;
    struct stream *stream = stream_of(publisher, bytes);
    const uint32_t ssrc = get32(bytes + 8);
    const uint16_t sequence = (uint16_t)(bytes[2] << 8 | bytes[3]);
    const uint32_t index = nearest_index(stream->index, sequence);
    uint8_t computed[20];
    if (is_gcm) {
        struct gcm_context_data context;
        uint8_t nonce[12];
        gcm_nonce(publisher, ssrc, index >> 16, sequence, nonce);
        IMB_AES128_GCM_DEC(manager, &publisher->gcm, &context, bytes + HEADER, bytes + HEADER, length - HEADER, nonce, bytes, HEADER, computed, GCM_TAG);
        if (memcmp(computed, bytes + length, GCM_TAG) != 0) return false;
    } else {
        uint8_t counter[16] __attribute__((aligned(16))), tag[CM_TAG];
        memcpy(tag, bytes + length, CM_TAG);
        put32(bytes + length, index >> 16);
        cm_counter(publisher, ssrc, index >> 16, sequence, counter);
        IMB_JOB *job = cm_job(publisher, bytes, length, counter, computed);
        job->cipher_direction = IMB_DIR_DECRYPT;
        job->chain_order = IMB_ORDER_HASH_CIPHER;
        IMB_SUBMIT_JOB_NOCHECK(manager);
        while (IMB_FLUSH_JOB(manager)) {}
        if (memcmp(computed, tag, CM_TAG) != 0) return false;
    }
    if ((int32_t)(index - stream->index) > 0) stream->index = index;
    packet->length = length;
    return true;
}

/* Writes the subscriber's form of an opened packet, sealed; under AES-CM it is complete after `finish_jobs`. */
static inline void seal_packet(struct leg *leg, const struct packet *packet, uint8_t *out, unsigned *jobs) {
    const uint8_t *in = packet->bytes;
    const size_t length = packet->length;
    struct stream *stream = stream_of(leg, in);
    const uint32_t index = stream->index++;
    const uint16_t sequence = (uint16_t)index;
    memcpy(out, in, 8);
    out[2] = (uint8_t)(sequence >> 8);
    out[3] = (uint8_t)sequence;
    put32(out + 8, stream->ssrc);
    if (is_gcm) {
        struct gcm_context_data context;
        uint8_t nonce[12];
        gcm_nonce(leg, stream->ssrc, index >> 16, sequence, nonce);
        IMB_AES128_GCM_ENC(manager, &leg->gcm, &context, out + HEADER, in + HEADER, length - HEADER, nonce, out, HEADER, out + length, GCM_TAG);
    } else {
        const unsigned slot = (*jobs)++;
        memcpy(out + HEADER, in + HEADER, length - HEADER);
        put32(out + length, index >> 16);
        cm_counter(leg, stream->ssrc, index >> 16, sequence, counters[slot]);
        tags[slot] = out + length;
        IMB_JOB *job = cm_job(leg, out, length, counters[slot], digests[slot]);
        job->cipher_direction = IMB_DIR_ENCRYPT;
        job->chain_order = IMB_ORDER_CIPHER_HASH;
        IMB_SUBMIT_JOB_NOCHECK(manager);
    }
}

static void finish_jobs(unsigned jobs) {
    while (IMB_FLUSH_JOB(manager)) {}
    for (unsigned slot = 0; slot < jobs; slot++) memcpy(tags[slot], digests[slot], CM_TAG);
}

static void begin_run(unsigned number, struct leg *leg, uint8_t *bytes, size_t length) {
    parts[number] = (struct iovec){.iov_base = bytes, .iov_len = length};
    runs[number] = (struct run){.segment = length};
    struct msghdr *header = &messages[number].msg_hdr;
    *header = (struct msghdr){
        .msg_name = &leg->address, .msg_namelen = sizeof leg->address, .msg_iov = &parts[number], .msg_iovlen = 1,
        .msg_control = controls[number].bytes, .msg_controllen = sizeof controls[number].bytes,
    };
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    const uint16_t segment = (uint16_t)length;
    control->cmsg_level = SOL_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(control), &segment, sizeof segment);
}

/* Adds a sealed packet behind the last run's bytes, or says that it needs a run of its own. */
static bool extend_run(unsigned number, size_t length) {
    struct run *run = &runs[number];
    if (run->is_closed || length > run->segment || parts[number].iov_len + length > RUN_MAX) return false;
    parts[number].iov_len += length;
    run->is_closed = length < run->segment;
    return true;
}

static void send_runs(int socket, unsigned count) {
    for (unsigned sent = 0; sent < count;) {
        int done = sendmmsg(socket, messages + sent, count - sent, 0);
        if (done < 0) {
            if (errno == EINTR) continue;
            perror("sendmmsg");
            exit(1);
        }
        sent += (unsigned)done;
    }
}

static void fan_out(int socket, struct leg *legs, unsigned subscribers, struct packet *const *packets, unsigned count) {
    const size_t tag_length = is_gcm ? GCM_TAG : CM_TAG;
    for (unsigned first = 0; first < subscribers; first += GROUP) {
        const unsigned end = first + GROUP < subscribers ? first + GROUP : subscribers;
        unsigned used = 0, jobs = 0;
        for (unsigned number = first; number < end; number++) {
            uint8_t *out = slab[number - first];
            const unsigned own = used;
            for (unsigned i = 0; i < count; i++) {
                const size_t length = packets[i]->length + tag_length;
                seal_packet(&legs[number], packets[i], out, &jobs);
                if (used == own || !extend_run(used - 1, length)) begin_run(used++, &legs[number], out, length);
                out += length;
            }
        }
        if (jobs > 0) finish_jobs(jobs);
        send_runs(socket, used);
    }
}

static void serve(int socket, struct leg *publisher, struct leg *legs, unsigned subscribers) {
    struct mmsghdr arrivals[BATCH] = {0};
    struct iovec places[BATCH];
    for (int i = 0; i < BATCH; i++) {
        places[i] = (struct iovec){.iov_base = received[i].bytes, .iov_len = DATAGRAM};
        arrivals[i].msg_hdr.msg_iov = &places[i];
        arrivals[i].msg_hdr.msg_iovlen = 1;
    }
    for (;;) {
        struct pollfd readable = {.fd = socket, .events = POLLIN};
        poll(&readable, 1, -1);
        int count = recvmmsg(socket, arrivals, BATCH, MSG_DONTWAIT, NULL);
        struct packet *opened[BATCH];
        unsigned good = 0;
        for (int i = 0; i < count; i++) {
            received[i].length = arrivals[i].msg_len;
            if (received[i].length <= SLOT && open_packet(publisher, &received[i])) opened[good++] = &received[i];
        }
        if (good > 0) fan_out(socket, legs, subscribers, opened, good);
    }
}

int main(int count, char **words) {
    if (count != 6) return fputs("usage: floor ADDRESS PORT SUBSCRIBERS BASE_PORT gcm|cm\n", stderr), 64;
    const unsigned subscribers = (unsigned)atoi(words[3]), base = (unsigned)atoi(words[4]);
    is_gcm = strcmp(words[5], "gcm") == 0;
    manager = alloc_mb_mgr(0);
    init_mb_mgr_auto(manager, NULL);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[2]))};
    inet_pton(AF_INET, words[1], &address.sin_addr);
    struct leg *legs = aligned_alloc(64, (subscribers + 1) * sizeof *legs);
    memset(legs, 0, (subscribers + 1) * sizeof *legs);
    for (unsigned i = 0; i < subscribers; i++) {
        set_keys(&legs[i], i);
        legs[i].address = address;
        legs[i].address.sin_port = htons((uint16_t)(base + i));
        legs[i].streams[0].ssrc = 0x10000 + i;
        legs[i].streams[1].ssrc = 0x20000 + i;
    }
    struct leg *publisher = &legs[subscribers];
    set_keys(publisher, FLOOR_PUBLISHER);

    const int socket_ = socket(AF_INET, SOCK_DGRAM, 0), buffer = 4 << 20;
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    setsockopt(socket_, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
    if (bind(socket_, (struct sockaddr *)&address, sizeof address) != 0) return perror("bind"), 69;
    puts("ready");
    fflush(stdout);
    serve(socket_, publisher, legs, subscribers);
}
