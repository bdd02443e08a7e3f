#ifndef CMEDIACIPHERS_H
#define CMEDIACIPHERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The ciphers of SRTP and SRTCP, without what surrounds them: by Intel's libipsec-mb where both the library and a processor for it are there
// (looked for when first asked, never linked), by OpenSSL elsewhere. Both give the same bytes. What is made here belongs to one thread at a time.

typedef enum { MEDIA_AES_128_GCM, MEDIA_AES_256_GCM, MEDIA_AES_128_CM_SHA1_80 } media_transform;

enum { MEDIA_GCM_TAG = 16, MEDIA_CM_TAG = 10 };

/// What is derived from a master key for one protocol (RFC 3711 §4.3): 16 or 32 bytes of cipher key, and 20 of authentication under AES-CM.
typedef struct {
    uint8_t cipher[32];
    uint8_t authentication[20];
} media_session_key;

/// The keys of one direction, SRTP's and SRTCP's. SRTP's are kept expanded; SRTCP's, which few packets need, are expanded for each.
typedef struct media_keys media_keys;

/// Whether the multi-buffer library and a processor for it are there.
bool media_has_multibuffer(void);

/// NULL when something that is asked for is not there. `seals`: these are the keys of what is sent. Freed by `media_keys_release`.
media_keys *media_keys_make(media_transform transform, bool seals, bool by_multibuffer, const media_session_key *rtp, const media_session_key *rtcp);

/// The owner needs them no more: they are wiped and freed, as soon as no queue has a job for them. NULL is allowed.
void media_keys_release(media_keys *keys);

/// What a packet's cipher begins with, in the order of the network: all of it under AES-CM, the first twelve bytes under AES-GCM.
typedef struct {
    uint64_t high, low;
} media_iv;

// AES-GCM (RFC 7714). The tag lies behind the `length` bytes of `text`.

/// Encrypts in place and writes the tag. False if the library fails: nothing that was written may leave.
bool media_gcm_seal(media_keys *keys, bool is_rtcp, media_iv iv, const uint8_t *aad, size_t aad_length, uint8_t *text, size_t length);

/// Decrypts in place; false if the tag is not that of these bytes, which are to be discarded then.
bool media_gcm_open(media_keys *keys, bool is_rtcp, media_iv iv, const uint8_t *aad, size_t aad_length, uint8_t *text, size_t length);

// AES-CM with HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1). Authenticated are `length` bytes of packet and the four bytes of `trailer`, in the
// order of the network: SRTP's rollover counter, or SRTCP's E flag and index.

typedef struct {
    uint8_t *packet;
    /// Where encryption begins, and where the packet without trailer and tag ends.
    uint32_t start, length;
    /// Where the tag lies: behind the packet, or behind the trailer where that is sent.
    uint32_t tag;
    uint32_t trailer;
    media_iv iv;
} media_cm_job;

/// Encrypts in place, and writes trailer and tag. False as under AES-GCM.
bool media_cm_seal(media_keys *keys, bool is_rtcp, const media_cm_job *job);

/// Authenticates, then decrypts in place; false, and nothing decrypted, if the tag is not that of these bytes. The tag is overwritten.
bool media_cm_open(media_keys *keys, bool is_rtcp, const media_cm_job *job);

/// SRTP packets that are to be sealed under AES-CM: the multi-buffer library takes a tenth of the time for each when it has many at once.
typedef struct media_queue media_queue;

/// NULL without memory. Freed by `media_queue_free`.
media_queue *media_queue_make(void);

/// Seals what waits, and frees.
void media_queue_free(media_queue *queue);

/// Seals the packet by the next `media_queue_flush` at the latest; until then its bytes stay where they are and are nobody else's.
void media_queue_append(media_queue *queue, media_keys *keys, const media_cm_job *job);

/// Seals all that waits.
void media_queue_flush(media_queue *queue);

/// How many packets wait.
size_t media_queue_count(const media_queue *queue);

#endif
