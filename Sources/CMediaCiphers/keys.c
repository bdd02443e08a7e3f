// Keys: made, dispatched to the library that they are for, and freed with their last owner.

#include "keys.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#if HAS_MULTIBUFFER
static void expand_gcm(const media_keys *keys, const uint8_t *key, struct gcm_key_data *expanded) {
    if (keys->transform == MEDIA_AES_256_GCM) IMB_AES256_GCM_PRE(keys->manager, key, expanded);
    else IMB_AES128_GCM_PRE(keys->manager, key, expanded);
}

static void expand_schedule(media_keys *keys, const uint8_t *key) {
    uint8_t decryption[16 * 11] __attribute__((aligned(16)));
    IMB_AES_KEYEXP_128(keys->manager, key, keys->schedule, decryption);
    OPENSSL_cleanse(decryption, sizeof decryption);
}
#endif

bool media_has_multibuffer(void) {
#if HAS_MULTIBUFFER
    return multibuffer_manager() != NULL;
#else
    return false;
#endif
}

static size_t size_of(bool by_multibuffer, media_transform transform) {
#if HAS_MULTIBUFFER
    if (by_multibuffer && transform != MEDIA_AES_128_CM_SHA1_80) return offsetof(media_keys, gcm) + sizeof(struct gcm_key_data);
    return offsetof(media_keys, schedule) + sizeof(((media_keys *)0)->schedule);
#else
    return sizeof(media_keys);
#endif
}

static void destroy(media_keys *keys) {
    EVP_CIPHER_CTX_free(keys->cipher);
#if HAS_MULTIBUFFER
    OPENSSL_cleanse(keys, size_of(keys->manager, keys->transform));
#else
    OPENSSL_cleanse(keys, size_of(false, keys->transform));
#endif
    free(keys);
}

media_keys *media_keys_make(media_transform transform, bool seals, bool by_multibuffer, const media_session_key *rtp, const media_session_key *rtcp) {
    if (by_multibuffer && !media_has_multibuffer()) return NULL;
    void *memory = NULL;
    if (posix_memalign(&memory, 64, size_of(by_multibuffer, transform)) != 0) return NULL;
    media_keys *keys = memory;
    keys->transform = transform;
    keys->seals = seals;
    keys->owners = 1;
    keys->cipher = NULL;
    memcpy(keys->rtcp_cipher, rtcp->cipher, sizeof keys->rtcp_cipher);
#if HAS_MULTIBUFFER
    keys->manager = by_multibuffer ? multibuffer_manager() : NULL;
    if (by_multibuffer && !media_is_cm(keys)) {
        expand_gcm(keys, rtp->cipher, &keys->gcm);
        return keys;
    }
    if (by_multibuffer && seals) expand_schedule(keys, rtp->cipher);
#endif
    if (openssl_expand(keys, rtp, rtcp)) return keys;
    destroy(keys);
    return NULL;
}

void media_keys_release(media_keys *keys) {
    if (keys && --keys->owners == 0) destroy(keys);
}

#if HAS_MULTIBUFFER
/// Encrypts, or decrypts, and gives the tag of what is now there, or was.
static void multibuffer_gcm(
    const media_keys *keys, bool is_rtcp, media_iv iv, const uint8_t *aad, size_t aad_length, uint8_t *text, size_t length, uint8_t *tag
) {
    const bool is_long = keys->transform == MEDIA_AES_256_GCM;
    const uint8_t *start = (const uint8_t *)&iv;
    struct gcm_context_data context;
    struct gcm_key_data once __attribute__((aligned(64)));
    const struct gcm_key_data *key = &keys->gcm;
    if (is_rtcp) {
        expand_gcm(keys, keys->rtcp_cipher, &once);
        key = &once;
    }
    if (keys->seals) {
        if (is_long) IMB_AES256_GCM_ENC(keys->manager, key, &context, text, text, length, start, aad, aad_length, tag, MEDIA_GCM_TAG);
        else IMB_AES128_GCM_ENC(keys->manager, key, &context, text, text, length, start, aad, aad_length, tag, MEDIA_GCM_TAG);
    } else {
        if (is_long) IMB_AES256_GCM_DEC(keys->manager, key, &context, text, text, length, start, aad, aad_length, tag, MEDIA_GCM_TAG);
        else IMB_AES128_GCM_DEC(keys->manager, key, &context, text, text, length, start, aad, aad_length, tag, MEDIA_GCM_TAG);
    }
    if (is_rtcp) OPENSSL_cleanse(&once, sizeof once);
}
#endif

bool media_gcm_seal(media_keys *keys, bool is_rtcp, media_iv iv, const uint8_t *aad, size_t aad_length, uint8_t *text, size_t length) {
#if HAS_MULTIBUFFER
    if (keys->manager) {
        multibuffer_gcm(keys, is_rtcp, iv, aad, aad_length, text, length, text + length);
        return true;
    }
#endif
    return openssl_gcm_seal(keys, is_rtcp, iv, aad, aad_length, text, length);
}

bool media_gcm_open(media_keys *keys, bool is_rtcp, media_iv iv, const uint8_t *aad, size_t aad_length, uint8_t *text, size_t length) {
#if HAS_MULTIBUFFER
    if (keys->manager) {
        uint8_t tag[MEDIA_GCM_TAG];
        multibuffer_gcm(keys, is_rtcp, iv, aad, aad_length, text, length, tag);
        return CRYPTO_memcmp(tag, text + length, MEDIA_GCM_TAG) == 0;
    }
#endif
    return openssl_gcm_open(keys, is_rtcp, iv, aad, aad_length, text, length);
}
