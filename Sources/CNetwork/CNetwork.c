#define _GNU_SOURCE
#include "addresses.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

// Swift reads this structure by the importer's view of it; a change of layout must be noticed here.
_Static_assert(sizeof(apus_address) == 24, "apus_address is two words, a scope and a port");

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

// MARK: Opening sockets

static int bound_address(int fd, apus_address *bound) {
    socket_name name;
    socklen_t length = sizeof name;
    if (getsockname(fd, &name.any, &length) < 0) return -errno;
    return take_address(bound, &name, length) ? 0 : -EAFNOSUPPORT;
}

static int set(int fd, int level, int option, int value) { return setsockopt(fd, level, option, &value, sizeof value); }

static int fail(int fd) {
    int code = errno;
    close(fd);
    return -code;
}

static int open_and_bind(const apus_address *address, int type, bool reuse_port) {
    socket_name name;
    socklen_t length = put_address(&name, address);
    int fd = socket(name.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    // One family a socket: "::" must not take the IPv4 port as well.
    if (name.any.sa_family == AF_INET6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) return fail(fd);
    if (reuse_port && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0) return fail(fd);
    // A restart finds the port free although old connections linger in TIME_WAIT. Never for datagrams: two processes would share the port.
    if (type == SOCK_STREAM && set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0) return fail(fd);
    if (bind(fd, &name.any, length) < 0) return fail(fd);
    return fd;
}

/// What every datagram socket has; a negated errno if not.
static int configure(int fd, bool is_v4, bool is_wildcard, apus_udp_options options) {
    // Above net.core.*mem_max only with CAP_NET_ADMIN; without it the plain call gives what the limit allows.
    if (options.receive_buffer > 0 && set(fd, SOL_SOCKET, SO_RCVBUFFORCE, options.receive_buffer) < 0)
        set(fd, SOL_SOCKET, SO_RCVBUF, options.receive_buffer);
    if (options.send_buffer > 0 && set(fd, SOL_SOCKET, SO_SNDBUFFORCE, options.send_buffer) < 0)
        set(fd, SOL_SOCKET, SO_SNDBUF, options.send_buffer);
    set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    // Don't fragment, and (PROBE rather than DO) let no ICMP message, which anybody can forge, forbid sizes to us.
    if (is_v4) {
        set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
        if (is_wildcard && set(fd, IPPROTO_IP, IP_PKTINFO, 1) < 0) return -errno;
    } else {
        set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
        set(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
        if (is_wildcard && set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) < 0) return -errno;
    }
    return 0;
}

int apus_udp_open(apus_address address, apus_udp_options options, apus_address *bound) {
    int fd = open_and_bind(&address, SOCK_DGRAM, options.reuse_port);
    if (fd < 0) return fd;
    // Set after bind: the port was nobody's, and another process that shares ports has been noticed.
    if (options.lend_port && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0) return fail(fd);
    int code = configure(fd, is_ipv4(&address), is_unspecified(&address), options);
    if (code == 0) code = bound_address(fd, bound);
    if (code < 0) {
        close(fd);
        return code;
    }
    return fd;
}

int apus_udp_connect(apus_address remote, apus_udp_options options, apus_address *bound) {
    socket_name name;
    socklen_t length = put_address(&name, &remote);
    int fd = socket(name.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, &name.any, length) < 0) return fail(fd);
    int code = configure(fd, is_ipv4(&remote), false, options);
    if (code == 0) code = bound_address(fd, bound);
    if (code < 0) {
        close(fd);
        return code;
    }
    return fd;
}

bool apus_udp_can_segment(int fd) {
    int size;
    socklen_t length = sizeof size;
    return getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, &length) == 0;
}

bool apus_udp_merge(int fd) { return set(fd, IPPROTO_UDP, UDP_GRO, 1) == 0; }

void apus_udp_buffers(int fd, int32_t *receive, int32_t *send) {
    socklen_t length = sizeof *receive;
    *receive = *send = 0;
    // The kernel doubles what is asked for, to have room for its own records.
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, receive, &length) == 0) *receive /= 2;
    if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, send, &length) == 0) *send /= 2;
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
    socket_name name;
    socklen_t length = sizeof name;
    int fd = accept4(listener, &name.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return -errno;
    if (!take_address(remote, &name, length) || bound_address(fd, local) < 0) {
        close(fd);
        return -ECONNABORTED;
    }
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return fd;
}

int apus_tcp_connect(apus_address remote, apus_address *local) {
    socket_name name;
    socklen_t length = put_address(&name, &remote);
    int fd = socket(name.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (connect(fd, &name.any, length) < 0 && errno != EINPROGRESS) return fail(fd);
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    int code = bound_address(fd, local);
    if (code < 0) {
        close(fd);
        return code;
    }
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
