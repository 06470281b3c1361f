/* SPDX-License-Identifier: MIT */
#include "server/accept/preread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/state.h"
#include "net/socket.h"
#include "tls/tls.h"
#include "server/accept/destination.h"
#include "server/base/challenges.h"
#include "server/base/worker.h"

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
	const struct listener_config *config)
{
	return config->control ? &w->opts->proxied_control : &w->opts->proxied;
}

bool preread_due(const struct worker *w, const struct listener_config *config,
	const struct address *peer)
{
	return destination_look(w, config) != SNIFF_LOOK_NOT ||
	       cidr_list_has(preread_balancers(w, config), peer);
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
	counter_add(&w->counts.visitors_refused[COUNTS_VISITOR_PROTOCOL], 1);
	if (p->state == PREREAD_SECURING)
		counter_add(&w->counts.tls_handshakes[0], 1);
	address_format(&p->peer, peer);
	if (log_limit_pass(&w->accept->log_rejected, loop_now(w->loop), PREREAD_SAY_AGAIN, 1, more))
		log_info_of(p->connection, "rejected connection from %s on port %u: %s%s", peer,
			p->listener.port, why, more);
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
	admission_log_memory(p->worker, p->connection, &p->peer);
	preread_close(p);
}

/* ---- Where it goes ---- */

static void preread_leave(struct preread *p, const struct destination *to)
{
	struct worker *w = p->worker;
	struct accepted_conn a = {
		.listener = p->listener,
		.peer = p->sniff.peer,
		.local = p->sniff.local,
		.relayed = p->sniff.relayed,
		.connection = p->connection,
		.early = p->in,
	};
	p->in = BUF_NULL;
	a.detached = conn_detach(&p->conn);
	/* Its front counts it anew, under the visitor's own address. */
	preread_end(p);
	destination_enter(to, w, &a);
}

static enum tls_alpn preread_alpn(const struct preread *p, const struct service *service)
{
	if (service || p->listener.tls)
		return TLS_ALPN_ANY;
	/* Links are WebSockets, which HTTP/1.1 alone has here. */
	return p->listener.visits && p->worker->opts->http2 == SERVER_HTTP2_ON ? TLS_ALPN_HTTP2
									       : TLS_ALPN_HTTP1;
}

/* The connection's bytes so far are the beginning of TLS. `tls` is taken over; NULL: memory is out. */
static void preread_handshake(struct preread *p, struct tls *tls)
{
	if (!tls || conn_start_tls(&p->conn, tls, buf_head(&p->in), buf_len(&p->in)) < 0) {
		preread_refuse(p,
			p->worker->tls ? "out of memory" : "the server has no certificate");
		return;
	}
	buf_deinit(&p->in);
	preread_charge(p);
}

/* A CA comes to see the certificate that it asked for (RFC 8737, 3). */
static void preread_prove(struct preread *p, struct tls_server *server)
{
	preread_set_state(p, PREREAD_SECURING);
	timeout_start(&p->worker->accept->securing, &p->timeout);
	p->proves = true;
	preread_handshake(p, tls_accept(server, TLS_ALPN_ANY));
}

/* `service` is whose TLS it is to be, as far as is known; NULL: the HTTP front's. */
static void preread_secure(struct preread *p, const struct service *service)
{
	struct tls *tls =
		p->worker->tls ? tls_accept(p->worker->tls, preread_alpn(p, service)) : NULL;
	preread_set_state(p, PREREAD_SECURING);
	timeout_start(&p->worker->accept->securing, &p->timeout);
	if (tls && service && service->alpn && tls_speak(tls, service_alpn(service)) < 0)
		tls = tls_free(tls);
	preread_handshake(p, tls);
}

static void preread_go(struct preread *p, struct destination to)
{
	switch (to.kind) {
	case DESTINATION_HTTP:
	case DESTINATION_HTTP2:
	case DESTINATION_PORT:
	case DESTINATION_NAME:
		preread_leave(p, &to);
		break;
	case DESTINATION_TLS:
		preread_secure(p, to.service);
		break;
	case DESTINATION_NONE:
		if (p->state == PREREAD_ARRIVING)
			conn_write(&p->conn, not_here, sizeof(not_here));
		preread_refuse(p, to.why);
		break;
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
	if (!admission_in_time(w, p->connection, &p->listener, &p->sniff.peer) ||
		!admission_enter(w, p->connection, &p->sniff.peer, false, &counted)) {
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

/* NULL: it goes where all TLS goes, as to a client that gets its certificates itself. */
static struct tls_server *preread_proof(const struct preread *p, const struct client_hello *hello)
{
	const struct challenges *c = p->worker->challenges;
	bool front = p->listener.visits && !*p->listener.place;
	return c && front ? challenges_tls(c, (struct str){hello->sni, hello->sni_size}) : NULL;
}

static void preread_check(struct preread *p)
{
	struct client_hello hello = {.sni = ""};
	struct tls_server *proof;
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
		preread_go(p, destination_plain(p->worker, &p->listener));
		break;
	case SNIFF_TLS:
		if (hello.acme && (proof = preread_proof(p, &hello)))
			preread_prove(p, proof);
		else
			preread_go(p, destination_hello(p->worker, &p->listener, hello.sni));
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

static void preread_secured(struct preread *p)
{
	struct tls *tls = p->conn.tls;
	if (conn_established(&p->conn)) {
		counter_add(&p->worker->counts.tls_handshakes[1], 1);
		if (p->proves)
			preread_close(p);
		else
			preread_go(p, destination_secured(p->worker, &p->listener, tls_sni(tls),
					      tls_alpn(tls)));
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
	const struct listener_config *config, uint64_t connection)
{
	bool header = cidr_list_has(preread_balancers(w, config), peer), counted;
	if ((!header && !admission_in_time(w, connection, config, peer)) ||
		!admission_enter(w, connection, peer, header, &counted)) {
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
	p->connection = connection;
	p->counted = counted;
	p->listener = *config;
	p->peer = *peer;
	charge_init(&p->charge, preread_evicted);
	timeout_init(&p->timeout);
	loop_task_init(&p->work, preread_work);
	loop_task_init(&p->reap, preread_reap);
	list_init(&p->link);
	list_append(&w->accept->prereads, &p->link);
	struct address local = {0};
	socket_local(fd, &local);
	sniff_init(&p->sniff, peer, &local, preread_balancers(w, config),
		destination_look(w, config));
	/* Browsers connect before they have anything to ask. */
	p->quiet = !header && !config->tls;
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
