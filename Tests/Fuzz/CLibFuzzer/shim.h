#include <stddef.h>
#include <stdint.h>

// LLVM's libFuzzer as a library: it reads the arguments, makes inputs and calls back once for each. Linked by `-sanitize=fuzzer`.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));
