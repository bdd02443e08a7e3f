// OpenSSL as Swift sees it: the headers, and functions for what they give only as macros.
#pragma once
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>

// MARK: DTLS (used by MediaSecurity)

// A fresh key on P-256, or NULL.
static inline EVP_PKEY *apus_generate_p256(void) { return EVP_EC_gen("P-256"); }

// For tests: a peer with an RSA certificate.
static inline EVP_PKEY *apus_generate_rsa(unsigned bits) { return EVP_RSA_gen(bits); }

// For tests: a peer with a certificate on P-224, as FFmpeg has.
static inline EVP_PKEY *apus_generate_p224(void) { return EVP_EC_gen("P-224"); }

// DTLS 1.2 and nothing else, on a link whose MTU we state ourselves, without tickets, renegotiation or resumption: each association
// proves its certificate afresh. 1 on success.
static inline int apus_ssl_ctx_harden(SSL_CTX *context) {
    if (SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) != 1) return 0;
    if (SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) != 1) return 0;
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION
        | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
    SSL_CTX_set_read_ahead(context, 1);
    return 1;
}

static inline int apus_ssl_ctx_set_groups(SSL_CTX *context, const char *list) { return (int)SSL_CTX_set1_groups_list(context, list); }
static inline void apus_ssl_ctx_set_max_peer_chain(SSL_CTX *context, long bytes) { SSL_CTX_set_max_cert_list(context, bytes); }
static inline long apus_dtls_set_link_mtu(SSL *ssl, long mtu) { return DTLS_set_link_mtu(ssl, mtu); }
static inline int apus_bio_type_source_sink(void) { return BIO_TYPE_SOURCE_SINK; }
static inline void apus_bio_want_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline void apus_bio_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }
