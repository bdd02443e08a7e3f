#ifndef CSEEDEDRANDOM_H
#define CSEEDEDRANDOM_H

#include <stdint.h>

// OpenSSL's randomness from a seed, so that a simulated handshake has the same bytes each time. For `Simulation` only, of which no product
// that ships is made: ArchitectureTests hold that.

/// Lets threads draw from states of their own; all others draw as ever. To be called once, before the first of them does.
void seeded_random_install(void);

/// From now on, what this thread draws from OpenSSL comes from `*state` (SplitMix64), which moves on with it; NULL: from OpenSSL's own
/// generator. Gives back what was in its place.
uint64_t *seeded_random_exchange(uint64_t *state);

#endif
