#include "server/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/socket.h"
#include "tls/tls.h"
#include "server/caller.h"
#include "server/h1_conn.h"
#include "server/worker.h"
#include "wire/alpn.h"

/* Fatal alerts (RFC 8446, 6.2): unrecognized_name, for TLS that nobody here takes, and decode_error. */
static const uint8_t not_here[] = {21, 3, 3, 0, 2, 2, 112};
static const uint8_t not_tls[] = {21, 3, 3, 0, 2, 2, 50};

static void guest_set_state(struct guest *g, enum guest_state state)
{
	static const uint8_t legal[] = {
		[GUEST_ARRIVING] = 1 << GUEST_SECURING | 1 << GUEST_GONE,
		[GUEST_SECURING] = 1 << GUEST_GONE,
		[GUEST_GONE] = 0,
	};
	if (!(legal[g->state] & 1 << state))
		abort();
	g->state = state;
}

static const struct cidr_list *guest_balancers(const struct worker *w, const struct door *d)
{
	return d->control ? &w->opts->proxied_control : &w->opts->proxied;
}

/* What of a connection has to be known before it can be given to somebody. */
static enum arrival_look guest_look(const struct worker *w, const struct door *d)
{
	/* TLS or not was decided when the port was asked for. */
	if (*d->place)
		return d->tls ? ARRIVAL_LOOK_KIND : ARRIVAL_LOOK_NOT;
	if (w->n_named && d->visits)
		return ARRIVAL_LOOK_NAME;
	return w->tls ? ARRIVAL_LOOK_KIND : ARRIVAL_LOOK_NOT;
}

bool guest_due(const struct worker *w, const struct door *d, const struct address *peer)
{
	return guest_look(w, d) != ARRIVAL_LOOK_NOT || cidr_list_has(guest_balancers(w, d), peer);
}

static void guest_reap(struct loop_task *task)
{
	free(container_of(task, struct guest, reap));
}

/* Out of everything; what is still in it was taken, or goes. */
static void guest_end(struct guest *g)
{
	struct worker *w = g->worker;
	guest_set_state(g, GUEST_GONE);
	timeout_cancel(&g->timeout);
	loop_task_cancel(&g->work);
	list_unlink(&g->link);
	buf_deinit(&g->in);
	charge_drop(&w->charges, &g->charge);
	door_left(w->node, &g->peer, g->counted);
	loop_defer(w->loop, LOOP_PHASE_REAP, &g->reap);
}

void guest_close(struct guest *g)
{
	if (g->state == GUEST_GONE)
		return;
	conn_close(&g->conn);
	guest_end(g);
}

/* What strangers send is said once a second, or one of them could fill the disk. */
static void guest_refuse(struct guest *g, const char *why)
{
	struct worker *w = g->worker;
	char peer[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE];
	address_format(&g->peer, peer);
	if (log_limit_pass(&w->log_rejected, loop_now(w->loop), GUEST_SAY_AGAIN, 1, more))
		log_info("a connection from %s to port %u came to nothing: %s%s", peer,
			g->door.port, why, more);
	guest_close(g);
}

static void guest_charge(struct guest *g)
{
	charge_set(&g->worker->charges, &g->charge, &g->peer, conn_memory(&g->conn) + g->in.cap,
		false);
}

static void guest_evicted(struct charge *c)
{
	struct guest *g = container_of(c, struct guest, charge);
	door_log_memory(g->worker, &g->peer);
	guest_close(g);
}

/* ---- To whom it goes ---- */

static void guest_become(struct guest *g, bool named, const char *name)
{
	struct worker *w = g->worker;
	struct entrance e = {
		.door = g->door,
		.peer = g->arrival.peer,
		.local = g->arrival.local,
		.relayed = g->arrival.relayed,
		.early = g->in,
	};
	g->in = BUF_NULL;
	e.detached = conn_detach(&g->conn);
	/* Whoever takes it counts it anew, under the visitor's own address. */
	guest_end(g);
	if (named)
		caller_enter(w, &e, name);
	else if (*g->door.place)
		caller_enter(w, &e, NULL);
	else
		h1_conn_enter(w, &e);
}

/* `service` is whose TLS it is to be, as far as is known; NULL: the HTTP front's. */
static void guest_secure(struct guest *g, const struct service *service)
{
	struct tls *tls =
		g->worker->tls ? tls_accept(g->worker->tls, !service && !g->door.tls) : NULL;
	guest_set_state(g, GUEST_SECURING);
	timeout_start(&g->worker->securing, &g->timeout);
	if (tls && service && service->alpn && tls_speak(tls, service_alpn(service)) < 0)
		tls = tls_free(tls);
	if (!tls || conn_start_tls(&g->conn, tls, buf_head(&g->in), buf_len(&g->in)) < 0) {
		guest_refuse(g, g->worker->tls ? "out of memory" : "there is no certificate");
		return;
	}
	buf_deinit(&g->in);
	guest_charge(g);
}

/* The TCP service that has this name, or the port that was connected to; NULL: none, it is HTTP's. */
static const struct service *guest_service(const struct guest *g, struct str name)
{
	const struct worker *w = g->worker;
	bool port = *g->door.place;
	if (!port && !w->n_named)
		return NULL;
	const struct service *service = routes_service(port ? &w->ports : &w->routes,
		port ? str_from(g->door.place) : name, loop_now(w->loop));
	return service && service->kind == CONTROL_TCP ? service : NULL;
}

/* TLS for a name: a service's that takes it as it is, one that wants it ended here, or the front's. */
static void guest_route(struct guest *g, const struct client_hello *hello)
{
	struct worker *w = g->worker;
	const struct service *service = guest_service(g, str_from(hello->sni));
	bool passes = service && service->tls == CONTROL_TLS_PASS;
	/* Names in our own certificates are ours, whatever wildcard was granted before (rule 30). */
	if (passes && !(w->tls && tls_server_covers(w->tls, str_from(hello->sni)))) {
		guest_become(g, true, hello->sni);
	} else if (w->tls) {
		guest_secure(g, passes ? NULL : service);
	} else {
		conn_write(&g->conn, not_here, sizeof(not_here));
		guest_refuse(g,
			"TLS for a name that nobody publishes, and there is no certificate");
	}
}

/*
 * Its header came: from here on it is the visitor's own, and takes a place of his. Else whoever comes by
 * a balancer could begin any number of TLS handshakes.
 */
static bool guest_named(struct guest *g)
{
	struct worker *w = g->worker;
	bool counted;
	if (!door_admit(w, &g->arrival.peer, false, &counted)) {
		guest_close(g);
		return false;
	}
	door_left(w->node, &g->peer, g->counted);
	charge_drop(&w->charges, &g->charge);
	g->peer = g->arrival.peer;
	g->counted = counted;
	/* What follows has a time of its own. */
	timeout_start(&w->securing, &g->timeout);
	return true;
}

static void guest_check(struct guest *g)
{
	struct client_hello hello = {.sni = ""};
	size_t used = 0;
	bool due = arrival_header_due(&g->arrival);
	enum arrival_verdict verdict =
		arrival_take(&g->arrival, buf_head(&g->in), buf_len(&g->in), &used, &hello);
	buf_consume(&g->in, used);
	if (due && !arrival_header_due(&g->arrival) && !guest_named(g))
		return;
	switch (verdict) {
	case ARRIVAL_MORE:
		break;
	case ARRIVAL_PLAIN:
		if (g->door.tls)
			guest_secure(g, guest_service(g, STR_NULL));
		else
			guest_become(g, false, NULL);
		break;
	case ARRIVAL_TLS:
		guest_route(g, &hello);
		break;
	case ARRIVAL_E_HEADER:
		guest_refuse(g, "it has to begin with a PROXY header, and does not");
		break;
	case ARRIVAL_E_HELLO:
		conn_write(&g->conn, not_tls, sizeof(not_tls));
		guest_refuse(g, "it begins like TLS and is none");
		break;
	}
}

static void guest_read(struct guest *g)
{
	while (g->state == GUEST_ARRIVING && g->conn.readable) {
		/* By way of the scratch: what comes is mostly short, and goes along to its owner. */
		struct worker *w = g->worker;
		ssize_t n = conn_read(&g->conn, w->scratch, sizeof(w->scratch));
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			/* Without a byte it was a health check. */
			if (buf_len(&g->in) && arrival_header_due(&g->arrival))
				guest_refuse(g, "it ended within its PROXY header");
			else
				guest_close(g);
			return;
		}
		if (buf_append(&g->in, w->scratch, (size_t)n) < 0) {
			guest_close(g);
			return;
		}
		if (g->quiet)
			timeout_start(&w->securing, &g->timeout);
		g->quiet = false;
		guest_check(g);
		if (g->state == GUEST_ARRIVING)
			guest_charge(g);
	}
}

/*
 * Whether whoever gets the connection speaks what was agreed: services may have come and gone during the
 * handshake.
 */
static bool guest_agrees(const struct guest *g, const struct service *service)
{
	struct str agreed = tls_alpn(g->conn.tls);
	if (!agreed.n || (service && !service->alpn))
		return true;
	if (service)
		return alpn_find(service_alpn(service), agreed) >= 0;
	/* Whoever had the port may come back to it. */
	return *g->door.place || str_eq(agreed, STR("http/1.1"));
}

static void guest_secured(struct guest *g)
{
	struct tls *tls = g->conn.tls;
	if (conn_established(&g->conn)) {
		/* The name may lead to a service that wants its TLS ended here. */
		char name[HOSTNAME_SIZE] = "";
		size_t n = 0;
		const struct service *service = NULL;
		if (*g->door.place || hostname_canonical(tls_sni(tls), name, &n) == 0)
			service = guest_service(g, (struct str){name, n});
		if (service && service->tls != CONTROL_TLS_TERMINATE)
			service = NULL;
		if (guest_agrees(g, service))
			guest_become(g, service && !*g->door.place, name);
		else
			guest_refuse(g, "the service that its TLS was for is another now");
	} else if (g->conn.error) {
		guest_refuse(g, *tls_complaint(tls) ? tls_complaint(tls) : strerror(g->conn.error));
	}
}

static void guest_work(struct loop_task *task)
{
	struct guest *g = container_of(task, struct guest, work);
	if (g->state == GUEST_ARRIVING)
		guest_read(g);
	else
		guest_secured(g);
}

static void guest_changed(struct conn *conn)
{
	struct guest *g = container_of(conn, struct guest, conn);
	loop_defer(g->worker->loop, LOOP_PHASE_READ, &g->work);
}

void guest_header_expired(struct timeout_queue *queue, struct timeout *entry)
{
	guest_refuse(container_of(entry, struct guest, timeout),
		"its PROXY header did not come in time");
}

void guest_quiet_expired(struct timeout_queue *queue, struct timeout *entry)
{
	guest_close(container_of(entry, struct guest, timeout));
}

void guest_securing_expired(struct timeout_queue *queue, struct timeout *entry)
{
	guest_refuse(container_of(entry, struct guest, timeout), "its TLS handshake took too long");
}

void guest_accept(struct worker *w, int fd, const struct address *peer, const struct door *d)
{
	bool header = cidr_list_has(guest_balancers(w, d), peer), counted;
	if (!door_admit(w, peer, header, &counted)) {
		close(fd);
		return;
	}
	struct guest *g = calloc(1, sizeof(*g));
	if (!g || conn_init(&g->conn, w->loop, fd, guest_changed) < 0) {
		if (!g)
			close(fd);
		free(g);
		door_left(w->node, peer, counted);
		return;
	}
	g->worker = w;
	g->counted = counted;
	g->door = *d;
	g->peer = *peer;
	charge_init(&g->charge, guest_evicted);
	timeout_init(&g->timeout);
	loop_task_init(&g->work, guest_work);
	loop_task_init(&g->reap, guest_reap);
	list_init(&g->link);
	list_append(&w->guests, &g->link);
	struct address local = {0};
	socket_local(fd, &local);
	arrival_init(&g->arrival, peer, &local, guest_balancers(w, d), guest_look(w, d));
	/* Browsers connect before they have anything to ask. */
	g->quiet = !header && !d->tls;
	timeout_start(header ? &w->header : g->quiet ? &w->quiet : &w->securing, &g->timeout);
	guest_check(g);
}
