/*
 * The reference floor: what fan-out costs at least. It receives a batch, removes SRTP once, and for each subscriber writes a header, seals
 * by libipsec-mb, and sends runs of packets by sendmmsg and UDP_SEGMENT. No ICE, no DTLS, no streams that come and go, no repair.
 *
 *     floor ADDRESS PORT SUBSCRIBERS BASE_PORT gcm|cm plain|feedback
 *
 * With `feedback` it writes what browsers negotiate into each header (mid, abs-send-time, transport-wide number), and opens and reads the
 * RTCP that subscribers answer with; it ends where that cannot be opened.
 * Subscriber i is ADDRESS:(BASE_PORT + i); keys are those of `floor_master_key`. Says `ready`, ends by SIGTERM, and says `acknowledged PACKETS`.
 */
#define _GNU_SOURCE
#define NO_COMPAT_IMB_API_053
#include "feedback.h"
#include "media.h"
#include "srtp.h"

#include <errno.h>
#include <intel-ipsec-mb.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    BATCH = 32,          /* datagrams that are received at a time */
    GROUP = 16,          /* subscribers whose packets are sent by one sendmmsg: as many as leave the slab in the second-level cache */
    DATAGRAM = 2048,     /* room for one received */
    SLOT = 1536,         /* room for one sent */
    RUN_MAX = 65000,     /* bytes in one UDP_SEGMENT run */
    EXTENSIONS = 16,     /* those that are written */
    RTCP_HEADER = 8,
};

struct stream {
    uint32_t ssrc;
    uint32_t index; /* rollover counter and sequence number */
};

struct cipher {
    struct gcm_key_data gcm __attribute__((aligned(64)));
    uint32_t encryption[4 * 11] __attribute__((aligned(16)));
    uint8_t inner[IMB_SHA1_DIGEST_SIZE_IN_BYTES] __attribute__((aligned(16)));
    uint8_t outer[IMB_SHA1_DIGEST_SIZE_IN_BYTES] __attribute__((aligned(16)));
    uint8_t salt[16];
};

struct leg {
    struct cipher rtp;
    struct stream streams[1 + TRACKS]; /* video, and each track of sound */
    struct sockaddr_in address;
    uint16_t transport_sequence;
    struct cipher rtcp; /* of what comes back */
};

struct packet {
    uint8_t bytes[DATAGRAM] __attribute__((aligned(64)));
    size_t length, header;
};

/* A run of datagrams to one subscriber: all of the first one's length, but the last may be shorter. */
struct run {
    size_t segment;
    bool is_closed;
};

static IMB_MGR *manager;
static bool is_gcm, has_feedback;
static uint64_t acknowledged; /* packets that receivers say have arrived */
static struct packet received[BATCH];
static struct sockaddr_in senders[BATCH];
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

/* Half of HMAC's key schedule (RFC 2104): the state after the block of key and pad. */
static void expand_half(const uint8_t key[20], uint8_t pad, uint8_t *state) {
    uint8_t block[64];
    for (int i = 0; i < 64; i++) block[i] = (uint8_t)((i < 20 ? key[i] : 0) ^ pad);
    IMB_SHA1_ONE_BLOCK(manager, block, state);
}

static void set_keys(struct cipher *cipher, unsigned index, bool is_rtcp) {
    uint8_t master[MASTER_MAX];
    struct session_keys keys = {0};
    uint32_t decryption[4 * 11] __attribute__((aligned(16)));
    floor_master_key(index, master);
    derive_session_keys(master, is_gcm ? GCM_SALT : CM_SALT, is_rtcp, &keys);
    IMB_AES128_GCM_PRE(manager, keys.cipher, &cipher->gcm);
    IMB_AES_KEYEXP_128(manager, keys.cipher, cipher->encryption, decryption);
    expand_half(keys.authentication, 0x36, cipher->inner);
    expand_half(keys.authentication, 0x5C, cipher->outer);
    memcpy(cipher->salt, keys.salt, CM_SALT);
}

/* RFC 7714 §8.1, §9.1: two zeros, SSRC, 48 bits of index, masked by the salt. Of RTP the index is rollover counter and sequence number. */
static inline void gcm_nonce(const struct cipher *cipher, uint32_t ssrc, uint64_t index, uint8_t nonce[12]) {
    uint8_t plain[12] = {0};
    put32(plain + 2, ssrc);
    put32(plain + 6, (uint32_t)(index >> 16));
    put16(plain + 10, index & 0xFFFF);
    for (int i = 0; i < 12; i++) nonce[i] = plain[i] ^ cipher->salt[i];
}

/* RFC 3711 §4.1.1: the same fields two bytes further, and a block counter behind them. */
static inline void cm_counter(const struct cipher *cipher, uint32_t ssrc, uint64_t index, uint8_t counter[16]) {
    uint8_t plain[16] = {0};
    put32(plain + 4, ssrc);
    put32(plain + 8, (uint32_t)(index >> 16));
    put16(plain + 12, index & 0xFFFF);
    for (int i = 0; i < 16; i++) counter[i] = plain[i] ^ cipher->salt[i];
}

static inline IMB_JOB *cm_job(const struct cipher *cipher, uint8_t *packet, size_t length, size_t header, const uint8_t *counter, uint8_t *digest) {
    IMB_JOB *job = IMB_GET_NEXT_JOB(manager);
    job->cipher_mode = IMB_CIPHER_CNTR;
    job->hash_alg = IMB_AUTH_HMAC_SHA_1;
    job->src = packet;
    job->dst = packet + header;
    job->cipher_start_src_offset_in_bytes = header;
    job->msg_len_to_cipher_in_bytes = length - header;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_hash_in_bytes = length + 4; /* the rollover counter lies where the tag will, and SRTCP's index before it */
    job->iv = counter;
    job->iv_len_in_bytes = 16;
    job->enc_keys = cipher->encryption;
    job->dec_keys = cipher->encryption;
    job->key_len_in_bytes = 16;
    job->auth_tag_output = digest;
    job->auth_tag_output_len_in_bytes = 12;
    job->u.HMAC._hashed_auth_key_xor_ipad = cipher->inner;
    job->u.HMAC._hashed_auth_key_xor_opad = cipher->outer;
    return job;
}

static bool cm_open(const struct cipher *cipher, uint8_t *packet, size_t length, size_t header, const uint8_t *counter, const uint8_t *tag) {
    uint8_t computed[16];
    IMB_JOB *job = cm_job(cipher, packet, length, header, counter, computed);
    job->cipher_direction = IMB_DIR_DECRYPT;
    job->chain_order = IMB_ORDER_HASH_CIPHER;
    IMB_SUBMIT_JOB_NOCHECK(manager);
    while (IMB_FLUSH_JOB(manager)) {}
    return memcmp(computed, tag, CM_TAG) == 0;
}

/* The index that is nearest to the highest one so far (RFC 3711 §3.3.1). */
static uint32_t nearest_index(uint32_t highest, uint16_t sequence) {
    return highest + (uint32_t)(int32_t)(int16_t)(sequence - (uint16_t)highest);
}

static struct stream *stream_of(struct leg *leg, const uint8_t *packet) {
    const unsigned type = packet[1] & 0x7F;
    return &leg->streams[type == AUDIO_TYPE ? 1 + (get32(packet + 8) - AUDIO_SSRC) % TRACKS : 0];
}

/* Opens the publisher's packet in place. A packet that fails is dropped. */
static bool open_packet(struct leg *publisher, struct packet *packet) {
    uint8_t *bytes = packet->bytes;
    const size_t tag_length = is_gcm ? GCM_TAG : CM_TAG;
    if (packet->length <= FIXED_HEADER + tag_length || packet->length > SLOT - EXTENSIONS) return false;
    const size_t length = packet->length - tag_length, header = header_length(bytes, length);
    if (header >= length) return false;
    const struct cipher *cipher = &publisher->rtp;
    struct stream *stream = stream_of(publisher, bytes);
    const uint32_t ssrc = get32(bytes + 8), index = nearest_index(stream->index, (uint16_t)get16(bytes + 2));
    if (is_gcm) {
        struct gcm_context_data context;
        uint8_t nonce[12], computed[GCM_TAG];
        gcm_nonce(cipher, ssrc, index, nonce);
        IMB_AES128_GCM_DEC(manager, &cipher->gcm, &context, bytes + header, bytes + header, length - header, nonce, bytes, header, computed, GCM_TAG);
        if (memcmp(computed, bytes + length, GCM_TAG) != 0) return false;
    } else {
        uint8_t counter[16] __attribute__((aligned(16))), tag[CM_TAG];
        memcpy(tag, bytes + length, CM_TAG);
        put32(bytes + length, index >> 16);
        cm_counter(cipher, ssrc, index, counter);
        if (!cm_open(cipher, bytes, length, header, counter, tag)) return false;
    }
    if ((int32_t)(index - stream->index) > 0) stream->index = index;
    packet->length = length;
    packet->header = header;
    return true;
}

/* A subscriber's RTCP: opened (RFC 3711 §3.4; RFC 7714 §9) and read. */
static void take_feedback(const struct leg *leg, struct packet *packet) {
    uint8_t *bytes = packet->bytes;
    const size_t trailer = 4 + (is_gcm ? GCM_TAG : CM_TAG);
    const struct cipher *cipher = &leg->rtcp;
    bool is_open = false;
    if (packet->length < RTCP_HEADER + trailer) return;
    const size_t length = packet->length - trailer;
    if (is_gcm) {
        const uint8_t *index = bytes + length + GCM_TAG;
        struct gcm_context_data context;
        uint8_t nonce[12], computed[GCM_TAG], associated[RTCP_HEADER + 4];
        memcpy(associated, bytes, RTCP_HEADER);
        memcpy(associated + RTCP_HEADER, index, 4);
        gcm_nonce(cipher, get32(bytes + 4), get32(index) & 0x7FFFFFFF, nonce);
        IMB_AES128_GCM_DEC(manager, &cipher->gcm, &context, bytes + RTCP_HEADER, bytes + RTCP_HEADER, length - RTCP_HEADER, nonce, associated,
                           sizeof associated, computed, GCM_TAG);
        is_open = memcmp(computed, bytes + length, GCM_TAG) == 0;
    } else {
        uint8_t counter[16] __attribute__((aligned(16)));
        cm_counter(cipher, get32(bytes + 4), get32(bytes + length) & 0x7FFFFFFF, counter);
        is_open = cm_open(cipher, bytes, length, RTCP_HEADER, counter, bytes + length + 4);
    }
    if (!is_open) fputs("feedback that cannot be opened\n", stderr), exit(1);
    acknowledged += feedback_read(bytes, length);
}

/* Writes the subscriber's header; returns its length. */
static inline size_t write_header(struct leg *leg, const struct packet *packet, uint8_t *out, const struct stream *stream, uint32_t send_time) {
    memcpy(out, packet->bytes, 8);
    out[0] = has_feedback ? 0x90 : 0x80;
    put16(out + 2, (uint16_t)stream->index);
    put32(out + 8, stream->ssrc);
    if (!has_feedback) return FIXED_HEADER;
    const uint16_t number = leg->transport_sequence++;
    const uint8_t extensions[EXTENSIONS] = {
        0xBE, 0xDE, 0, EXTENSIONS / 4 - 1, ABS_SEND_TIME_ID << 4 | 2, (uint8_t)(send_time >> 16), (uint8_t)(send_time >> 8), (uint8_t)send_time,
        TRANSPORT_WIDE_ID << 4 | 1, (uint8_t)(number >> 8), (uint8_t)number, MID_ID << 4 | 0, (uint8_t)('0' + (stream == leg->streams)),
    };
    memcpy(out + FIXED_HEADER, extensions, sizeof extensions);
    return FIXED_HEADER + EXTENSIONS;
}

/* Writes the subscriber's form of an opened packet, sealed; under AES-CM it is complete after `finish_jobs`. Returns its length. */
static inline size_t seal_packet(struct leg *leg, const struct packet *packet, uint8_t *out, uint32_t send_time, unsigned *jobs) {
    const struct cipher *cipher = &leg->rtp;
    const uint8_t *payload = packet->bytes + packet->header;
    const size_t payload_length = packet->length - packet->header;
    struct stream *stream = stream_of(leg, packet->bytes);
    const size_t header = write_header(leg, packet, out, stream, send_time), length = header + payload_length;
    const uint32_t index = stream->index++;
    if (is_gcm) {
        struct gcm_context_data context;
        uint8_t nonce[12];
        gcm_nonce(cipher, stream->ssrc, index, nonce);
        IMB_AES128_GCM_ENC(manager, &cipher->gcm, &context, out + header, payload, payload_length, nonce, out, header, out + length, GCM_TAG);
        return length + GCM_TAG;
    }
    const unsigned slot = (*jobs)++;
    memcpy(out + header, payload, payload_length);
    put32(out + length, index >> 16);
    cm_counter(cipher, stream->ssrc, index, counters[slot]);
    tags[slot] = out + length;
    IMB_JOB *job = cm_job(cipher, out, length, header, counters[slot], digests[slot]);
    job->cipher_direction = IMB_DIR_ENCRYPT;
    job->chain_order = IMB_ORDER_CIPHER_HASH;
    IMB_SUBMIT_JOB_NOCHECK(manager);
    return length + CM_TAG;
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
    const uint32_t send_time = has_feedback ? abs_send_time(now_ns(CLOCK_MONOTONIC)) : 0;
    for (unsigned first = 0; first < subscribers; first += GROUP) {
        const unsigned end = first + GROUP < subscribers ? first + GROUP : subscribers;
        unsigned used = 0, jobs = 0;
        for (unsigned number = first; number < end; number++) {
            uint8_t *out = slab[number - first];
            const unsigned own = used;
            for (unsigned i = 0; i < count; i++) {
                const size_t length = seal_packet(&legs[number], packets[i], out, send_time, &jobs);
                if (used == own || !extend_run(used - 1, length)) begin_run(used++, &legs[number], out, length);
                out += length;
            }
        }
        if (jobs > 0) finish_jobs(jobs);
        send_runs(socket, used);
    }
}

/* Whose feedback this is, if it is that: subscribers' ports count up from the first's. */
static const struct leg *feedback_leg(unsigned i, const struct leg *legs, unsigned subscribers) {
    if (!has_feedback || received[i].length < 2 || received[i].bytes[1] < 192 || received[i].bytes[1] > 223) return NULL;
    const unsigned number = (unsigned)ntohs(senders[i].sin_port) - ntohs(legs->address.sin_port);
    return number < subscribers ? &legs[number] : NULL;
}

static volatile sig_atomic_t is_ended;

static void end(int signal) {
    (void)signal;
    is_ended = 1;
}

static void serve(int socket, struct leg *publisher, struct leg *legs, unsigned subscribers) {
    struct mmsghdr arrivals[BATCH] = {0};
    struct iovec places[BATCH];
    for (int i = 0; i < BATCH; i++) {
        places[i] = (struct iovec){.iov_base = received[i].bytes, .iov_len = DATAGRAM};
        arrivals[i].msg_hdr.msg_iov = &places[i];
        arrivals[i].msg_hdr.msg_iovlen = 1;
    }
    while (!is_ended) {
        struct pollfd readable = {.fd = socket, .events = POLLIN};
        poll(&readable, 1, -1);
        for (int i = 0; has_feedback && i < BATCH; i++) arrivals[i].msg_hdr.msg_name = &senders[i], arrivals[i].msg_hdr.msg_namelen = sizeof senders[i];
        int count = recvmmsg(socket, arrivals, BATCH, MSG_DONTWAIT, NULL);
        struct packet *opened[BATCH];
        unsigned good = 0;
        for (int i = 0; i < count; i++) {
            received[i].length = arrivals[i].msg_len;
            const struct leg *leg = feedback_leg((unsigned)i, legs, subscribers);
            if (leg) take_feedback(leg, &received[i]);
            else if (open_packet(publisher, &received[i])) opened[good++] = &received[i];
        }
        if (good > 0) fan_out(socket, legs, subscribers, opened, good);
    }
}

int main(int count, char **words) {
    if (count != 7) return fputs("usage: floor ADDRESS PORT SUBSCRIBERS BASE_PORT gcm|cm plain|feedback\n", stderr), 64;
    const unsigned subscribers = (unsigned)atoi(words[3]), base = (unsigned)atoi(words[4]);
    is_gcm = strcmp(words[5], "gcm") == 0;
    has_feedback = strcmp(words[6], "feedback") == 0;
    manager = alloc_mb_mgr(0);
    init_mb_mgr_auto(manager, NULL);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[2]))};
    inet_pton(AF_INET, words[1], &address.sin_addr);
    struct leg *legs = aligned_alloc(64, (subscribers + 1) * sizeof *legs);
    memset(legs, 0, (subscribers + 1) * sizeof *legs);
    for (unsigned i = 0; i < subscribers; i++) {
        set_keys(&legs[i].rtp, i, false);
        set_keys(&legs[i].rtcp, i, true);
        legs[i].address = address;
        legs[i].address.sin_port = htons((uint16_t)(base + i));
        for (unsigned track = 0; track <= TRACKS; track++) legs[i].streams[track].ssrc = (track + 1) << 16 | i;
    }
    struct leg *publisher = &legs[subscribers];
    set_keys(&publisher->rtp, FLOOR_PUBLISHER, false);

    const int socket_ = socket(AF_INET, SOCK_DGRAM, 0), buffer = 4 << 20;
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    setsockopt(socket_, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
    if (bind(socket_, (struct sockaddr *)&address, sizeof address) != 0) return perror("bind"), 69;
    signal(SIGTERM, end);
    puts("ready");
    fflush(stdout);
    serve(socket_, publisher, legs, subscribers);
    printf("acknowledged %lu\n", acknowledged);
}
