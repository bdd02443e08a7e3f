// What the files of this module share.
#pragma once

#include "CMediaCiphers.h"

#include <openssl/evp.h>

#if defined(__x86_64__) && __has_include(<intel-ipsec-mb.h>)
#define HAS_MULTIBUFFER 1
#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>

/// Made once, and NULL where there is none. Its functions without state may be used by any thread, its jobs by nobody.
IMB_MGR *multibuffer_manager(void);

/// A manager for the jobs of one thread; NULL where there is none.
IMB_MGR *multibuffer_make_manager(void);
void multibuffer_free_manager(IMB_MGR *manager);
#endif

/// SHA-1 after the first block of HMAC's inner and outer hash, which is the key's (RFC 2104 §4).
typedef struct {
    uint32_t inner[5], outer[5];
} media_hmac;

struct media_keys {
    media_transform transform;
    bool seals;
    /// The session that has them, and each job that waits for them.
    uint32_t owners;
#if HAS_MULTIBUFFER
    /// NULL where OpenSSL does it all.
    IMB_MGR *manager;
#endif
    /// OpenSSL's, expanded for SRTP; NULL where the multi-buffer library does it all.
    EVP_CIPHER_CTX *cipher;
    uint8_t rtcp_cipher[32];
    // Memory is taken for the one that is used only.
    union {
        struct {
            uint8_t rtp_cipher[32];
            uint8_t rtcp_authentication[20];
            /// What SRTP's HMAC goes on from.
            media_hmac rtp_hmac;
#if HAS_MULTIBUFFER
            /// SRTP's, for the queue.
            uint8_t schedule[16 * 11] __attribute__((aligned(16)));
#endif
        };
#if HAS_MULTIBUFFER
        /// SRTP's, which the library loads in vectors.
        struct gcm_key_data gcm;
#endif
    } __attribute__((aligned(64)));
};

static inline bool media_is_cm(const media_keys *keys) { return keys->transform == MEDIA_AES_128_CM_SHA1_80; }

// OpenSSL's side.
bool openssl_expand(media_keys *keys, const media_session_key *rtp, const media_session_key *rtcp);
bool openssl_gcm_seal(media_keys *keys, bool is_rtcp, media_iv iv, const uint8_t *aad, size_t aad_length, uint8_t *text, size_t length);
bool openssl_gcm_open(media_keys *keys, bool is_rtcp, media_iv iv, const uint8_t *aad, size_t aad_length, uint8_t *text, size_t length);
