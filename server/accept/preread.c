#include "server/accept/preread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/state.h"
#include "net/socket.h"
#include "tls/tls.h"
#include "server/tcp/tcp_conn.h"
#include "server/http/h1_conn.h"
#include "server/base/worker.h"
#include "server/route/balance.h"
#include "wire/alpn.h"

/* Fatal alerts (RFC 8446, 6.2): unrecognized_name, for TLS that nobody here takes, and decode_error. */
static const uint8_t not_here[] = {21, 3, 3, 0, 2, 2, 112};
static const uint8_t not_tls[] = {21, 3, 3, 0, 2, 2, 50};

static void preread_set_state(struct preread *p, enum preread_state state)
{
	static const char *const names[] = {"arriving", "securing", "gone"};
	static const uint8_t legal[] = {
		[PREREAD_ARRIVING] = 1 << PREREAD_SECURING | 1 << PREREAD_GONE,
		[PREREAD_SECURING] = 1 << PREREAD_GONE,
		[PREREAD_GONE] = 0,
	};
	static const struct state_table table = {"accepted connection", names, legal};
	state_step(&table, p->state, state);
	p->state = state;
}

static const struct cidr_list *preread_balancers(const struct worker *w,
	const struct listener_config *d)
{
	return d->control ? &w->opts->proxied_control : &w->opts->proxied;
}

/* What of a connection has to be known before it can be given to somebody. */
static enum sniff_look preread_look(const struct worker *w, const struct listener_config *d)
{
	/* TLS or not was decided when the port was asked for. */
	if (*d->place)
		return d->tls ? SNIFF_LOOK_KIND : SNIFF_LOOK_NOT;
	if (w->routing->n_named && d->visits)
		return SNIFF_LOOK_NAME;
	return w->tls ? SNIFF_LOOK_KIND : SNIFF_LOOK_NOT;
}

bool preread_due(const struct worker *w, const struct listener_config *d,
	const struct address *peer)
{
	return preread_look(w, d) != SNIFF_LOOK_NOT || cidr_list_has(preread_balancers(w, d), peer);
}

static void preread_reap(struct loop_task *task)
{
	free(container_of(task, struct preread, reap));
}

/* Out of everything; what is still in it was taken, or goes. */
static void preread_end(struct preread *p)
{
	struct worker *w = p->worker;
	preread_set_state(p, PREREAD_GONE);
	timeout_cancel(&p->timeout);
	loop_task_cancel(&p->work);
	list_unlink(&p->link);
	buf_deinit(&p->in);
	charge_drop(&w->charges, &p->charge);
	admission_leave(w->node, &p->peer, p->counted);
	loop_defer(w->loop, LOOP_PHASE_REAP, &p->reap);
}

void preread_close(struct preread *p)
{
	if (p->state == PREREAD_GONE)
		return;
	conn_close(&p->conn);
	preread_end(p);
}

/* Once a second: a stranger can cause it as often as he likes. */
static void preread_refuse(struct preread *p, const char *why)
{
	struct worker *w = p->worker;
	char peer[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE];
	address_format(&p->peer, peer);
	if (log_limit_pass(&w->accept->log_rejected, loop_now(w->loop), PREREAD_SAY_AGAIN, 1, more))
		log_info("rejected connection from %s on port %u: %s%s", peer, p->listener.port,
			why, more);
	preread_close(p);
}

static void preread_charge(struct preread *p)
{
	charge_set(&p->worker->charges, &p->charge, &p->peer, conn_memory(&p->conn) + p->in.cap,
		false);
}

static void preread_evicted(struct charge *c)
{
	struct preread *p = container_of(c, struct preread, charge);
	admission_log_memory(p->worker, &p->peer);
	preread_close(p);
}

/* ---- To whom it goes ---- */

static void preread_become(struct preread *p, bool named, const char *name)
{
	struct worker *w = p->worker;
	struct accepted_conn e = {
		.listener = p->listener,
		.peer = p->sniff.peer,
		.local = p->sniff.local,
		.relayed = p->sniff.relayed,
		.early = p->in,
	};
	p->in = BUF_NULL;
	e.detached = conn_detach(&p->conn);
	/* Whoever takes it counts it anew, under the visitor's own address. */
	preread_end(p);
	if (named)
		tcp_conn_enter(w, &e, name);
	else if (*p->listener.place)
		tcp_conn_enter(w, &e, NULL);
	else
		h1_conn_enter(w, &e);
}

/* `service` is whose TLS it is to be, as far as is known; NULL: the HTTP front's. */
static void preread_secure(struct preread *p, const struct service *service)
{
	struct tls *tls =
		p->worker->tls ? tls_accept(p->worker->tls, !service && !p->listener.tls) : NULL;
	preread_set_state(p, PREREAD_SECURING);
	timeout_start(&p->worker->accept->securing, &p->timeout);
	if (tls && service && service->alpn && tls_speak(tls, service_alpn(service)) < 0)
		tls = tls_free(tls);
	if (!tls || conn_start_tls(&p->conn, tls, buf_head(&p->in), buf_len(&p->in)) < 0) {
		preread_refuse(p,
			p->worker->tls ? "out of memory" : "the server has no certificate");
		return;
	}
	buf_deinit(&p->in);
	preread_charge(p);
}

/* The TCP service that has this name, or the port that was connected to; NULL: none, it is HTTP's. */
static const struct service *preread_service(const struct preread *p, struct str name)
{
	const struct worker *w = p->worker;
	bool port = *p->listener.place;
	if (!port && !w->routing->n_named)
		return NULL;
	const struct service *service =
		route_service(port ? &w->routing->ports : &w->routing->names,
			port ? str_from(p->listener.place) : name, loop_now(w->loop));
	return service && service->kind == CONTROL_TCP ? service : NULL;
}

/* TLS for a name: a service's that takes it as it is, one that wants it ended here, or the front's. */
static void preread_route(struct preread *p, const struct client_hello *hello)
{
	struct worker *w = p->worker;
	const struct service *service = preread_service(p, str_from(hello->sni));
	bool passes = service && service->tls == CONTROL_TLS_PASS;
	/* Names in our own certificates are ours, whatever wildcard was granted before (rule 30). */
	if (passes && !(w->tls && tls_server_covers(w->tls, str_from(hello->sni)))) {
		preread_become(p, true, hello->sni);
	} else if (w->tls) {
		preread_secure(p, passes ? NULL : service);
	} else {
		conn_write(&p->conn, not_here, sizeof(not_here));
		preread_refuse(p, "TLS for a name that no client publishes, and the server has no "
				  "certificate");
	}
}

/*
 * Its header came: from here on it is the visitor's own, and takes a place of his. Else whoever comes by
 * a balancer could begin any number of TLS handshakes.
 */
static bool preread_named(struct preread *p)
{
	struct worker *w = p->worker;
	bool counted;
	if (!admission_enter(w, &p->sniff.peer, false, &counted)) {
		preread_close(p);
		return false;
	}
	admission_leave(w->node, &p->peer, p->counted);
	charge_drop(&w->charges, &p->charge);
	p->peer = p->sniff.peer;
	p->counted = counted;
	/* What follows has a time of its own. */
	timeout_start(&w->accept->securing, &p->timeout);
	return true;
}

static void preread_check(struct preread *p)
{
	struct client_hello hello = {.sni = ""};
	size_t used = 0;
	bool due = sniff_header_due(&p->sniff);
	enum sniff_verdict verdict =
		sniff_take(&p->sniff, buf_head(&p->in), buf_len(&p->in), &used, &hello);
	buf_consume(&p->in, used);
	if (due && !sniff_header_due(&p->sniff) && !preread_named(p))
		return;
	switch (verdict) {
	case SNIFF_MORE:
		break;
	case SNIFF_PLAIN:
		if (p->listener.tls)
			preread_secure(p, preread_service(p, STR_NULL));
		else
			preread_become(p, false, NULL);
		break;
	case SNIFF_TLS:
		preread_route(p, &hello);
		break;
	case SNIFF_E_HEADER:
		preread_refuse(p, "no PROXY header, which its address must send");
		break;
	case SNIFF_E_HELLO:
		conn_write(&p->conn, not_tls, sizeof(not_tls));
		preread_refuse(p, "malformed TLS ClientHello");
		break;
	}
}

static void preread_read(struct preread *p)
{
	while (p->state == PREREAD_ARRIVING && p->conn.readable) {
		/* By way of the scratch: what comes is mostly short, and goes along to its owner. */
		struct worker *w = p->worker;
		ssize_t n = conn_read(&p->conn, w->accept->scratch, sizeof(w->accept->scratch));
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			/* Without a byte it was a health check. */
			if (buf_len(&p->in) && sniff_header_due(&p->sniff))
				preread_refuse(p, "it ended within its PROXY header");
			else
				preread_close(p);
			return;
		}
		if (buf_append(&p->in, w->accept->scratch, (size_t)n) < 0) {
			preread_close(p);
			return;
		}
		if (p->quiet)
			timeout_start(&w->accept->securing, &p->timeout);
		p->quiet = false;
		preread_check(p);
		if (p->state == PREREAD_ARRIVING)
			preread_charge(p);
	}
}

/*
 * Whether whoever gets the connection speaks what was agreed: services may have come and gone during the
 * handshake.
 */
static bool preread_agrees(const struct preread *p, const struct service *service)
{
	struct str agreed = tls_alpn(p->conn.tls);
	if (!agreed.n || (service && !service->alpn))
		return true;
	if (service)
		return alpn_find(service_alpn(service), agreed) >= 0;
	/* Whoever had the port may come back to it. */
	return *p->listener.place || str_eq(agreed, STR("http/1.1"));
}

static void preread_secured(struct preread *p)
{
	struct tls *tls = p->conn.tls;
	if (conn_established(&p->conn)) {
		/* The name may lead to a service that wants its TLS ended here. */
		char name[HOSTNAME_SIZE] = "";
		size_t n = 0;
		const struct service *service = NULL;
		if (*p->listener.place || hostname_canonical(tls_sni(tls), name, &n) == 0)
			service = preread_service(p, (struct str){name, n});
		if (service && service->tls != CONTROL_TLS_TERMINATE)
			service = NULL;
		if (preread_agrees(p, service))
			preread_become(p, service && !*p->listener.place, name);
		else
			preread_refuse(p, "the service changed during the TLS handshake");
	} else if (p->conn.error) {
		preread_refuse(p,
			*tls_complaint(tls) ? tls_complaint(tls) : strerror(p->conn.error));
	}
}

static void preread_work(struct loop_task *task)
{
	struct preread *p = container_of(task, struct preread, work);
	if (p->state == PREREAD_ARRIVING)
		preread_read(p);
	else
		preread_secured(p);
}

static void preread_changed(struct conn *conn)
{
	struct preread *p = container_of(conn, struct preread, conn);
	loop_defer(p->worker->loop, LOOP_PHASE_READ, &p->work);
}

static void preread_header_expired(struct timeout_queue *queue, struct timeout *entry)
{
	preread_refuse(container_of(entry, struct preread, timeout),
		"no PROXY header within --proxy-header-timeout");
}

static void preread_quiet_expired(struct timeout_queue *queue, struct timeout *entry)
{
	preread_close(container_of(entry, struct preread, timeout));
}

static void preread_securing_expired(struct timeout_queue *queue, struct timeout *entry)
{
	preread_refuse(container_of(entry, struct preread, timeout),
		"no TLS handshake within --tls-handshake-timeout");
}

void preread_accept(struct worker *w, int fd, const struct address *peer,
	const struct listener_config *d)
{
	bool header = cidr_list_has(preread_balancers(w, d), peer), counted;
	if (!admission_enter(w, peer, header, &counted)) {
		close(fd);
		return;
	}
	struct preread *p = calloc(1, sizeof(*p));
	if (!p || conn_init(&p->conn, w->loop, fd, preread_changed) < 0) {
		if (!p)
			close(fd);
		free(p);
		admission_leave(w->node, peer, counted);
		return;
	}
	p->worker = w;
	p->counted = counted;
	p->listener = *d;
	p->peer = *peer;
	charge_init(&p->charge, preread_evicted);
	timeout_init(&p->timeout);
	loop_task_init(&p->work, preread_work);
	loop_task_init(&p->reap, preread_reap);
	list_init(&p->link);
	list_append(&w->accept->prereads, &p->link);
	struct address local = {0};
	socket_local(fd, &local);
	sniff_init(&p->sniff, peer, &local, preread_balancers(w, d), preread_look(w, d));
	/* Browsers connect before they have anything to ask. */
	p->quiet = !header && !d->tls;
	timeout_start(header     ? &w->accept->header
		      : p->quiet ? &w->accept->quiet
				 : &w->accept->securing,
		&p->timeout);
	preread_check(p);
}

/* ---- All of a worker's ---- */

void accept_worker_init(struct accept_worker *a, const struct worker *w)
{
	const struct server_options *o = w->opts;
	list_init(&a->prereads);
	timeout_queue_init(&a->header, w->loop, o->proxy_header_timeout, preread_header_expired);
	timeout_queue_init(&a->quiet, w->loop, o->visitor_idle, preread_quiet_expired);
	timeout_queue_init(&a->securing, w->loop, o->tls_handshake_timeout,
		preread_securing_expired);
}

void accept_worker_drain(struct accept_worker *a)
{
	while (!list_empty(&a->prereads))
		preread_close(list_entry(a->prereads.next, struct preread, link));
}

void accept_worker_deinit(struct accept_worker *a)
{
	accept_worker_drain(a);
	timeout_queue_deinit(&a->header);
	timeout_queue_deinit(&a->quiet);
	timeout_queue_deinit(&a->securing);
}
