#define _GNU_SOURCE
#include "CNetwork.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

// Swift reads these structures by the importer's view of them; a change of layout must be noticed here.
_Static_assert(sizeof(apus_address) == 24, "apus_address is two words, a scope and a port");
_Static_assert(sizeof(apus_datagram) == 64, "apus_datagram fills one cache line");
_Static_assert(sizeof(struct timespec) == 16, "timestamps have 64-bit seconds");

// MARK: Threads

static _Thread_local void *thread_mark;

void *apus_thread_mark(void) { return thread_mark; }
void apus_thread_set_mark(void *mark) { thread_mark = mark; }

void apus_thread_begin(const char *name) {
    static const int others[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD, SIGPIPE};
    char shortened[16];
    strncpy(shortened, name, sizeof shortened - 1);
    shortened[sizeof shortened - 1] = 0;
    pthread_setname_np(pthread_self(), shortened);
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) sigaddset(&set, others[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int apus_eventfd(void) {
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

// MARK: Addresses

static bool is_ipv4(const apus_address *a) { return a->high == 0 && a->low >> 32 == 0xffff; }
static bool is_unspecified(const apus_address *a) { return a->high == 0 && (is_ipv4(a) ? (uint32_t)a->low == 0 : a->low == 0); }
static bool is_link_local(uint64_t high) { return high >> 54 == 0xfe80 >> 6; }

static void put_in6(struct in6_addr *to, const apus_address *from) {
    uint64_t words[2] = {__builtin_bswap64(from->high), __builtin_bswap64(from->low)};
    memcpy(to, words, sizeof words);
}

static void take_in6(apus_address *to, const struct in6_addr *from) {
    uint64_t words[2];
    memcpy(words, from, sizeof words);
    to->high = __builtin_bswap64(words[0]);
    to->low = __builtin_bswap64(words[1]);
}

static void take_in4(apus_address *to, struct in_addr from) {
    to->high = 0;
    to->low = 0xffff00000000ull | ntohl(from.s_addr);
    to->scope = 0;
}

static socklen_t put_address(struct sockaddr_storage *to, const apus_address *from) {
    if (is_ipv4(from)) {
        struct sockaddr_in *in = (struct sockaddr_in *)to;
        memset(in, 0, sizeof *in);
        in->sin_family = AF_INET;
        in->sin_port = htons(from->port);
        in->sin_addr.s_addr = htonl((uint32_t)from->low);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;
    memset(in6, 0, sizeof *in6);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(from->port);
    in6->sin6_scope_id = from->scope;
    put_in6(&in6->sin6_addr, from);
    return sizeof *in6;
}

static bool take_address(apus_address *to, const struct sockaddr_storage *from, socklen_t length) {
    memset(to, 0, sizeof *to);
    if (length >= sizeof(struct sockaddr_in) && from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        take_in4(to, in->sin_addr);
        to->port = ntohs(in->sin_port);
        return true;
    }
    if (length >= sizeof(struct sockaddr_in6) && from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
        take_in6(to, &in6->sin6_addr);
        // The kernel gives the interface only where it matters, and so do we: equal addresses must stay equal.
        to->scope = is_link_local(to->high) ? in6->sin6_scope_id : 0;
        to->port = ntohs(in6->sin6_port);
        return true;
    }
    return false;
}

static int bound_address(int fd, apus_address *bound) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0) return -errno;
    return take_address(bound, &storage, length) ? 0 : -EAFNOSUPPORT;
}

// MARK: Opening sockets

static int set(int fd, int level, int option, int value) { return setsockopt(fd, level, option, &value, sizeof value); }

static int fail(int fd) {
    int code = errno;
    close(fd);
    return -code;
}

static int open_and_bind(const apus_address *address, int type, bool reuse_port) {
    struct sockaddr_storage storage;
    socklen_t length = put_address(&storage, address);
    int fd = socket(storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    // One family a socket: "::" must not take the IPv4 port as well.
    if (storage.ss_family == AF_INET6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) return fail(fd);
    if (reuse_port && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0) return fail(fd);
    // A restart finds the port free although old connections linger in TIME_WAIT. Never for datagrams: two processes would share the port.
    if (type == SOCK_STREAM && set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0) return fail(fd);
    if (bind(fd, (struct sockaddr *)&storage, length) < 0) return fail(fd);
    return fd;
}

int apus_udp_open(apus_address address, apus_udp_options options, apus_address *bound) {
    int fd = open_and_bind(&address, SOCK_DGRAM, options.reuse_port);
    if (fd < 0) return fd;
    // Set after bind: the port was nobody's, and another process that shares ports has been noticed.
    if (options.lend_port && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0) return fail(fd);
    // Above net.core.*mem_max only with CAP_NET_ADMIN; without it the plain call gives what the limit allows.
    if (options.receive_buffer > 0 && set(fd, SOL_SOCKET, SO_RCVBUFFORCE, options.receive_buffer) < 0)
        set(fd, SOL_SOCKET, SO_RCVBUF, options.receive_buffer);
    if (options.send_buffer > 0 && set(fd, SOL_SOCKET, SO_SNDBUFFORCE, options.send_buffer) < 0)
        set(fd, SOL_SOCKET, SO_SNDBUF, options.send_buffer);
    set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    // Don't fragment, and (PROBE rather than DO) let no ICMP message, which anybody can forge, forbid sizes to us.
    if (is_ipv4(&address)) {
        set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
        if (is_unspecified(&address) && set(fd, IPPROTO_IP, IP_PKTINFO, 1) < 0) return fail(fd);
    } else {
        set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
        set(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
        if (is_unspecified(&address) && set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0) return fail(fd);
    }
    int code = bound_address(fd, bound);
    if (code < 0) {
        close(fd);
        return code;
    }
    return fd;
}

int apus_tcp_listen(apus_address address, bool reuse_port, int backlog, apus_address *bound) {
    int fd = open_and_bind(&address, SOCK_STREAM, reuse_port);
    if (fd < 0) return fd;
    if (listen(fd, backlog) < 0) return fail(fd);
    int code = bound_address(fd, bound);
    if (code < 0) {
        close(fd);
        return code;
    }
    return fd;
}

int apus_tcp_accept(int listener, apus_address *local, apus_address *remote) {
    struct sockaddr_storage storage;
    socklen_t length = sizeof storage;
    int fd = accept4(listener, (struct sockaddr *)&storage, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return -errno;
    if (!take_address(remote, &storage, length) || bound_address(fd, local) < 0) {
        close(fd);
        return -ECONNABORTED;
    }
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return fd;
}

long apus_tcp_send(int fd, const void *bytes, uint64_t length) {
    ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

int apus_socket_error(int fd) {
    int code = 0;
    socklen_t length = sizeof code;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) < 0 ? errno : code;
}

// MARK: Receiving

// A timestamp, a drop count and either family's packet information.
#define RECEIVE_CONTROL (CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(uint32_t)) + CMSG_SPACE(sizeof(struct in6_pktinfo)))

struct apus_receiver {
    uint32_t slots;
    // Headers from here on up to `slots` are as they were prepared; those before were written by the kernel.
    uint32_t used;
    uint32_t drops;
    uint32_t control_size;
    struct mmsghdr *messages;
    struct iovec *vectors;
    struct sockaddr_storage *names;
    uint8_t *controls;
    apus_datagram *datagrams;
};

static void prepare(apus_receiver *r, uint32_t i) {
    struct msghdr *m = &r->messages[i].msg_hdr;
    m->msg_name = &r->names[i];
    m->msg_namelen = sizeof r->names[i];
    m->msg_control = r->controls + (size_t)i * r->control_size;
    m->msg_controllen = r->control_size;
    m->msg_flags = 0;
}

apus_receiver *apus_receiver_create(void *slab, uint32_t slots, uint32_t slot_size) {
    apus_receiver *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->slots = slots;
    r->control_size = (RECEIVE_CONTROL + 15) & ~15u;
    r->messages = calloc(slots, sizeof *r->messages);
    r->vectors = calloc(slots, sizeof *r->vectors);
    r->names = calloc(slots, sizeof *r->names);
    r->controls = calloc(slots, r->control_size);
    r->datagrams = calloc(slots, sizeof *r->datagrams);
    if (!r->messages || !r->vectors || !r->names || !r->controls || !r->datagrams) {
        apus_receiver_destroy(r);
        return NULL;
    }
    for (uint32_t i = 0; i < slots; i++) {
        r->vectors[i] = (struct iovec){(uint8_t *)slab + (size_t)i * slot_size, slot_size};
        r->messages[i].msg_hdr.msg_iov = &r->vectors[i];
        r->messages[i].msg_hdr.msg_iovlen = 1;
        prepare(r, i);
    }
    return r;
}

void apus_receiver_destroy(apus_receiver *r) {
    free(r->messages);
    free(r->vectors);
    free(r->names);
    free(r->controls);
    free(r->datagrams);
    free(r);
}

static void read_control(apus_receiver *r, struct msghdr *m, apus_datagram *d) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            d->unix_nanoseconds = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&r->drops, CMSG_DATA(c), sizeof r->drops);
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

int apus_receive(apus_receiver *r, int fd) {
    for (uint32_t i = 0; i < r->used; i++) prepare(r, i);
    r->used = 0;
    int n;
    do n = recvmmsg(fd, r->messages, r->slots, MSG_DONTWAIT, NULL);
    while (n < 0 && errno == EINTR);
    if (n < 0) return -errno;
    r->used = (uint32_t)n;
    for (int i = 0; i < n; i++) {
        struct msghdr *m = &r->messages[i].msg_hdr;
        apus_datagram *d = &r->datagrams[i];
        d->length = r->messages[i].msg_len;
        d->truncated = (m->msg_flags & MSG_TRUNC) != 0;
        d->unix_nanoseconds = 0;
        d->has_local = false;
        d->has_remote = take_address(&d->remote, &r->names[i], m->msg_namelen);
        read_control(r, m, d);
    }
    return n;
}

const apus_datagram *apus_received(const apus_receiver *r) { return r->datagrams; }
uint32_t apus_receiver_drops(const apus_receiver *r) { return r->drops; }

// MARK: Sending

#define SEND_CONTROL CMSG_SPACE(sizeof(struct in6_pktinfo))

struct apus_sender {
    uint32_t capacity;
    uint32_t count;
    uint32_t control_size;
    struct mmsghdr *messages;
    struct iovec *vectors;
    struct sockaddr_storage *names;
    uint8_t *controls;
};

apus_sender *apus_sender_create(uint32_t capacity) {
    apus_sender *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->capacity = capacity;
    s->control_size = (SEND_CONTROL + 15) & ~15u;
    s->messages = calloc(capacity, sizeof *s->messages);
    s->vectors = calloc(capacity, sizeof *s->vectors);
    s->names = calloc(capacity, sizeof *s->names);
    s->controls = calloc(capacity, s->control_size);
    if (!s->messages || !s->vectors || !s->names || !s->controls) {
        apus_sender_destroy(s);
        return NULL;
    }
    return s;
}

void apus_sender_destroy(apus_sender *s) {
    free(s->messages);
    free(s->vectors);
    free(s->names);
    free(s->controls);
    free(s);
}

void apus_sender_clear(apus_sender *s) { s->count = 0; }

static void put_source(struct msghdr *m, uint8_t *control, const apus_address *local) {
    struct cmsghdr *c = (struct cmsghdr *)control;
    m->msg_control = control;
    if (is_ipv4(local)) {
        struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl((uint32_t)local->low)};
        *c = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IP, IP_PKTINFO};
        memcpy(CMSG_DATA(c), &info, sizeof info);
        m->msg_controllen = CMSG_SPACE(sizeof info);
    } else {
        struct in6_pktinfo info = {.ipi6_ifindex = local->scope};
        put_in6(&info.ipi6_addr, local);
        *c = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IPV6, IPV6_PKTINFO};
        memcpy(CMSG_DATA(c), &info, sizeof info);
        m->msg_controllen = CMSG_SPACE(sizeof info);
    }
}

bool apus_sender_add(apus_sender *s, const void *bytes, uint32_t length, apus_address remote, apus_address local, uint32_t flags) {
    if (s->count == s->capacity) return false;
    uint32_t i = s->count++;
    s->vectors[i] = (struct iovec){(void *)bytes, length};
    struct msghdr *m = &s->messages[i].msg_hdr;
    *m = (struct msghdr){.msg_iov = &s->vectors[i], .msg_iovlen = 1};
    if (!(flags & APUS_SEND_CONNECTED)) {
        m->msg_name = &s->names[i];
        m->msg_namelen = put_address(&s->names[i], &remote);
    }
    if (flags & APUS_SEND_SOURCE) put_source(m, s->controls + (size_t)i * s->control_size, &local);
    return true;
}

int apus_send(apus_sender *s, int fd, uint32_t first) {
    if (first >= s->count) return 0;
    int n;
    do n = sendmmsg(fd, s->messages + first, s->count - first, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}
