#include "prefetch.h"  // What Swift has no word for; all of it is inline.
