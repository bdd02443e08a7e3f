#ifndef CMULTIBUFFER_H
#define CMULTIBUFFER_H

#include <stdint.h>

// AES-GCM by Intel's libipsec-mb, where both the library and a processor for it are there: looked for when first asked, never linked.

/// An expanded key. It may be used by one thread at a time.
typedef struct multibuffer_key multibuffer_key;

/// A key of 16 or 32 bytes; NULL of any other length, or without the library. Freed by `multibuffer_key_free`.
multibuffer_key *multibuffer_key_make(const uint8_t *key, uint64_t length);

/// Wipes and frees; NULL is allowed.
void multibuffer_key_free(multibuffer_key *key);

/// Encrypts `length` bytes of `text` in place and writes 16 bytes of tag over them and `aad`; `iv` is 12 bytes.
void multibuffer_seal(multibuffer_key *key, const uint8_t *iv, const void *aad, uint64_t aad_length, void *text, uint64_t length, void *tag);

#endif
