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

struct media_keys {
    media_transform transform;
    bool seals;
    /// The session that has them, and each job that waits for them.
    uint32_t owners;
    media_session_key rtp, rtcp;
    /// OpenSSL's, expanded for SRTP; NULL where the multi-buffer library does it all.
    EVP_CIPHER_CTX *cipher;
    EVP_MD_CTX *digest;
#if HAS_MULTIBUFFER
    /// NULL where OpenSSL does it all.
    IMB_MGR *manager;
    /// The library loads these in vectors. Memory is taken for the one that is used only.
    union {
        struct gcm_key_data gcm;
        struct {
            uint8_t schedule[16 * 11];
            uint8_t inner[20], outer[20];
        } cm;
    } expanded __attribute__((aligned(64)));
#endif
};

static inline bool media_is_cm(const media_keys *keys) { return keys->transform == MEDIA_AES_128_CM_SHA1_80; }

/// The first block of HMAC's inner or outer hash: the key, filled up with zeros, exclusive-or `pad` (RFC 2104 §2).
static inline void media_hmac_block(const media_session_key *key, uint8_t pad, uint8_t block[64]) {
    for (size_t index = 0; index < 64; index++) block[index] = (index < sizeof key->authentication ? key->authentication[index] : 0) ^ pad;
}

// OpenSSL's side.
bool openssl_expand(media_keys *keys);
bool openssl_gcm_seal(media_keys *keys, bool is_rtcp, media_iv iv, const uint8_t *aad, size_t aad_length, uint8_t *text, size_t length);
bool openssl_gcm_open(media_keys *keys, bool is_rtcp, media_iv iv, const uint8_t *aad, size_t aad_length, uint8_t *text, size_t length);
