#define _GNU_SOURCE
#include "media.h"
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

/* RFC 8489 §5, §14 and RFC 8445 §16.1. */
enum {
    BINDING_REQUEST = 0x0001, BINDING_SUCCESS = 0x0101,
    USERNAME = 0x0006, MESSAGE_INTEGRITY = 0x0008, XOR_MAPPED_ADDRESS = 0x0020, PRIORITY = 0x0024, USE_CANDIDATE = 0x0025, FINGERPRINT = 0x8028, ICE_CONTROLLING = 0x802A,
    STUN_HEADER = 20, PATIENCE_S = 10, COOKIE = 0x2112A442,
};

static void fail(const char *what) {
    fprintf(stderr, "%s: ", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static void random_text(char *text, size_t size) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    RAND_bytes((unsigned char *)text, (int)size - 1);
    for (size_t i = 0; i < size - 1; i++) text[i] = letters[(unsigned char)text[i] & 63];
    text[size - 1] = 0;
}

static int accept_any(int is_valid, X509_STORE_CTX *store) {
    (void)is_valid, (void)store;
    return 1; /* whom we talk to is not what is measured */
}

void identity_make(struct identity *identity, const char *suites) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    if (!key || !certificate) fail("certificate");
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)"load", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_set_pubkey(certificate, key);
    if (!X509_sign(certificate, key, EVP_sha256())) fail("certificate");

    unsigned char digest[32];
    unsigned size = sizeof digest;
    X509_digest(certificate, EVP_sha256(), digest, &size);
    for (unsigned i = 0; i < size; i++) sprintf(identity->fingerprint + 3 * i, i + 1 < size ? "%02X:" : "%02X", digest[i]);
    random_text(identity->fragment, sizeof identity->fragment);
    random_text(identity->password, sizeof identity->password);

    SSL_CTX *context = identity->context = SSL_CTX_new(DTLS_client_method());
    SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
    if (SSL_CTX_use_certificate(context, certificate) != 1 || SSL_CTX_use_PrivateKey(context, key) != 1) fail("certificate");
    if (SSL_CTX_set_tlsext_use_srtp(context, suites) != 0) fail(suites);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

void peer_open(struct peer *peer, struct in_addr address, uint16_t port) {
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr = address, .sin_port = htons(port)};
    const int buffer = 2 << 20;
    peer->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(peer->socket, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    if (bind(peer->socket, (struct sockaddr *)&local, sizeof local) == 0) return;
    perror("bind");
    exit(69);
}


/* Appends an attribute, padded, and counts it in the header's length; returns the message's new size. */
static size_t append(uint8_t *message, size_t size, unsigned type, const void *value, size_t length) {
    put16(message + size, type);
    put16(message + size + 2, (unsigned)length);
    memset(message + size + 4, 0, (length + 3) & ~(size_t)3);
    if (value) memcpy(message + size + 4, value, length);
    size += 4 + ((length + 3) & ~(size_t)3);
    put16(message + 2, (unsigned)(size - STUN_HEADER));
    return size;
}

/* CRC-32 as in ITU V.42. */
static uint32_t checksum(const uint8_t *bytes, size_t length) {
    uint32_t crc = ~0u;
    while (length--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

/* Appends what proves that the writer knows `password`, and the checksum. Both cover a header whose length counts them already. */
static size_t seal(uint8_t *message, size_t size, const char *password) {
    uint8_t digest[20];
    const size_t covered = size;
    size = append(message, size, MESSAGE_INTEGRITY, NULL, sizeof digest);
    HMAC(EVP_sha1(), password, (int)strlen(password), message, covered, digest, NULL);
    memcpy(message + covered + 4, digest, sizeof digest);
    const size_t summed = size;
    size = append(message, size, FINGERPRINT, NULL, 4);
    put32(message + summed + 4, checksum(message, summed) ^ 0x5354554E);
    return size;
}

/* A check of a controlling agent that nominates at once (RFC 8445 §7.1). Returns its size. */
static size_t write_check(const struct peer *peer, uint8_t message[600]) {
    uint8_t priority[4], tie_breaker[8] = {1};
    put16(message, BINDING_REQUEST);
    put32(message + 4, COOKIE);
    RAND_bytes(message + 8, 12);
    put32(priority, (110u << 24) + (65535u << 8) + 255);
    size_t size = append(message, STUN_HEADER, USERNAME, peer->username, strlen(peer->username));
    size = append(message, size, ICE_CONTROLLING, tie_breaker, sizeof tie_breaker);
    size = append(message, size, USE_CANDIDATE, NULL, 0);
    size = append(message, size, PRIORITY, priority, sizeof priority);
    return seal(message, size, peer->remote_password);
}

void peer_answer_check(const struct peer *peer, const uint8_t *request, size_t length) {
    uint8_t answer[200], mapped[8] = {0, 1};
    if (length < STUN_HEADER || get16(request) != BINDING_REQUEST) return;
    memcpy(answer, request, STUN_HEADER);
    put16(answer, BINDING_SUCCESS);
    put16(mapped + 2, ntohs(peer->remote.sin_port) ^ (COOKIE >> 16));
    put32(mapped + 4, ntohl(peer->remote.sin_addr.s_addr) ^ COOKIE);
    const size_t size = append(answer, STUN_HEADER, XOR_MAPPED_ADDRESS, mapped, sizeof mapped);
    send(peer->socket, answer, seal(answer, size, peer->password), MSG_DONTWAIT);
}

bool peer_is_answer(const uint8_t *datagram, size_t length) { return length >= STUN_HEADER && get16(datagram) == BINDING_SUCCESS; }

static const char *check(const struct peer *peer) {
    for (int try = 0; try < 40; try++) {
        uint8_t request[600], answer[2048];
        const size_t size = write_check(peer, request);
        if (send(peer->socket, request, size, 0) < 0 && errno != ECONNREFUSED) return strerror(errno);
        struct pollfd readable = {.fd = peer->socket, .events = POLLIN};
        while (poll(&readable, 1, 100) > 0) {
            ssize_t length = recv(peer->socket, answer, sizeof answer, MSG_DONTWAIT);
            if (length < STUN_HEADER) continue;
            peer_answer_check(peer, answer, (size_t)length);
            if (memcmp(answer + 8, request + 8, 12) != 0) continue;
            if (peer_is_answer(answer, (size_t)length)) return NULL;
            return "the server refused a check";
        }
    }
    return "no answer to checks";
}

static const char *take_keys(struct peer *peer) {
    static const char label[] = "EXTRACTOR-dtls_srtp"; /* RFC 5764 §4.2 */
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(peer->tls);
    if (!profile) return "no SRTP profile agreed";
    if (profile->id != SRTP_AEAD_AES_128_GCM && profile->id != SRTP_AES128_CM_SHA1_80) return "an SRTP profile that was not offered";
    peer->is_gcm = profile->id == SRTP_AEAD_AES_128_GCM;
    const size_t salt = peer->is_gcm ? GCM_SALT : CM_SALT;
    uint8_t material[2 * MASTER_MAX];
    if (SSL_export_keying_material(peer->tls, material, 2 * (MASTER_KEY + salt), label, sizeof label - 1, NULL, 0, 0) != 1) return "no keys";
    memcpy(peer->send_master, material, MASTER_KEY);
    memcpy(peer->receive_master, material + MASTER_KEY, MASTER_KEY);
    memcpy(peer->send_master + MASTER_KEY, material + 2 * MASTER_KEY, salt);
    memcpy(peer->receive_master + MASTER_KEY, material + 2 * MASTER_KEY + salt, salt);
    return NULL;
}

/* Takes one datagram that waits: DTLS is left for OpenSSL (false), a check is answered, media that is early is dropped. */
static bool take_other(const struct peer *peer) {
    uint8_t datagram[2048];
    const ssize_t length = recv(peer->socket, datagram, sizeof datagram, MSG_PEEK | MSG_DONTWAIT);
    if (length > 0 && datagram[0] >= 20 && datagram[0] <= 63) return false;
    recv(peer->socket, datagram, sizeof datagram, MSG_DONTWAIT);
    if (length > 0 && datagram[0] < 4) peer_answer_check(peer, datagram, (size_t)length);
    return true;
}

/* As libwebrtc, sooner than OpenSSL's second: a server may meet a hello before it knows that checks have ended, and then drops it. */
static unsigned next_timeout_us(SSL *tls, unsigned last_us) {
    (void)tls;
    return last_us == 0 ? 100000 : last_us >= 1000000 ? last_us : 2 * last_us;
}

static const char *handshake(struct peer *peer, const struct identity *identity) {
    fcntl(peer->socket, F_SETFL, O_NONBLOCK);
    BIO *datagrams = BIO_new_dgram(peer->socket, BIO_NOCLOSE);
    BIO_ctrl(datagrams, BIO_CTRL_DGRAM_SET_CONNECTED, 0, (void *)&peer->remote);
    peer->tls = SSL_new(identity->context);
    SSL_set_bio(peer->tls, datagrams, datagrams);
    DTLS_set_timer_cb(peer->tls, next_timeout_us);
    const time_t began = time(NULL);
    bool is_due = true;
    while (time(NULL) < began + PATIENCE_S) {
        const int result = is_due ? SSL_connect(peer->tls) : 0;
        if (result == 1) return take_keys(peer);
        if (is_due && SSL_get_error(peer->tls, result) != SSL_ERROR_WANT_READ) break;
        struct timeval left = {.tv_sec = 1};
        DTLSv1_get_timeout(peer->tls, &left);
        struct pollfd readable = {.fd = peer->socket, .events = POLLIN};
        is_due = true;
        if (poll(&readable, 1, (int)(left.tv_sec * 1000 + left.tv_usec / 1000 + 1)) > 0) is_due = !take_other(peer);
        else DTLSv1_handle_timeout(peer->tls);
    }
    ERR_print_errors_fp(stderr);
    return "DTLS failed";
}

const char *peer_connect(struct peer *peer, const struct identity *identity, const char *address, uint16_t port, const char *fragment, const char *password) {
    peer->remote = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, address, &peer->remote.sin_addr) != 1) return "no IPv4 address";
    if (strlen(fragment) > 256 || strlen(password) > 256) return "credentials too long";
    if (connect(peer->socket, (struct sockaddr *)&peer->remote, sizeof peer->remote) != 0) return strerror(errno);
    snprintf(peer->username, sizeof peer->username, "%s:%s", fragment, identity->fragment);
    snprintf(peer->remote_password, sizeof peer->remote_password, "%s", password);
    peer->password = identity->password;
    const char *error = check(peer);
    return error ? error : handshake(peer, identity);
}

void peer_keep_consent(const struct peer *peer) {
    uint8_t request[600];
    if (peer->tls) send(peer->socket, request, write_check(peer, request), MSG_DONTWAIT);
}

void peer_close(struct peer *peer) {
    if (!peer->tls) return;
    SSL_shutdown(peer->tls);
    SSL_free(peer->tls);
    peer->tls = NULL;
}

srtp_t peer_srtp(const uint8_t master[MASTER_MAX], bool is_gcm, bool is_outbound) {
    srtp_policy_t policy = {.ssrc.type = is_outbound ? ssrc_any_outbound : ssrc_any_inbound, .key = (unsigned char *)master, .window_size = 1024};
    if (is_gcm) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
    }
    srtp_t context;
    if (srtp_create(&context, &policy) != srtp_err_status_ok) fail("srtp_create");
    return context;
}

/* RFC 7983 §7, RFC 5761 §4. */
bool is_rtp_or_rtcp(const uint8_t *datagram) { return datagram[0] >= 128 && datagram[0] <= 191; }
bool is_rtcp(const uint8_t *datagram) { return datagram[1] >= 192 && datagram[1] <= 223; }
