// Linux's batched datagram calls, which Swift's importer does not see (they need _GNU_SOURCE, which is set in the .c file only).
#pragma once
#include <stdint.h>
