#include "server/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/random.h"
#include "server/hatch.h"
#include "server/registrar.h"

/* To a worker that has a link for it, so that most connections never move. */
static void port_accepted(struct listener *listener, int fd, const struct address *peer)
{
	struct port *port = container_of(listener, struct port, listener);
	struct node *n = port->registrar->node;
	struct worker *home = port->registrar->worker;
	struct route *route =
		routes_find(&home->ports, str_from(port->door.place), loop_now(home->loop));
	struct presence *p = route ? branch_pick_presence(home, route) : NULL;
	door_enter(&port->door, p ? n->workers[p - p->session->on] : home, fd, peer, p);
}

static struct port *port_find(struct registrar *r, enum control_kind kind, uint16_t number)
{
	list_for_each (it, &r->ports) {
		struct port *p = list_entry(it, struct port, link);
		if (p->kind == kind && p->number == number)
			return p;
	}
	return NULL;
}

static int port_open_hatch(struct registrar *r, struct port *p, const char *addr, uint16_t number,
	struct error *err)
{
	int fd;
	int e = udp_bind(addr, number, &fd, err);
	if (e < 0)
		return e;
	p->hatch = hatch_new(r->node, fd);
	if (p->hatch)
		return 0;
	close(fd);
	return error_set(err, -ENOMEM, "the server is out of memory");
}

static int port_open(struct registrar *r, struct port *p, uint16_t number, struct error *err)
{
	const struct server_options *o = r->worker->opts;
	const char *addr = o->data_addr ? o->data_addr : o->bind_addr;
	p->number = number;
	if (p->kind == CONTROL_UDP)
		return port_open_hatch(r, p, addr, number, err);
	return listener_open(&p->listener, r->worker->loop, addr, number, port_accepted,
		door_exhausted, err);
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
		if (!number || port_find(r, p->kind, number))
			continue;
		int e = port_open(r, p, number, err);
		if (e != -EADDRINUSE && e != -EACCES)
			return e;
	}
	return error_set(err, -EADDRINUSE,
		"no port was found free among those that this server gives away (--allow-ports)");
}

static int port_share(struct port *p, const struct session *s, const struct service *service,
	struct error *err)
{
	struct worker *w = p->registrar->worker;
	struct route *route = routes_find(&w->ports, str_from(p->door.place), loop_now(w->loop));
	struct route_entry *entry =
		route ? list_first(&route->entries, struct route_entry, link) : NULL;
	const struct service *other =
		entry ? container_of(entry, struct branch, entry)->service : NULL;
	if (!other || (other->session->identity->identity == s->identity->identity &&
			      service_same_tls(other, service) && other->session != s))
		return 0;
	if (other->session == s)
		return error_set(err, -EEXIST, "port %u is published by this client already",
			p->number);
	return error_set(err, -EEXIST, "port %u is held by session %s of %s%s", p->number,
		other->session->name, other->session->identity->identity,
		!service_same_tls(other, service) ? ", whose TLS or --alpn is another" : "");
}

int port_hold(struct session *s, struct service *service, uint32_t number,
	enum control_reason *reason_out, struct error *err)
{
	struct registrar *r = s->registrar;
	const struct server_options *o = r->worker->opts;
	*reason_out = CONTROL_REASON_LIMIT;
	if (s->n_ports >= o->max_ports)
		return error_set(err, -EDQUOT, "a session may have at most %u ports (--max-ports)",
			(unsigned)o->max_ports);
	*reason_out = CONTROL_REASON_DENIED;
	if (number && !option_ranges_have(&o->allow_ports, (uint16_t)number))
		return error_set(err, -EPERM,
			"port %u is not among those that this server gives away (--allow-ports)",
			number);
	*reason_out = CONTROL_REASON_TAKEN;
	struct port *p = number ? port_find(r, service->kind, (uint16_t)number) : NULL;
	if (p) {
		int e = port_share(p, s, service, err);
		if (e < 0)
			return e;
		p->holders++;
		service->port = p;
		return 0;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return error_set(err, -ENOMEM, "the server is out of memory");
	p->registrar = r;
	p->kind = service->kind;
	p->holders = 1;
	list_init(&p->link);
	int e = number ? port_open(r, p, (uint16_t)number, err) : port_open_any(r, p, err);
	if (e < 0) {
		free(p);
		return e;
	}
	list_append(&r->ports, &p->link);
	p->door = (struct door){.visits = true,
		.tls = service->tls == CONTROL_TLS_TERMINATE,
		.port = p->number};
	snprintf(p->door.place, sizeof(p->door.place), "%s:%u",
		p->kind == CONTROL_UDP ? "udp" : "tcp", p->number);
	/* To one of its links, of which there is one: it is asking for the port. */
	if (p->hatch)
		hatch_send(p->hatch, p->door.place,
			list_entry(s->trunks.next, struct trunk, of_session)->worker->index);
	service->port = p;
	return 0;
}

void port_close(struct port *p)
{
	listener_close(&p->listener);
	p->hatch = hatch_close(p->hatch);
}

struct port *port_release(struct port *p)
{
	if (!p || --p->holders)
		return NULL;
	port_close(p);
	list_unlink(&p->link);
	free(p);
	return NULL;
}
