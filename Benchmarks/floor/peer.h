/* The least of a WebRTC client: one socket, ICE checks towards a server that announces host candidates, DTLS as the client, SRTP's keys. */
#ifndef FLOOR_PEER_H
#define FLOOR_PEER_H

#include "srtp.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <srtp2/srtp.h>
#include <stdbool.h>
#include <stdint.h>

/* What all peers of a process share: a certificate, and the ICE credentials that their offers carry. */
struct identity {
    SSL_CTX *context;
    char fragment[9], password[25];
    char fingerprint[3 * 32];
};

struct peer {
    int socket;
    SSL *tls;
    struct sockaddr_in remote;
    const char *password;
    char username[300], remote_password[260];
    bool is_gcm;
    uint8_t send_master[MASTER_MAX], receive_master[MASTER_MAX];
};

/* `suites` as OpenSSL spells them, e.g. SRTP_AEAD_AES_128_GCM. Ends the process where that fails. */
void identity_make(struct identity *identity, const char *suites);

/* A bound socket with room for what arrives while others connect. Ends the process where the port is taken. */
void peer_open(struct peer *peer, struct in_addr address, uint16_t port);

/* Checks, handshakes and takes the keys; blocks for 10 s at most. Null, or what went wrong. */
const char *peer_connect(struct peer *peer, const struct identity *identity, const char *address, uint16_t port, const char *fragment, const char *password);

/* One more check: consent (RFC 7675). */
void peer_keep_consent(const struct peer *peer);

/* Answers a check of the server's; all else is passed over. */
void peer_answer_check(const struct peer *peer, const uint8_t *request, size_t length);

/* Whether a datagram is the answer to a check. */
bool peer_is_answer(const uint8_t *datagram, size_t length);

/* Tells the other side by DTLS that this one is gone. */
void peer_close(struct peer *peer);

/* A context of libsrtp2 for what this peer sends, or for what it receives. */
srtp_t peer_srtp(const uint8_t master[MASTER_MAX], bool is_gcm, bool is_outbound);

bool is_rtcp(const uint8_t *datagram);
bool is_rtp_or_rtcp(const uint8_t *datagram);

#endif
