/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * UDP sockets: a public one that many visitors send to, and one that is connected to an upstream.
 * What arrives is read in batches into memory that the sockets of a thread share, and given to the
 * owner one datagram at a time. What a socket does not take is dropped: nothing is queued here. What
 * comes while it is not read waits in the kernel, up to SOCKET_DATAGRAMS_MAX (net/socket.h), and what it
 * has no room for is counted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "loop/loop.h"
#include "net/port_range.h"
#include "wire/address.h"

/*
 * Where the sockets of one thread read to: 1 MiB of address space, of which datagrams of common
 * sizes touch a page each.
 */
struct udp_arena;

struct udp_arena *udp_arena_new(void); /* NULL when out of memory */
struct udp_arena *udp_arena_free(struct udp_arena *arena);

struct udp {
	struct loop_event event;
	struct loop *loop;
	struct udp_arena *arena;
	int fd; /* of a range, what is watched for all of them */
	uint16_t
		port; /* ours: the real one, also when 0 was asked for; within received(), `local`'s */
	const struct port_range *range; /* of a public one; NULL: the socket is `fd` alone */
	bool v6;                        /* an IPv6 socket, which may carry IPv4 too */
	bool connected;                 /* to `upstream` */
	bool refused_told;
	struct address upstream;
	uint32_t overruns; /* without a range: as port_range::overruns, of the one socket */
	uint64_t overrun;  /* datagrams that came while the socket's receive buffer was full */
	uint64_t dropped; /* datagrams that the socket did not take, or were too long for a frame */
	/*
	 * A datagram came from `peer`, sent to `local`: the address to answer from, of family NONE
	 * where the kernel does not tell, where none can be answered from (it was sent to a group), and on a
	 * connected socket; its port is there nevertheless, but for that. `p` lasts for the call, in which
	 * any socket may be closed, this one too.
	 */
	void (*received)(struct udp *udp, const struct address *peer, const struct address *local,
		const uint8_t *p, size_t n);
	/*
	 * Of a connected socket: nothing listens there (ICMP), or there is no route. Called once, also from
	 * within udp_send(); sending goes on, as something may listen later. May close it.
	 */
	void (*refused)(struct udp *udp, int error);
};

/*
 * Receives on `bind_addr` (a numeric address; "" or NULL is every IPv4 and IPv6 address) and `port`
 * (0: any free one). 0, or -errno with a sentence and nothing open.
 */
int udp_open(struct udp *udp, struct loop *loop, struct udp_arena *arena, const char *bind_addr,
	uint16_t port,
	void (*received)(struct udp *, const struct address *, const struct address *,
		const uint8_t *, size_t),
	struct error *err);

/*
 * Receives on the sockets of one port or many, which one thread may open (port_range_open()) and another
 * one read. They stay the caller's, and open, until udp_detach(). 0 or -errno. An answer leaves from the
 * port of its `local`.
 */
int udp_receive(struct udp *udp, struct loop *loop, struct udp_arena *arena,
	const struct port_range *range,
	void (*received)(struct udp *, const struct address *, const struct address *,
		const uint8_t *, size_t));

/*
 * Ends receiving of what udp_receive() was given. From received() it loses the rest of what was read with
 * that datagram.
 */
void udp_detach(struct udp *udp);

/* A socket that sends to and receives from `upstream` alone. 0, or -errno and nothing open. */
int udp_connect(struct udp *udp, struct loop *loop, struct udp_arena *arena,
	const struct address *upstream,
	void (*received)(struct udp *, const struct address *, const struct address *,
		const uint8_t *, size_t),
	void (*refused)(struct udp *, int error));

/*
 * Sends to `peer`, from the address `local` (NULL, or of family NONE: the kernel's choice) and the
 * socket's port, of a range the one in `local`; both NULL on a connected socket. Where `local` is none to
 * send from (a broadcast's, or one that is gone), it is the kernel's choice too. Drops what the socket does
 * not take.
 */
void udp_send(struct udp *udp, const struct address *peer, const struct address *local,
	const void *p, size_t n);

/* Legal at any time; one that is zero or closed is fine. */
void udp_close(struct udp *udp);
