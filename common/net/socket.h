/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What is set and asked on sockets. On those of TCP, SO_SNDBUF and SO_RCVBUF are never set: that ends the
 * kernel's own tuning, which UDP does not have.
 */
#include <stdint.h>
#include <sys/socket.h>

#include "wire/address.h"

/*
 * How much may be unsent in the kernel before a socket stops asking for more, in bytes. What is
 * queued there is beyond the reach of fair sending (rule 26): at 20 Mbit/s 128 KiB is 50 ms where
 * the default was 1.5 s. Measured: it costs nothing on loopback.
 */
#define SOCKET_UNSENT_MAX (128u << 10)

/* Options of every TCP connection: no Nagle, the limit above. Failures are of no consequence. */
void socket_tune(int fd);

/* Sends the acknowledgement that the kernel may be holding back (delayed ACK, RFC 9293, 3.8.6.3). */
void socket_acknowledge(int fd);

/*
 * What a UDP socket holds while its thread is busy elsewhere, in bytes with the kernel's headers, half of
 * what the kernel counts (socket(7), SO_RCVBUF): 5,000 datagrams of a game or a call, or 1,800 of a full
 * Ethernet frame, which is what a busy worker carries in FLOW_AGE_MAX; older ones are worth nothing. By
 * default a socket has 208 KiB, 270 small datagrams. The kernel fills it only while it is not read, and has a
 * limit for all sockets together (net.ipv4.udp_mem).
 */
#define SOCKET_DATAGRAMS_MAX (2u << 20)

/*
 * Lets a UDP socket hold `bytes` while it is not read, or as much as net.core.rmem_max allows a process
 * that may not exceed that; never less than before. The kernel then tells with each datagram how many it
 * had to drop (SO_RXQ_OVFL).
 */
void socket_hold_datagrams(int fd, uint32_t bytes);

/* Lets the kernel find peers that vanished, for connections that may be silent for hours. */
void socket_keepalive(int fd);

/* The next close sends RST and drops what is unsent. */
void socket_abort_on_close(int fd);
/*
 * Closes one that nobody will use. The kernel may have connected it by now, and that must not look like a connection
 * that ended in order.
 */
void socket_abandon(int fd);

/* 0 or -errno; -EAFNOSUPPORT for what is not IPv4 or IPv6. */
int socket_local(int fd, struct address *address_out);

/* Another limit for this connection; as above. */
void socket_limit_unsent(int fd, uint32_t bytes);

/* What the kernel has seen of the way to the peer. */
struct socket_way {
	uint64_t acked; /* bytes of ours that the peer's kernel has acknowledged so far */
	bool under_way; /* there are others that it has not */
	/*
	 * Bytes a second that it acknowledged when that was measured last, which on a way that was never
	 * full is how fast we sent. 0: not measured yet; UINT64_MAX: Linux before 4.9 does not measure.
	 */
	uint64_t rate;
};

/* 0 or -errno; -ENOTSUP before Linux 4.1. */
int socket_ask_way(int fd, struct socket_way *way_out);

/* The reason that a non-blocking connect ended with: 0 or -errno. Reading it clears it. */
int socket_error(int fd);
