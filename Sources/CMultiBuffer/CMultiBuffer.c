#include "CMultiBuffer.h"

#include <stddef.h>

#if defined(__x86_64__) && __has_include(<intel-ipsec-mb.h>)

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>

struct multibuffer_key {
    // First, and the whole aligned to 64: the library loads it in vectors.
    struct gcm_key_data expanded;
    struct gcm_context_data context;
    int is_long;
};

static IMB_MGR *manager;

static void open_library(void) {
    // The number is the library's binary interface, and that of the header which this was compiled with.
    void *library = dlopen("libIPSec_MB.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
    IMB_MGR *(*allocate)(uint64_t) = (IMB_MGR * (*)(uint64_t)) dlsym(library, "alloc_mb_mgr");
    void (*init)(IMB_MGR *, IMB_ARCH *) = (void (*)(IMB_MGR *, IMB_ARCH *))dlsym(library, "init_mb_mgr_auto");
    const char *(*version)(void) = (const char *(*)(void))dlsym(library, "imb_get_version_str");
    // The manager is a struct of function pointers: another version's may lie elsewhere.
    if (!allocate || !init || !version || !strstr(version(), IMB_VERSION_STR)) return;
    IMB_MGR *made = allocate(0);
    if (!made) return;
    IMB_ARCH arch = IMB_ARCH_NONE;
    init(made, &arch);
    // Without AES instructions it would emulate them, slower than others do.
    if (arch == IMB_ARCH_NONE || arch == IMB_ARCH_NOAESNI || !made->gcm128_enc || !made->gcm256_enc) return;
    manager = made;
}

multibuffer_key *multibuffer_key_make(const uint8_t *key, uint64_t length) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_library);
    if (!manager || !key || (length != 16 && length != 32)) return NULL;
    void *memory = NULL;
    if (posix_memalign(&memory, 64, sizeof(multibuffer_key)) != 0) return NULL;
    multibuffer_key *made = memory;
    memset(made, 0, sizeof *made);
    made->is_long = length == 32;
    if (made->is_long) {
        IMB_AES256_GCM_PRE(manager, key, &made->expanded);
    } else {
        IMB_AES128_GCM_PRE(manager, key, &made->expanded);
    }
    return made;
}

void multibuffer_key_free(multibuffer_key *key) {
    if (!key) return;
    explicit_bzero(key, sizeof *key);
    free(key);
}

void multibuffer_seal(multibuffer_key *key, const uint8_t *iv, const void *aad, uint64_t aad_length, void *text, uint64_t length, void *tag) {
    if (key->is_long) {
        IMB_AES256_GCM_ENC(manager, &key->expanded, &key->context, text, text, length, iv, aad, aad_length, tag, 16);
    } else {
        IMB_AES128_GCM_ENC(manager, &key->expanded, &key->context, text, text, length, iv, aad, aad_length, tag, 16);
    }
}

#else

multibuffer_key *multibuffer_key_make(const uint8_t *key, uint64_t length) { return NULL; }
void multibuffer_key_free(multibuffer_key *key) {}
void multibuffer_seal(multibuffer_key *key, const uint8_t *iv, const void *aad, uint64_t aad_length, void *text, uint64_t length, void *tag) {}

#endif
