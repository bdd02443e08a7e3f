#ifndef MEMORY_H
#define MEMORY_H

#include <stdint.h>

/// Bytes in blocks that the process has from the C library now, by `malloc_usable_size`.
int64_t memory_live(void);

/// The part of them that OpenSSL asked for. `memory_watch_openssl` must have come before its first use; false if it came too late.
int64_t memory_of_openssl(void);
int memory_watch_openssl(void);

/// CPU time of this thread in nanoseconds.
int64_t memory_cpu_nanoseconds(void);

#endif
