/* What the floor and its load share of SRTP: session keys (RFC 3711 §4.3), and the master keys that both sides of the floor know. */
#ifndef FLOOR_SRTP_H
#define FLOOR_SRTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MASTER_KEY = 16, GCM_SALT = 12, CM_SALT = 14, MASTER_MAX = MASTER_KEY + CM_SALT, GCM_TAG = 16, CM_TAG = 10 };

struct session_keys {
    uint8_t cipher[16];
    uint8_t salt[CM_SALT];
    uint8_t authentication[20];
};

/* SRTP's or SRTCP's. `master` is the key and, behind it, `salt_length` bytes of salt. */
void derive_session_keys(const uint8_t *master, size_t salt_length, bool is_rtcp, struct session_keys *keys);

/* The floor has no handshake: subscriber `index` gets this master key; the publisher's index is FLOOR_PUBLISHER. */
enum { FLOOR_PUBLISHER = 0xFFFF };
void floor_master_key(unsigned index, uint8_t master[MASTER_MAX]);

#endif
