// OpenSSL's ciphers, through EVP. Contexts are made with the keys: a packet only sets its IV, and allocates nothing.

#include "keys.h"

#include <openssl/crypto.h>
#include <string.h>

bool openssl_expand(media_keys *keys) {
    const EVP_CIPHER *cipher = media_is_cm(keys) ? EVP_aes_128_ctr() : keys->transform == MEDIA_AES_256_GCM ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
    // Counter mode is its own inverse.
    keys->cipher = EVP_CIPHER_CTX_new();
    if (!keys->cipher || EVP_CipherInit_ex(keys->cipher, cipher, NULL, keys->rtp.cipher, NULL, keys->seals || media_is_cm(keys)) != 1) return false;
    if (!media_is_cm(keys)) return true;
    keys->digest = EVP_MD_CTX_new();
    return keys->digest && EVP_DigestInit_ex(keys->digest, EVP_sha1(), NULL) == 1;
}

/// Sets the IV, and for SRTCP its key.
static bool begin(media_keys *keys, bool is_rtcp, media_iv iv) {
    return EVP_CipherInit_ex(keys->cipher, NULL, NULL, is_rtcp ? keys->rtcp.cipher : NULL, (const uint8_t *)&iv, -1) == 1;
}

/// SRTP's key again.
static bool end(media_keys *keys, bool is_rtcp, bool succeeded) {
    return (!is_rtcp || EVP_CipherInit_ex(keys->cipher, NULL, NULL, keys->rtp.cipher, NULL, -1) == 1) && succeeded;
}

bool openssl_gcm_seal(media_keys *keys, bool is_rtcp, media_iv iv, const uint8_t *aad, size_t aad_length, uint8_t *text, size_t length) {
    int written = 0;
    const bool succeeded = begin(keys, is_rtcp, iv) && EVP_CipherUpdate(keys->cipher, NULL, &written, aad, (int)aad_length) == 1
        && EVP_CipherUpdate(keys->cipher, text, &written, text, (int)length) == 1
        && EVP_CipherFinal_ex(keys->cipher, text + length, &written) == 1
        && EVP_CIPHER_CTX_ctrl(keys->cipher, EVP_CTRL_AEAD_GET_TAG, MEDIA_GCM_TAG, text + length) == 1;
    return end(keys, is_rtcp, succeeded);
}

bool openssl_gcm_open(media_keys *keys, bool is_rtcp, media_iv iv, const uint8_t *aad, size_t aad_length, uint8_t *text, size_t length) {
    int written = 0;
    const bool succeeded = begin(keys, is_rtcp, iv)
        && EVP_CIPHER_CTX_ctrl(keys->cipher, EVP_CTRL_AEAD_SET_TAG, MEDIA_GCM_TAG, text + length) == 1
        && EVP_CipherUpdate(keys->cipher, NULL, &written, aad, (int)aad_length) == 1
        && EVP_CipherUpdate(keys->cipher, text, &written, text, (int)length) == 1
        && EVP_CipherFinal_ex(keys->cipher, text + length, &written) == 1;
    return end(keys, is_rtcp, succeeded);
}

static bool encrypt_cm(media_keys *keys, bool is_rtcp, const media_cm_job *job) {
    int written = 0;
    uint8_t *text = job->packet + job->start;
    const bool succeeded =
        begin(keys, is_rtcp, job->iv) && EVP_CipherUpdate(keys->cipher, text, &written, text, (int)(job->length - job->start)) == 1;
    return end(keys, is_rtcp, succeeded);
}

static bool hash(media_keys *keys, const media_session_key *key, uint8_t pad, const void *bytes, size_t length, uint8_t *digest) {
    uint8_t block[64];
    media_hmac_block(key, pad, block);
    const bool succeeded = EVP_DigestInit_ex(keys->digest, NULL, NULL) == 1 && EVP_DigestUpdate(keys->digest, block, sizeof block) == 1
        && EVP_DigestUpdate(keys->digest, bytes, length) == 1 && EVP_DigestFinal_ex(keys->digest, digest, NULL) == 1;
    OPENSSL_cleanse(block, sizeof block);
    return succeeded;
}

/// HMAC-SHA1 of the packet and its trailer. By the digest itself: EVP's own HMAC, set back for the next packet, allocates.
static bool authenticate(media_keys *keys, bool is_rtcp, const media_cm_job *job, uint8_t tag[20]) {
    const media_session_key *key = is_rtcp ? &keys->rtcp : &keys->rtp;
    uint8_t inner[20];
    memcpy(job->packet + job->length, &job->trailer, sizeof job->trailer);
    return hash(keys, key, 0x36, job->packet, job->length + sizeof job->trailer, inner) && hash(keys, key, 0x5c, inner, sizeof inner, tag);
}

bool media_cm_seal(media_keys *keys, bool is_rtcp, const media_cm_job *job) {
    uint8_t tag[20];
    if (!encrypt_cm(keys, is_rtcp, job) || !authenticate(keys, is_rtcp, job, tag)) return false;
    memcpy(job->packet + job->tag, tag, MEDIA_CM_TAG);
    return true;
}

bool media_cm_open(media_keys *keys, bool is_rtcp, const media_cm_job *job) {
    uint8_t claimed[MEDIA_CM_TAG], tag[20];
    memcpy(claimed, job->packet + job->tag, sizeof claimed);
    return authenticate(keys, is_rtcp, job, tag) && CRYPTO_memcmp(claimed, tag, sizeof claimed) == 0 && encrypt_cm(keys, is_rtcp, job);
}
