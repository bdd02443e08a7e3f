#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

#include <stdint.h>

/// Blocks that this thread has asked the C library for since it began.
uint64_t allocations_of_thread(void);

/// CPU time of this thread in nanoseconds.
int64_t cpu_nanoseconds_of_thread(void);

/// Callgrind begins to count, and ceases to; without it (or without its header, at build time) nothing happens.
void callgrind_begin(void);
void callgrind_end(void);
/// Between the two: what follows is not counted, or is again. Cheaper than those, and what lies between two counts is watched all the same.
void callgrind_toggle(void);

#endif
