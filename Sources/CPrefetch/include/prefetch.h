#ifndef PREFETCH_H
#define PREFETCH_H

/// Asks for the cache line at `address`, which will be written soon. Any address will do: it is only a hint.
static inline void prefetch_to_write(const void *address) { __builtin_prefetch(address, 1, 3); }

#endif
