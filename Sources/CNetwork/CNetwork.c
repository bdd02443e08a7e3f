#define _GNU_SOURCE
#include "CNetwork.h"
