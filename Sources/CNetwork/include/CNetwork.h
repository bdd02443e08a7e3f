// Linux's batched datagram calls and a few others that Swift's importer does not see: they need _GNU_SOURCE (set in the .c file only, since
// setting it for one module's header breaks the import of the next) or are macros (CMSG_*).
//
// Everything here returns a count or a descriptor, or a negated errno. Nothing keeps a pointer beyond the call unless it says so.
#pragma once
#include <stdbool.h>
#include <stdint.h>

/// An address as Swift's SocketAddress holds it: IPv4 in its mapped form, all in host order.
typedef struct {
    uint64_t high;
    uint64_t low;
    uint32_t scope;
    uint16_t port;
} apus_address;

// MARK: Threads

/// Names the calling thread (15 bytes count) and leaves the process's signals (TERM, INT, HUP, QUIT, USR1, USR2, CHLD, PIPE) to the others.
void apus_thread_begin(const char *_Nonnull name);
/// A mark that belongs to the calling thread; NULL until set.
void *_Nullable apus_thread_mark(void);
void apus_thread_set_mark(void *_Nullable mark);
/// A non-blocking eventfd.
int apus_eventfd(void);

// MARK: Opening sockets

typedef struct {
    int32_t receive_buffer;
    int32_t send_buffer;
    /// Joins the sockets that share the port already.
    bool reuse_port;
    /// Binds alone, and lets sockets of the same user that ask for it join from then on.
    bool lend_port;
} apus_udp_options;

/// A bound, non-blocking datagram socket: don't-fragment, kernel timestamps and drop count, and with a wildcard address the destination of each datagram.
int apus_udp_open(apus_address address, apus_udp_options options, apus_address *_Nonnull bound);
/// The same, bound to a free port of the address that leads to `remote`, and connected to that.
int apus_udp_connect(apus_address remote, apus_udp_options options, apus_address *_Nonnull bound);
/// Whether the kernel cuts a message into datagrams (UDP_SEGMENT, Linux 4.18).
bool apus_udp_can_segment(int fd);
/// Has the kernel hand over runs of datagrams as one (UDP_GRO, Linux 5.0); false if it cannot.
bool apus_udp_merge(int fd);
/// The sizes in bytes that the socket's buffers have, as they are asked for.
void apus_udp_buffers(int fd, int32_t *_Nonnull receive, int32_t *_Nonnull send);
/// A listening, non-blocking stream socket.
int apus_tcp_listen(apus_address address, bool reuse_port, int backlog, apus_address *_Nonnull bound);
/// The next connection, non-blocking and without Nagle's delay.
int apus_tcp_accept(int listener, apus_address *_Nonnull local, apus_address *_Nonnull remote);
/// A non-blocking connection to `remote` that may not be made yet, without Nagle's delay.
int apus_tcp_connect(apus_address remote, apus_address *_Nonnull local);
/// send(2) that never raises SIGPIPE.
long apus_tcp_send(int fd, const void *_Nonnull bytes, uint64_t length);
/// Reads and clears the socket's pending error (0 if none).
int apus_socket_error(int fd);

// MARK: Receiving

/// What came at once: a datagram, or a run of them that the kernel has put together (UDP_GRO).
typedef struct {
    apus_address remote;
    /// The address it was sent to; only if `has_local`.
    apus_address local;
    /// When the kernel took it in, in nanoseconds since 1970; 0 if unknown.
    int64_t unix_nanoseconds;
    uint16_t length;
    /// Of a run: the length of each of its datagrams but the last, which may be shorter. Otherwise 0.
    uint16_t segment;
    bool truncated;
    bool has_remote;
    bool has_local;
} apus_datagram;

typedef struct apus_receiver apus_receiver;

/// Reads into `slots` slots of `slot_size` bytes each, at every `stride` bytes of `slab`, which must outlive the receiver. NULL without memory.
apus_receiver *_Nullable apus_receiver_create(void *_Nonnull slab, uint32_t slots, uint32_t slot_size, uint32_t stride);
void apus_receiver_destroy(apus_receiver *_Nonnull receiver);
/// One recvmmsg: how many slots were filled, from the first. `drops` is set to how many the kernel has dropped since the socket was made because
/// its buffer was full (wraps), if it says so.
int apus_receive(apus_receiver *_Nonnull receiver, int fd, uint32_t *_Nonnull drops);
/// What is in the slots.
const apus_datagram *_Nonnull apus_received(const apus_receiver *_Nonnull receiver);

// MARK: Sending

typedef struct apus_sender apus_sender;

/// The socket is connected: no destination is given with the message.
#define APUS_SEND_CONNECTED 1u
/// The message leaves from the given local address.
#define APUS_SEND_SOURCE 2u

/// Room for `capacity` datagrams, in as many messages at most. NULL without memory.
apus_sender *_Nullable apus_sender_create(uint32_t capacity);
void apus_sender_destroy(apus_sender *_Nonnull sender);
void apus_sender_clear(apus_sender *_Nonnull sender);
/// Begins a message of one datagram; false if there is no room. `bytes` must stay until it is sent or the sender is cleared.
bool apus_sender_begin(
    apus_sender *_Nonnull sender, const void *_Nonnull bytes, uint32_t length, apus_address remote, apus_address local, uint32_t flags);
/// Adds a datagram to the message begun last (UDP_SEGMENT): each of a message is as long as the first, but for the last, which may be shorter.
bool apus_sender_extend(apus_sender *_Nonnull sender, const void *_Nonnull bytes, uint32_t length);
uint32_t apus_sender_messages(const apus_sender *_Nonnull sender);
/// The number of the message's first datagram; of the message behind the last, the number of datagrams.
uint32_t apus_sender_first(const apus_sender *_Nonnull sender, uint32_t message);
/// One sendmmsg of the messages from `first` on: how many left. A negated errno concerns the message `first` alone.
int apus_send(apus_sender *_Nonnull sender, int fd, uint32_t first);
/// Sends one datagram of a message without the others: 1, or a negated errno.
int apus_send_alone(const apus_sender *_Nonnull sender, int fd, uint32_t message, uint32_t datagram);
