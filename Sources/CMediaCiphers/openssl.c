// OpenSSL's ciphers, through EVP: contexts are made with the keys, and a packet only sets its IV. Not so its hash: whatever EVP has for HMAC-SHA1
// allocates for each packet. The functions beneath are called deprecated, but are all that goes on from a state that was worked out once.

#define OPENSSL_SUPPRESS_DEPRECATED

#include "keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

static void begin_hash(const uint8_t key[20], uint8_t pad, uint32_t state[5]) {
    // The key, filled up with zeros to a block, exclusive-or `pad`.
    uint8_t block[SHA_CBLOCK];
    memset(block, pad, sizeof block);
    for (size_t index = 0; index < 20; index++) block[index] ^= key[index];
    SHA_CTX hash;
    SHA1_Init(&hash);
    SHA1_Update(&hash, block, sizeof block);
    memcpy(state, (const uint32_t[]){hash.h0, hash.h1, hash.h2, hash.h3, hash.h4}, 5 * sizeof *state);
    OPENSSL_cleanse(block, sizeof block);
    OPENSSL_cleanse(&hash, sizeof hash);
}

static void begin_hmac(const uint8_t key[20], media_hmac *hmac) {
    begin_hash(key, 0x36, hmac->inner);
    begin_hash(key, 0x5c, hmac->outer);
}

/// Goes on behind the first block.
static void end_hash(const uint32_t state[5], const void *bytes, size_t length, uint8_t digest[SHA_DIGEST_LENGTH]) {
    SHA_CTX hash = {.h0 = state[0], .h1 = state[1], .h2 = state[2], .h3 = state[3], .h4 = state[4], .Nl = 8 * SHA_CBLOCK};
    SHA1_Update(&hash, bytes, length);
    SHA1_Final(digest, &hash);
}

bool openssl_expand(media_keys *keys, const media_session_key *rtp, const media_session_key *rtcp) {
    const EVP_CIPHER *cipher = media_is_cm(keys) ? EVP_aes_128_ctr() : keys->transform == MEDIA_AES_256_GCM ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
    memcpy(keys->rtp_cipher, rtp->cipher, sizeof keys->rtp_cipher);
    memcpy(keys->rtcp_authentication, rtcp->authentication, sizeof keys->rtcp_authentication);
    begin_hmac(rtp->authentication, &keys->rtp_hmac);
    keys->cipher = EVP_CIPHER_CTX_new();
    // Counter mode is its own inverse.
    return keys->cipher && EVP_CipherInit_ex(keys->cipher, cipher, NULL, keys->rtp_cipher, NULL, keys->seals || media_is_cm(keys)) == 1;
}

/// Sets the IV, and for SRTCP its key.
static bool begin(media_keys *keys, bool is_rtcp, media_iv iv) {
    return EVP_CipherInit_ex(keys->cipher, NULL, NULL, is_rtcp ? keys->rtcp_cipher : NULL, (const uint8_t *)&iv, -1) == 1;
}

/// SRTP's key again.
static bool end(media_keys *keys, bool is_rtcp, bool succeeded) {
    return (!is_rtcp || EVP_CipherInit_ex(keys->cipher, NULL, NULL, keys->rtp_cipher, NULL, -1) == 1) && succeeded;
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

/// HMAC-SHA1 of the packet and its trailer.
static void authenticate(const media_keys *keys, bool is_rtcp, const media_cm_job *job, uint8_t tag[SHA_DIGEST_LENGTH]) {
    media_hmac once;
    const media_hmac *hmac = &keys->rtp_hmac;
    if (is_rtcp) {
        begin_hmac(keys->rtcp_authentication, &once);
        hmac = &once;
    }
    uint8_t inner[SHA_DIGEST_LENGTH];
    memcpy(job->packet + job->length, &job->trailer, sizeof job->trailer);
    end_hash(hmac->inner, job->packet, job->length + sizeof job->trailer, inner);
    end_hash(hmac->outer, inner, sizeof inner, tag);
    if (is_rtcp) OPENSSL_cleanse(&once, sizeof once);
}

bool media_cm_seal(media_keys *keys, bool is_rtcp, const media_cm_job *job) {
    uint8_t tag[SHA_DIGEST_LENGTH];
    if (!encrypt_cm(keys, is_rtcp, job)) return false;
    authenticate(keys, is_rtcp, job, tag);
    memcpy(job->packet + job->tag, tag, MEDIA_CM_TAG);
    return true;
}

bool media_cm_open(media_keys *keys, bool is_rtcp, const media_cm_job *job) {
    uint8_t claimed[MEDIA_CM_TAG], tag[SHA_DIGEST_LENGTH];
    memcpy(claimed, job->packet + job->tag, sizeof claimed);
    authenticate(keys, is_rtcp, job, tag);
    return CRYPTO_memcmp(claimed, tag, sizeof claimed) == 0 && encrypt_cm(keys, is_rtcp, job);
}
