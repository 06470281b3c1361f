/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A listening socket, of TCP or of a path, or those of a range of ports. Accepts a bounded number of connections a turn;
 * when descriptors run out it closes one waiting connection with a reserve descriptor, so that the peer is
 * told at once, and pauses instead of spinning on an event that it cannot serve.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "loop/loop.h"
#include "net/port_range.h"
#include "net/unix_socket.h"
#include "wire/address.h"

struct listener {
	struct loop_event event;
	struct loop_timer resume; /* while paused */
	struct loop *loop;
	void (*accepted)(struct listener *listener, int fd, const struct address *peer);
	void (*exhausted)(struct listener *listener, int error);
	uint64_t told_at; /* of `exhausted`, µs */
	struct port_range sockets;
	struct unix_socket *file; /* its path; NULL: of TCP */
	int reserve;
	uint16_t port; /* the real one, also when 0 was asked for; of a range the first */
	uint16_t at;   /* within accepted(): the one that was connected to */
	bool paused;
};

/*
 * Listens on `bind_addr` (a numeric address; "" or NULL is every IPv4 and IPv6 address) and `port`
 * (0: any free one). 0, or -errno with a sentence and nothing open.
 *
 * `accepted` owns `fd`, which is non-blocking, close-on-exec and tuned (net/socket.h); it may close
 * the listener. `exhausted` (or NULL) is told of EMFILE, ENFILE, ENOMEM or ENOBUFS at most once a
 * minute: one log line, however long it lasts.
 */
int listener_open(struct listener *listener, struct loop *loop, const char *bind_addr,
	uint16_t port, void (*accepted)(struct listener *, int fd, const struct address *peer),
	void (*exhausted)(struct listener *, int error), struct error *err);

/* The same for `n` ports in a row from `first` on, all or none. */
int listener_open_range(struct listener *listener, struct loop *loop, const char *bind_addr,
	uint16_t first, unsigned n,
	void (*accepted)(struct listener *, int fd, const struct address *peer),
	void (*exhausted)(struct listener *, int error), struct error *err);

/*
 * The same at a path, whose file gets `mode`; a socket that is left there without a process is replaced, and the
 * file goes with the listener. Peers have no address, and the port is 0. UNIX_SOCKET_TAKEN is -EADDRINUSE here.
 */
int listener_open_unix(struct listener *listener, struct loop *loop, const char *path, mode_t mode,
	void (*accepted)(struct listener *, int fd, const struct address *peer),
	void (*exhausted)(struct listener *, int error), struct error *err);

/* Refuses connections from here on. A listener that is zero or closed is fine. */
void listener_close(struct listener *listener);
