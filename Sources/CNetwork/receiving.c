#define _GNU_SOURCE
#include "addresses.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>

// Swift reads this structure by the importer's view of it; a change of layout must be noticed here.
_Static_assert(sizeof(apus_datagram) == 64, "apus_datagram fills one cache line");
_Static_assert(sizeof(struct timespec) == 16, "timestamps have 64-bit seconds");

// A timestamp, a drop count, a segment size and either family's packet information.
#define RECEIVE_CONTROL \
    (CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(uint32_t)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in6_pktinfo)))

struct apus_receiver {
    uint32_t slots;
    // Headers from here on up to `slots` are as they were prepared; in those before, the kernel has written lengths and flags.
    uint32_t used;
    struct mmsghdr *headers;
    struct iovec *vectors;
    socket_name *names;
    uint8_t (*controls)[RECEIVE_CONTROL];
    apus_datagram *datagrams;
};

static void prepare(apus_receiver *r, uint32_t i) {
    struct msghdr *m = &r->headers[i].msg_hdr;
    m->msg_namelen = sizeof r->names[i];
    m->msg_controllen = sizeof r->controls[i];
    m->msg_flags = 0;
}

apus_receiver *apus_receiver_create(void *slab, uint32_t slots, uint32_t slot_size, uint32_t stride) {
    apus_receiver *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->slots = slots;
    r->headers = calloc(slots, sizeof *r->headers);
    r->vectors = calloc(slots, sizeof *r->vectors);
    r->names = calloc(slots, sizeof *r->names);
    r->controls = calloc(slots, sizeof *r->controls);
    r->datagrams = calloc(slots, sizeof *r->datagrams);
    if (!r->headers || !r->vectors || !r->names || !r->controls || !r->datagrams) {
        apus_receiver_destroy(r);
        return NULL;
    }
    for (uint32_t i = 0; i < slots; i++) {
        r->vectors[i] = (struct iovec){(uint8_t *)slab + (size_t)i * stride, slot_size};
        r->headers[i].msg_hdr = (struct msghdr){
            .msg_name = &r->names[i], .msg_iov = &r->vectors[i], .msg_iovlen = 1, .msg_control = r->controls[i]};
        prepare(r, i);
    }
    return r;
}

void apus_receiver_destroy(apus_receiver *r) {
    free(r->headers);
    free(r->vectors);
    free(r->names);
    free(r->controls);
    free(r->datagrams);
    free(r);
}

static void read_control(struct msghdr *m, apus_datagram *d, uint32_t *drops) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            d->unix_nanoseconds = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(drops, CMSG_DATA(c), sizeof *drops);
        } else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            d->segment = size > 0 && size < d->length ? (uint16_t)size : 0;
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            // Not ipi_addr: for what came by broadcast that is no address to answer from.
            take_in4(&d->local, info.ipi_spec_dst);
            d->has_local = true;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            take_in6(&d->local, &info.ipi6_addr);
            d->local.scope = is_link_local(d->local.high) ? info.ipi6_ifindex : 0;
            d->has_local = true;
        }
    }
}

int apus_receive(apus_receiver *r, int fd, uint32_t *drops) {
    for (uint32_t i = 0; i < r->used; i++) prepare(r, i);
    r->used = 0;
    int n;
    do n = recvmmsg(fd, r->headers, r->slots, MSG_DONTWAIT, NULL);
    while (n < 0 && errno == EINTR);
    if (n < 0) return -errno;
    r->used = (uint32_t)n;
    for (int i = 0; i < n; i++) {
        struct msghdr *m = &r->headers[i].msg_hdr;
        apus_datagram *d = &r->datagrams[i];
        // A datagram has less than 65,536 bytes, and a slot no more.
        d->length = (uint16_t)r->headers[i].msg_len;
        d->segment = 0;
        d->truncated = (m->msg_flags & MSG_TRUNC) != 0;
        d->unix_nanoseconds = 0;
        d->has_local = false;
        d->has_remote = take_address(&d->remote, &r->names[i], m->msg_namelen);
        read_control(m, d, drops);
    }
    return n;
}

const apus_datagram *apus_received(const apus_receiver *r) { return r->datagrams; }
