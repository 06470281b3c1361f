/* SPDX-License-Identifier: MIT */
#include "client/local/local_port.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"

static void on_accepted(struct listener *l, int fd, const struct address *peer)
{
	struct local_port *port = container_of(l, struct local_port, listener);
	port->ops->accepted(port, fd, peer);
}

static void on_exhausted(struct listener *l, int error)
{
	log_error(
		"connections of local programs cannot be accepted: %s; see LimitNOFILE= and ulimit "
		"-n",
		strerror(error));
}

static void on_received(struct udp *udp, const struct address *peer, const struct address *local,
	const uint8_t *p, size_t n)
{
	struct local_port *port = container_of(udp, struct local_port, udp);
	port->ops->received(port, peer, local, p, n);
}

static int open_tcp(struct local_port *port, struct loop *loop, const char *host, uint16_t number,
	struct error *err)
{
	return listener_open(&port->listener, loop, host, number, on_accepted, on_exhausted, err);
}

int local_port_open(struct local_port *port, struct loop *loop, const struct local_place *place,
	const char *host, mode_t mode, struct udp_arena *arena, struct error *err)
{
	int r = 0;
	port->kind = place->kind;
	if (!*host)
		host = place->host;
	switch (place->kind) {
	case LOCAL_PLACE_TCP:
		r = open_tcp(port, loop, host, place->port, err);
		break;
	case LOCAL_PLACE_UNIX:
		r = listener_open_unix(&port->listener, loop, place->path, mode, on_accepted,
			on_exhausted, err);
		break;
	case LOCAL_PLACE_UDP:
		r = arena ? udp_open(&port->udp, loop, arena, host, place->port, on_received, err)
			  : error_set(err, -ENOMEM, "out of memory");
		break;
	case LOCAL_PLACE_STDIO:
		break;
	}
	port->open = r == 0;
	return r;
}

void local_port_close(struct local_port *port)
{
	if (!port->open)
		return;
	port->open = false;
	if (port->kind == LOCAL_PLACE_UDP)
		udp_close(&port->udp);
	else if (port->kind != LOCAL_PLACE_STDIO)
		listener_close(&port->listener);
}

uint16_t local_port_number(const struct local_port *port)
{
	return port->kind == LOCAL_PLACE_UDP   ? port->udp.port
	       : port->kind == LOCAL_PLACE_TCP ? port->listener.port
					       : 0;
}
