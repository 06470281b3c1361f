/* SPDX-License-Identifier: MIT */
#include "server/control/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/macros.h"
#include "config/value.h"
#include "crypto/random.h"
#include "server/accept/handoff.h"
#include "server/accept/listeners.h"
#include "server/udp/udp_flow.h"
#include "server/udp/udp_port.h"
#include "server/control/session.h"
#include "server/route/balance.h"

/* To a worker that has a link for it, so that most connections never move. */
static void port_accepted(struct listener *listener, int fd, const struct address *peer)
{
	struct port *port = container_of(listener, struct port, listener);
	struct node *n = port->registrar->node;
	struct worker *home = port->registrar->worker;
	struct route *route = routes_find(&home->routing->ports, str_from(port->config.place),
		loop_now(home->loop));
	struct session_shard *p = route ? route_pick_session(route) : NULL;
	struct listener_config config = port->config;
	config.port = listener->at;
	handoff_send(&config, p ? n->workers[session_shard_worker(p)] : home, fd, peer, p);
}

/* Of the ports that somebody has, one with any of these `n`. */
static struct port *port_find(struct registrar *r, enum control_kind kind, uint16_t first,
	unsigned n)
{
	list_for_each (it, &r->ports) {
		struct port *p = list_entry(it, struct port, link);
		if (p->kind == kind && first < p->first + p->n && p->first < first + n)
			return p;
	}
	return NULL;
}

static int port_open_udp_port(struct registrar *r, struct port *p, const char *addr,
	struct error *err)
{
	struct port_range sockets;
	int e = port_range_open(&sockets, SOCK_DGRAM, addr, p->first, p->n, err);
	if (e < 0)
		return e;
	p->udp_port = udp_port_new(r->node, &sockets, &udp_flow_port_ops);
	if (p->udp_port)
		return 0;
	port_range_close(&sockets);
	return error_set(err, -ENOMEM, "the server is out of memory");
}

static int port_open(struct registrar *r, struct port *p, uint16_t first, struct error *err)
{
	const struct server_options *o = r->worker->opts;
	const char *addr = o->data_addr ? o->data_addr : o->bind_addr;
	p->first = first;
	if (p->kind == CONTROL_UDP)
		return port_open_udp_port(r, p, addr, err);
	return listener_open_range(&p->listener, r->worker->loop, addr, first, p->n, port_accepted,
		handoff_exhausted, err);
}

/* The port with that number, counted from 0, among all that are allowed; 0: there are none. */
static uint16_t port_allowed(const struct option_ranges *allowed, uint32_t random)
{
	uint32_t total = 0;
	for (size_t i = 0; i < allowed->n; i++)
		total += allowed->v[i].last - allowed->v[i].first + 1u;
	uint32_t at = total ? random % total : 0;
	for (size_t i = 0; i < allowed->n; i++) {
		uint32_t n = allowed->v[i].last - allowed->v[i].first + 1u;
		if (at < n)
			return (uint16_t)(allowed->v[i].first + at);
		at -= n;
	}
	return 0;
}

/* One that is free among those that are allowed: a random one, and others if need be. */
static int port_open_any(struct registrar *r, struct port *p, struct error *err)
{
	for (int i = 0; i < PORT_TRIES; i++) {
		uint32_t random;
		random_bytes(&random, sizeof(random));
		uint16_t number = port_allowed(&r->worker->opts->allow_ports, random);
		if (!number || port_find(r, p->kind, number, 1))
			continue;
		int e = port_open(r, p, number, err);
		if (e != -EADDRINUSE && e != -EACCES)
			return e;
	}
	return error_set(err, -EADDRINUSE,
		"no port was found free among those that this server gives away (--allow-ports)");
}

/* The first port that it has of those `n`. */
static unsigned port_common(const struct port *p, uint16_t first)
{
	return MAX(p->first, first);
}

/* Whether the session may have just the ports that others have already. */
static int port_share(struct port *p, const struct session *s, const struct service *service,
	uint16_t first, struct error *err)
{
	struct worker *w = p->registrar->worker;
	struct route *route =
		routes_find(&w->routing->ports, str_from(p->config.place), loop_now(w->loop));
	struct route_entry *entry =
		route ? list_first(&route->entries, struct route_entry, link) : NULL;
	const struct service *other =
		entry ? container_of(entry, struct service_shard, entry)->service : NULL;
	const char *differs = NULL;
	if (other && session_of(other) == s)
		return error_set(err, -EEXIST, "port %u is published by this client already",
			port_common(p, first));
	if (p->first != first || p->n != service->n_numbers)
		differs = "whose range is another";
	else if (other && !service_same_tls(other, service))
		differs = "whose TLS or --alpn is another";
	if (!differs && (!other || other->session->identity == s->base.identity))
		return 0;
	if (!other)
		return error_set(err, -EEXIST,
			"port %u is still held by a client that has just left",
			port_common(p, first));
	return error_set(err, -EEXIST, "port %u is held by session %s of %s%s%s",
		port_common(p, first), other->session->name, other->session->identity->name,
		differs ? ", " : "", differs ? differs : "");
}

/* Whether the server gives them away: as many, and each of them. */
static int port_allow(const struct session *s, uint32_t first, unsigned n,
	enum control_reason *reason_out, struct error *err)
{
	const struct server_options *o = s->registrar->worker->opts;
	*reason_out = CONTROL_REASON_LIMIT;
	if (s->n_ports + n > o->max_ports)
		return error_set(err, -EDQUOT,
			"a session may have at most %u ports (--max-ports): it has %u, and asks "
			"for %u more",
			(unsigned)o->max_ports, s->n_ports, n);
	*reason_out = CONTROL_REASON_DENIED;
	for (uint32_t port = first; first && port < first + n; port++)
		if (!option_ranges_have(&o->allow_ports, (uint16_t)port)) {
			char allowed[128]; /* of a long list the beginning says enough */
			value_format_ranges(&o->allow_ports, allowed, sizeof allowed);
			return error_set(err, -EPERM,
				"port %u is not among those that this server gives away "
				"(--allow-ports=%s; with %u added it is)",
				port, allowed, port);
		}
	return 0;
}

/* Whether enough descriptors are left for those who come to the ports. */
static int port_afford(const struct registrar *r, unsigned n, struct error *err)
{
	struct rlimit limit = {.rlim_cur = RLIM_INFINITY};
	getrlimit(RLIMIT_NOFILE, &limit);
	unsigned long long most = limit.rlim_cur / PORT_DESCRIPTORS_SHARE;
	if (r->n_ports + n <= most)
		return 0;
	return error_set(err, -EMFILE,
		"the server may have %llu descriptors in all (LimitNOFILE=, ulimit -n), and gives "
		"%llu of them to ports at most: %u are taken, and %u are asked for",
		(unsigned long long)limit.rlim_cur, most, r->n_ports, n);
}

/* Nobody has them. 0, or -errno with a sentence. */
static int port_new(struct session *s, const struct service *service, uint16_t first,
	struct port **port_out, struct error *err)
{
	struct registrar *r = s->registrar;
	struct port *p = calloc(1, sizeof(*p));
	if (!p)
		return error_set(err, -ENOMEM, "the server is out of memory");
	p->registrar = r;
	p->kind = service->kind;
	p->n = service->n_numbers;
	list_init(&p->link);
	int e = first ? port_open(r, p, first, err) : port_open_any(r, p, err);
	if (e < 0) {
		free(p);
		return e;
	}
	list_append(&r->ports, &p->link);
	r->n_ports += p->n;
	p->config = (struct listener_config){.visits = true,
		.tls = service->tls == CONTROL_TLS_TERMINATE,
		.port = p->first};
	const char *kind = p->kind == CONTROL_UDP ? "udp" : "tcp";
	char *place = p->config.place;
	if (p->n == 1)
		snprintf(place, LISTENER_PLACE_SIZE, "%s:%u", kind, p->first);
	else
		snprintf(place, LISTENER_PLACE_SIZE, "%s:%u-%u", kind, p->first,
			(uint16_t)(p->first + p->n - 1));
	/* To one of its links, of which there is one: it is asking for the port. */
	if (p->udp_port)
		udp_port_send(p->udp_port, p->config.place,
			list_entry(s->links.next, struct server_link, of_session)->worker->index);
	*port_out = p;
	return 0;
}

/* A port that could not be opened: the kernel does not say that it is this very program that has it. */
static void port_blame_front(const struct registrar *r, const struct service *service,
	uint16_t first, enum control_reason *reason_out, struct error *err)
{
	uint16_t own = r->listeners && service->kind == CONTROL_TCP
			       ? listeners_common(r->listeners, first, service->n_numbers)
			       : 0;
	if (!own)
		return;
	*reason_out = CONTROL_REASON_INVALID;
	error_set(err, 0,
		"port %u is the exit node's own: HTTP is published there without a port "
		"(--upstream http://…), anything else at another port",
		own);
}

int port_hold(struct session *s, struct service *service, uint32_t number,
	enum control_reason *reason_out, struct error *err)
{
	struct registrar *r = s->registrar;
	unsigned n = service->n_numbers;
	int e = port_allow(s, number, n, reason_out, err);
	if (e < 0)
		return e;
	uint16_t first = (uint16_t)number;
	struct port *p = first ? port_find(r, service->kind, first, n) : NULL;
	*reason_out = p ? CONTROL_REASON_TAKEN : CONTROL_REASON_LIMIT;
	e = p ? port_share(p, s, service, first, err) : port_afford(r, n, err);
	if (e < 0)
		return e;
	e = p ? 0 : port_new(s, service, first, &p, err);
	if (e < 0) {
		/* What the process may not open is for its operator to allow, as what it does not give away. */
		*reason_out =
			e == -EACCES || e == -EPERM ? CONTROL_REASON_DENIED : CONTROL_REASON_TAKEN;
		port_blame_front(r, service, first, reason_out, err);
		return e;
	}
	p->holders++;
	service->port = p;
	service->first_port = p->first;
	return 0;
}

void port_close(struct port *p)
{
	listener_close(&p->listener);
	p->udp_port = udp_port_close(p->udp_port);
}

struct port *port_release(struct port *p)
{
	if (!p || --p->holders)
		return NULL;
	port_close(p);
	p->registrar->n_ports -= p->n;
	list_unlink(&p->link);
	free(p);
	return NULL;
}
