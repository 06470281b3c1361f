/* SPDX-License-Identifier: MIT */
#include "server/accept/listeners.h"

#include <errno.h>
#include <stdlib.h>

#include "server/accept/handoff.h"
#include "server/base/worker.h"

static void listeners_accepted(struct listener *listener, int fd, const struct address *peer)
{
	struct listeners_port *port = container_of(listener, struct listeners_port, listener);
	handoff_send(&port->config, handoff_next_worker(port->listeners->node), fd, peer, NULL);
}

static int listeners_listen(struct listeners *l, const char *addr, uint16_t number, bool links,
	bool visits, struct error *err)
{
	struct listeners_port *port = &l->ports[l->n];
	*port = (struct listeners_port){.listeners = l,
		.config = {.links = links, .visits = visits, .control = !visits}};
	int r = listener_open(&port->listener, l->node->workers[0]->loop, addr, number,
		listeners_accepted, handoff_exhausted, err);
	if (r == 0) {
		port->config.port = port->listener.port;
		l->n++;
	}
	return r;
}

int listeners_open(struct listeners *l, struct node *n, struct error *err)
{
	const struct server_options *o = n->workers[0]->opts;
	const char *data = o->data_addr ? o->data_addr : o->bind_addr;
	const char *control = o->control_addr ? o->control_addr : o->bind_addr;
	bool apart = o->control_port.n > 0; /* then no request on another port is a link (rule 3) */
	*l = (struct listeners){.node = n};
	/* The array never moves: the loop knows listeners by their address. */
	l->ports = calloc(o->ports.n + 1, sizeof(*l->ports));
	if (!l->ports)
		return error_set(err, -ENOMEM, "out of memory");
	int r = 0;
	for (size_t i = 0; i < o->ports.n && r == 0; i++)
		r = listeners_listen(l, data, o->ports.v[i], !apart, true, err);
	if (r == 0 && apart)
		r = listeners_listen(l, control, o->control_port.v[0], true, false, err);
	if (r < 0)
		listeners_close(l);
	return r;
}

void listeners_close(struct listeners *l)
{
	for (size_t i = 0; i < l->n; i++)
		listener_close(&l->ports[i].listener);
	free(l->ports);
	*l = (struct listeners){0};
}

uint16_t listeners_common(const struct listeners *l, uint16_t first, unsigned n)
{
	for (size_t i = 0; i < l->n; i++) {
		uint16_t port = l->ports[i].listener.port;
		if (port >= first && port < first + n)
			return port;
	}
	return 0;
}

static uint16_t listeners_first(const struct listeners *l, bool tls,
	bool (*wanted)(const struct listener_config *config))
{
	uint16_t first = 0;
	for (size_t i = 0; i < l->n; i++) {
		uint16_t port = l->ports[i].listener.port;
		if (!wanted(&l->ports[i].config))
			continue;
		if (!first || (tls && port == 443))
			first = port;
	}
	return first;
}

static bool takes_links(const struct listener_config *config)
{
	return config->links;
}

static bool takes_visitors(const struct listener_config *config)
{
	return config->visits;
}

uint16_t listeners_control_port(const struct listeners *l, bool tls)
{
	return listeners_first(l, tls, takes_links);
}

uint16_t listeners_visitors_port(const struct listeners *l, bool tls)
{
	return listeners_first(l, tls, takes_visitors);
}
