/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The sockets of one public port, or of a range of thousands, opened all or none. A range's are in an epoll
 * set of their own, which the loop watches like a single socket: so a port costs its descriptor and eight
 * bytes here, and neither an event nor a place in libevent's tables.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct port_range {
	int *fds; /* NULL: not open */
	uint32_t *
		overruns; /* of UDP sockets, as many: what udp_read() has seen of SO_RXQ_OVFL, which never restarts */
	int epoll; /* that has all of them; -1 for a single port */
	unsigned n;
	uint16_t first; /* the real one, also when 0 was asked for */
};

/* In memory that was not zeroed; zeroed is the same. */
#define PORT_RANGE_NULL ((struct port_range){.epoll = -1})

/*
 * `type` is SOCK_STREAM, whose sockets listen then, or SOCK_DGRAM; `bind_addr` a numeric address, "" or NULL
 * for every IPv4 and IPv6 one; the port 0, for any, stands alone. 0; or -errno, nothing open, and a sentence
 * with the port that was in the way, or what it takes in descriptors.
 */
int port_range_open(struct port_range *r, int type, const char *bind_addr, uint16_t first,
	unsigned n, struct error *err);
/* The one socket that listens already, wherever that is; owned from here on. 0, or -ENOMEM and nothing is. */
int port_range_adopt(struct port_range *r, int fd);
/* Legal at any time. */
void port_range_close(struct port_range *r);

/*
 * The ports are free when this returns, while another thread may still read the descriptors, which stay:
 * each then stands for a socket without a peer. Where no descriptor is left for that, port_range_close()
 * frees the ports.
 */
void port_range_give_up(struct port_range *r);

/* What to watch: readable when one of them is. */
int port_range_fd(const struct port_range *r);

/* Which may be readable, counted from the first; `max` at a time, others the next. How many. */
size_t port_range_ready(const struct port_range *r, unsigned *index_out, size_t max);

static inline bool port_range_is_open(const struct port_range *r)
{
	return r->fds != NULL;
}
