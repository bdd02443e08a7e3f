// RAND_set_rand_method is deprecated since OpenSSL 3.0 in favour of a provider of one's own; it works, and is ten lines instead of two hundred.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "CFuzzing.h"

#include <openssl/rand.h>

static uint64_t state;

void apus_fuzz_reset_random(void) { state = 1; }

// SplitMix64.
static int fill(unsigned char *bytes, int count) {
    for (int i = 0; i < count; i++) {
        uint64_t z = state += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        bytes[i] = (unsigned char)(z ^ (z >> 31));
    }
    return 1;
}

static int seed(const void *bytes, int count) { return (void)bytes, (void)count, 1; }
static int add(const void *bytes, int count, double entropy) { return (void)bytes, (void)count, (void)entropy, 1; }
static int status(void) { return 1; }

int apus_fuzz_install_random(void) {
    static RAND_METHOD method = {seed, fill, NULL, add, fill, status};
    apus_fuzz_reset_random();
    return RAND_set_rand_method(&method);
}
