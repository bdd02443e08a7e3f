// A provider of our own would be OpenSSL 3's way to the same, at ten times the length; this way still works and is marked as deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "CSeededRandom.h"
#include <openssl/rand.h>

static _Thread_local uint64_t *seeded;

static uint64_t next(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static int draw(unsigned char *out, int count) {
    if (!seeded) return RAND_OpenSSL()->bytes(out, count);
    for (int at = 0; at < count; at += 8) {
        uint64_t word = next(seeded);
        for (int byte = 0; byte < 8 && at + byte < count; byte++) out[at + byte] = (unsigned char)(word >> (8 * byte));
    }
    return 1;
}

static int status(void) { return RAND_OpenSSL()->status(); }

void seeded_random_install(void) {
    static const RAND_METHOD method = {.bytes = draw, .pseudorand = draw, .status = status};
    RAND_set_rand_method(&method);
}

uint64_t *seeded_random_exchange(uint64_t *state) {
    uint64_t *former = seeded;
    seeded = state;
    return former;
}
