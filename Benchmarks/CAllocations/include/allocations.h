#ifndef ALLOCATIONS_H
#define ALLOCATIONS_H

#include <stdint.h>

/// Blocks that this thread has asked the C library for since it began.
uint64_t allocations_of_thread(void);

/// CPU time of this thread in nanoseconds.
int64_t cpu_nanoseconds_of_thread(void);

#endif
