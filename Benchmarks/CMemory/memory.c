// Stands in front of glibc's allocator in the executable that links it, and counts what is in use. Only for benchmarks; one thread.
#include "memory.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stddef.h>
#include <time.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static int64_t live, of_openssl;

static void *taken(void *block) {
    if (block) live += (int64_t)malloc_usable_size(block);
    return block;
}

void *malloc(size_t size) { return taken(__libc_malloc(size)); }
void *calloc(size_t n, size_t size) { return taken(__libc_calloc(n, size)); }
void *memalign(size_t alignment, size_t size) { return taken(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return taken(__libc_memalign(alignment, size)); }

void *realloc(void *old, size_t size) {
    int64_t before = old ? (int64_t)malloc_usable_size(old) : 0;
    void *block = __libc_realloc(old, size);
    if (block || size == 0) live -= before;
    return taken(block);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    *out = taken(__libc_memalign(alignment, size));
    return *out ? 0 : ENOMEM;
}

void free(void *block) {
    if (block) live -= (int64_t)malloc_usable_size(block);
    __libc_free(block);
}

static void *openssl_malloc(size_t size, const char *file, int line) {
    void *block = malloc(size);
    if (block) of_openssl += (int64_t)malloc_usable_size(block);
    return block;
}

static void openssl_free(void *block, const char *file, int line) {
    if (block) of_openssl -= (int64_t)malloc_usable_size(block);
    free(block);
}

static void *openssl_realloc(void *old, size_t size, const char *file, int line) {
    int64_t before = old ? (int64_t)malloc_usable_size(old) : 0;
    void *block = realloc(old, size);
    if (block || size == 0) of_openssl -= before;
    if (block) of_openssl += (int64_t)malloc_usable_size(block);
    return block;
}

int64_t memory_live(void) { return live; }
int64_t memory_of_openssl(void) { return of_openssl; }
int memory_watch_openssl(void) { return CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free); }

int64_t memory_cpu_nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
