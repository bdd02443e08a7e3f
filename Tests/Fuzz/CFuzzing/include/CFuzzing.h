#include <stddef.h>
#include <stdint.h>

// LLVM's libFuzzer as a library: it reads the arguments, makes inputs and calls back once for each. Linked by `-sanitize=fuzzer`.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

// From now on OpenSSL's generator repeats itself in this process: the same input takes the same way each time, and a handshake's random bytes
// are not mistaken for new behaviour. Returns 1 on success.
int apus_fuzz_install_random(void);

// Starts the sequence over.
void apus_fuzz_reset_random(void);
