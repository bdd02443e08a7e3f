#include "srtp.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* One key of a session: the key stream of AES-CM with the label mixed into the salt (RFC 3711 §4.3.1, §4.3.3). */
static void derive(EVP_CIPHER_CTX *context, const uint8_t *master, size_t salt_length, uint8_t label, uint8_t *key, int length) {
    uint8_t counter[16] = {0};
    const uint8_t zeros[32] = {0};
    int written = 0;
    memcpy(counter, master + MASTER_KEY, salt_length);
    counter[7] ^= label;
    if (EVP_EncryptInit_ex(context, EVP_aes_128_ctr(), NULL, master, counter) != 1 ||
        EVP_EncryptUpdate(context, key, &written, zeros, length) != 1)
        abort();
}

void derive_session_keys(const uint8_t *master, size_t salt_length, bool is_rtcp, struct session_keys *keys) {
    const uint8_t first = is_rtcp ? 3 : 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    derive(context, master, salt_length, first, keys->cipher, sizeof keys->cipher);
    derive(context, master, salt_length, first + 1, keys->authentication, sizeof keys->authentication);
    derive(context, master, salt_length, first + 2, keys->salt, (int)salt_length);
    EVP_CIPHER_CTX_free(context);
}

void floor_master_key(unsigned index, uint8_t master[MASTER_MAX]) {
    for (unsigned byte = 0; byte < MASTER_MAX; byte++) master[byte] = (uint8_t)(index * 31 + (index >> 8) * 7 + byte * 5 + 1);
}
