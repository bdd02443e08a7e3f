// The multi-buffer library: opened where it is installed, and compiled for where its header is.

#include "keys.h"

#if HAS_MULTIBUFFER

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static IMB_MGR *shared;
static IMB_MGR *(*allocate)(uint64_t);
static void (*init)(IMB_MGR *, IMB_ARCH *);
static void (*deallocate)(IMB_MGR *);

IMB_MGR *multibuffer_make_manager(void) {
    if (!allocate) return NULL;
    IMB_MGR *made = allocate(0);
    if (!made) return NULL;
    IMB_ARCH arch = IMB_ARCH_NONE;
    init(made, &arch);
    // Without AES instructions it would emulate them, slower than others do.
    if (arch != IMB_ARCH_NONE && arch != IMB_ARCH_NOAESNI && made->gcm128_enc && made->gcm256_enc) return made;
    deallocate(made);
    return NULL;
}

void multibuffer_free_manager(IMB_MGR *manager) {
    if (manager) deallocate(manager);
}

static void open_library(void) {
    // The number is the library's binary interface, and that of the header which this was compiled with.
    void *library = dlopen("libIPSec_MB.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
    init = (void (*)(IMB_MGR *, IMB_ARCH *))dlsym(library, "init_mb_mgr_auto");
    deallocate = (void (*)(IMB_MGR *))dlsym(library, "free_mb_mgr");
    const char *(*version)(void) = (const char *(*)(void))dlsym(library, "imb_get_version_str");
    // The manager is a struct of function pointers: another version's may lie elsewhere.
    if (!init || !deallocate || !version || !strstr(version(), IMB_VERSION_STR)) return;
    allocate = (IMB_MGR * (*)(uint64_t)) dlsym(library, "alloc_mb_mgr");
    shared = multibuffer_make_manager();
}

IMB_MGR *multibuffer_manager(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_library);
    return shared;
}

#endif
