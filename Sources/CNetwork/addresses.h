// Between Swift's form of an address and the kernel's. Included by the .c files alone.
#pragma once
#include "CNetwork.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/// Either family's, in half a cache line where a sockaddr_storage takes two.
typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} socket_name;

static inline bool is_ipv4(const apus_address *a) { return a->high == 0 && a->low >> 32 == 0xffff; }
static inline bool is_unspecified(const apus_address *a) { return a->high == 0 && (is_ipv4(a) ? (uint32_t)a->low == 0 : a->low == 0); }
static inline bool is_link_local(uint64_t high) { return high >> 54 == 0xfe80 >> 6; }

static inline void put_in6(struct in6_addr *to, const apus_address *from) {
    uint64_t words[2] = {__builtin_bswap64(from->high), __builtin_bswap64(from->low)};
    memcpy(to, words, sizeof words);
}

static inline void take_in6(apus_address *to, const struct in6_addr *from) {
    uint64_t words[2];
    memcpy(words, from, sizeof words);
    to->high = __builtin_bswap64(words[0]);
    to->low = __builtin_bswap64(words[1]);
}

static inline void take_in4(apus_address *to, struct in_addr from) {
    to->high = 0;
    to->low = 0xffff00000000ull | ntohl(from.s_addr);
    to->scope = 0;
}

static inline socklen_t put_address(socket_name *to, const apus_address *from) {
    if (is_ipv4(from)) {
        to->v4 = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = htons(from->port), .sin_addr.s_addr = htonl((uint32_t)from->low)};
        return sizeof to->v4;
    }
    to->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(from->port), .sin6_scope_id = from->scope};
    put_in6(&to->v6.sin6_addr, from);
    return sizeof to->v6;
}

static inline bool take_address(apus_address *to, const socket_name *from, socklen_t length) {
    if (length >= sizeof from->v4 && from->any.sa_family == AF_INET) {
        take_in4(to, from->v4.sin_addr);
        to->port = ntohs(from->v4.sin_port);
        return true;
    }
    if (length >= sizeof from->v6 && from->any.sa_family == AF_INET6) {
        take_in6(to, &from->v6.sin6_addr);
        // The kernel gives the interface only where it matters, and so do we: equal addresses must stay equal.
        to->scope = is_link_local(to->high) ? from->v6.sin6_scope_id : 0;
        to->port = ntohs(from->v6.sin6_port);
        return true;
    }
    return false;
}
