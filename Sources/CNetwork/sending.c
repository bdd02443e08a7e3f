#define _GNU_SOURCE
#include "addresses.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/uio.h>

// Where a message leaves from, and how long its segments are.
#define SEND_CONTROL (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t)))

struct apus_sender {
    uint32_t capacity;
    uint32_t datagrams;
    uint32_t messages;
    struct mmsghdr *headers;
    /// The first datagram of each message.
    uint32_t *firsts;
    /// One for each datagram; those of a message lie together.
    struct iovec *vectors;
    /// One for each message whose datagrams lie one behind the other in memory: all of them, which costs the kernel less than one after another.
    struct iovec *wholes;
    socket_name *names;
    uint8_t (*controls)[SEND_CONTROL];
};

apus_sender *apus_sender_create(uint32_t capacity) {
    apus_sender *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->capacity = capacity;
    s->headers = calloc(capacity, sizeof *s->headers);
    s->firsts = calloc(capacity, sizeof *s->firsts);
    s->vectors = calloc(capacity, sizeof *s->vectors);
    s->wholes = calloc(capacity, sizeof *s->wholes);
    s->names = calloc(capacity, sizeof *s->names);
    s->controls = calloc(capacity, sizeof *s->controls);
    if (!s->headers || !s->firsts || !s->vectors || !s->wholes || !s->names || !s->controls) {
        apus_sender_destroy(s);
        return NULL;
    }
    return s;
}

void apus_sender_destroy(apus_sender *s) {
    free(s->headers);
    free(s->firsts);
    free(s->vectors);
    free(s->wholes);
    free(s->names);
    free(s->controls);
    free(s);
}

void apus_sender_clear(apus_sender *s) { s->datagrams = s->messages = 0; }
uint32_t apus_sender_messages(const apus_sender *s) { return s->messages; }
uint32_t apus_sender_first(const apus_sender *s, uint32_t message) { return message < s->messages ? s->firsts[message] : s->datagrams; }

/// Appends to the control data of a message, which has room for it.
static void put_control(struct msghdr *m, int level, int type, const void *data, size_t length) {
    struct cmsghdr *c = (struct cmsghdr *)((uint8_t *)m->msg_control + m->msg_controllen);
    *c = (struct cmsghdr){CMSG_LEN(length), level, type};
    memcpy(CMSG_DATA(c), data, length);
    m->msg_controllen += CMSG_SPACE(length);
}

static void put_source(struct msghdr *m, const apus_address *local) {
    if (is_ipv4(local)) {
        struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl((uint32_t)local->low)};
        put_control(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else {
        struct in6_pktinfo info = {.ipi6_ifindex = local->scope};
        put_in6(&info.ipi6_addr, local);
        put_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
}

bool apus_sender_begin(apus_sender *s, const void *bytes, uint32_t length, apus_address remote, apus_address local, uint32_t flags) {
    if (s->datagrams == s->capacity) return false;
    uint32_t i = s->messages++;
    s->firsts[i] = s->datagrams;
    s->vectors[s->datagrams++] = s->wholes[i] = (struct iovec){(void *)bytes, length};
    struct msghdr *m = &s->headers[i].msg_hdr;
    *m = (struct msghdr){.msg_iov = &s->wholes[i], .msg_iovlen = 1, .msg_control = s->controls[i]};
    if (!(flags & APUS_SEND_CONNECTED)) {
        m->msg_name = &s->names[i];
        m->msg_namelen = put_address(&s->names[i], &remote);
    }
    if (flags & APUS_SEND_SOURCE) put_source(m, &local);
    return true;
}

bool apus_sender_extend(apus_sender *s, const void *bytes, uint32_t length) {
    if (s->messages == 0 || s->datagrams == s->capacity) return false;
    uint32_t i = s->messages - 1, first = s->firsts[i];
    struct msghdr *m = &s->headers[i].msg_hdr;
    if (s->datagrams - first == 1) {
        uint16_t size = (uint16_t)s->vectors[first].iov_len;
        put_control(m, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size);
    }
    s->vectors[s->datagrams++] = (struct iovec){(void *)bytes, length};
    struct iovec *whole = &s->wholes[i];
    if (m->msg_iov == whole && (const uint8_t *)whole->iov_base + whole->iov_len == (const uint8_t *)bytes) {
        whole->iov_len += length;
    } else {
        m->msg_iov = &s->vectors[first];
        m->msg_iovlen = s->datagrams - first;
    }
    return true;
}

int apus_send(apus_sender *s, int fd, uint32_t first) {
    if (first >= s->messages) return 0;
    int n;
    do n = sendmmsg(fd, s->headers + first, s->messages - first, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int apus_send_alone(const apus_sender *s, int fd, uint32_t message, uint32_t datagram) {
    if (message >= s->messages || datagram >= s->datagrams) return -EINVAL;
    struct msghdr m = s->headers[message].msg_hdr;
    if (apus_sender_first(s, message + 1) - s->firsts[message] > 1) m.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
    m.msg_iov = &s->vectors[datagram];
    m.msg_iovlen = 1;
    ssize_t n;
    do n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 1;
}
