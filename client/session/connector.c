/* SPDX-License-Identifier: MIT */
#include "client/session/connector.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/state.h"
#include "client/upstream/dial_failure.h"

/* Every legal transition; anything else is a bug of ours. */
static void connector_set_state(struct connector *c, enum connector_state state)
{
	static const char *const names[] = {"idle", "dialling", "asking the proxy", "TLS handshake",
		"upgrading"};
	static const uint8_t legal[] = {
		[CONNECTOR_IDLE] = 1 << CONNECTOR_DIALLING,
		[CONNECTOR_DIALLING] = 1 << CONNECTOR_PROXY | 1 << CONNECTOR_TLS |
				       1 << CONNECTOR_UPGRADING | 1 << CONNECTOR_IDLE,
		[CONNECTOR_PROXY] =
			1 << CONNECTOR_TLS | 1 << CONNECTOR_UPGRADING | 1 << CONNECTOR_IDLE,
		[CONNECTOR_TLS] = 1 << CONNECTOR_UPGRADING | 1 << CONNECTOR_IDLE,
		[CONNECTOR_UPGRADING] = 1 << CONNECTOR_IDLE,
	};
	static const struct state_table table = {"connector", names, legal};
	state_step(&table, c->state, state);
	log_debug("connector to %s: %s -> %s", c->remote->authority, names[c->state], names[state]);
	c->state = state;
}

static uint64_t now_of(const struct connector *c)
{
	return loop_now(c->remote->loop);
}

static void connector_end(struct connector *c)
{
	if (c->state == CONNECTOR_IDLE)
		return;
	resolver_release(&c->query);
	dial_cancel(&c->dial);
	tls_handshake_cancel(&c->handshake);
	conn_close(&c->conn);
	loop_timer_cancel(&c->timer);
	loop_task_cancel(&c->work);
	connect_exchange_deinit(&c->exchange);
	connector_set_state(c, CONNECTOR_IDLE);
}

static void connector_fail(struct connector *c, const char *why)
{
	connector_end(c);
	c->failed(c, why);
}

void connector_cancel(struct connector *c)
{
	connector_end(c);
}

/* ---- Asking: the request stands in the exchange ---- */

static void wait_for_answer(struct connector *c, enum connector_state state)
{
	connector_set_state(c, state);
	loop_timer_set(&c->timer, now_of(c) + CONNECTOR_ANSWER_TIME);
	loop_defer(c->remote->loop, LOOP_PHASE_READ, &c->work);
}

static void ask_exit_node(struct connector *c)
{
	struct error err;
	if (connect_exchange_ask_exit_node(&c->exchange, &err) < 0)
		connector_fail(c, err.text);
	else
		wait_for_answer(c, CONNECTOR_UPGRADING);
}

static void ask_proxy(struct connector *c)
{
	struct error err;
	if (connect_exchange_ask_proxy(&c->exchange, &c->resolved, &err) < 0)
		connector_fail(c, err.text);
	else
		wait_for_answer(c, CONNECTOR_PROXY);
}

/* ---- The connection ---- */

static void connector_changed(struct conn *conn)
{
	struct connector *c = container_of(conn, struct connector, conn);
	loop_defer(c->remote->loop, LOOP_PHASE_READ, &c->work);
}

/* Takes what was connected as its own; false: it failed. */
static bool connector_attach(struct connector *c, struct detached_conn detached)
{
	if (conn_attach(&c->conn, c->remote->loop, detached, connector_changed) < 0) {
		connector_fail(c, "out of memory");
		return false;
	}
	c->conn.writable = true;
	return true;
}

static void describe_tls_failure(const struct connector *c, const char *why, struct error *out)
{
	error_set(out, 0, "%s", why);
	if (c->handshake.misnamed)
		error_set(out, 0, "%s: dial it by a name of its own, or pin it (--tls-pin)", why);
	else if (c->handshake.distrusted)
		error_set(out, 0, "%s (see --tls-ca and --tls-pin)", why);
	else if (c->handshake.foreign)
		error_set(out, 0, "%s: --remote ws://%s, or another port", why,
			c->remote->authority);
}

static void handshake_done(struct tls_handshake *handshake, struct detached_conn detached,
	const char *why)
{
	struct connector *c = container_of(handshake, struct connector, handshake);
	struct error err;
	if (detached.fd < 0) {
		describe_tls_failure(c, why, &err);
		connector_fail(c, err.text);
	} else if (connector_attach(c, detached)) {
		ask_exit_node(c);
	}
}

/* What is said over `fd` reaches the exit node, or a proxy that ends TLS for it. */
static void way_is_free(struct connector *c, int fd)
{
	if (!c->remote->tls) {
		if (connector_attach(c, DETACHED_CONN_OF(fd)))
			ask_exit_node(c);
		return;
	}
	struct tls *tls = tls_connect(c->remote->tls, c->remote->url->host, TLS_OFFER_HTTP1);
	if (!tls) {
		close(fd);
		connector_fail(c, "out of memory");
		return;
	}
	loop_timer_cancel(&c->timer);
	loop_task_cancel(&c->work);
	connector_set_state(c, CONNECTOR_TLS);
	tls_handshake_start(&c->handshake, c->remote->loop, fd, tls, now_of(c) + CONNECTOR_TLS_TIME,
		handshake_done);
}

static void dialled(struct dial *dial, int fd)
{
	struct connector *c = container_of(dial, struct connector, dial);
	const struct proxy *proxy = &c->remote->proxy;
	struct error err;
	if (fd < 0) {
		dial_failure_describe(dial, proxy->used ? proxy->url.host : c->remote->url->host,
			proxy->used ? "the proxy" : "the tunnel server", &err);
		if (proxy->used)
			error_prefix(&err, "the proxy");
		connector_fail(c, err.text);
		return;
	}
	if (!proxy->used)
		way_is_free(c, fd);
	else if (connector_attach(c, DETACHED_CONN_OF(fd)))
		ask_proxy(c);
}

/* ---- The answer ---- */

static void connector_open(struct connector *c)
{
	struct buf in =
		c->exchange.in; /* what came early is in it; connector_end() would free it */
	c->exchange.in = BUF_NULL;
	struct detached_conn detached = conn_detach(&c->conn);
	connector_end(c);
	c->opened(c, detached, buf_head(&in), buf_len(&in));
	buf_deinit(&in);
}

/* An address that the proxy cannot reach is not the first that the next attempt tries. */
static void report_address(struct connector *c, bool reached)
{
	if (c->state == CONNECTOR_PROXY && proxy_is_socks(&c->remote->proxy))
		resolver_report(&c->query, &c->exchange.socks.address, reached);
}

/* Something has come; true: more is needed. */
static bool connector_heard(struct connector *c)
{
	struct error err;
	enum connect_result result = connect_exchange_received(&c->exchange, &err);
	if (c->exchange.date && c->conn.tls)
		tls_told_time(c->conn.tls, c->exchange.date);
	switch (result) {
	case CONNECT_MORE:
		if (buf_len(&c->exchange.out))
			loop_defer(c->remote->loop, LOOP_PHASE_READ, &c->work);
		return true;
	case CONNECT_FAILED:
		if (c->exchange.refused)
			report_address(c, false);
		connector_fail(c, err.text);
		return false;
	case CONNECT_DONE:
		break;
	}
	if (c->state == CONNECTOR_UPGRADING) {
		connector_open(c);
	} else {
		report_address(c, true);
		struct detached_conn detached = conn_detach(&c->conn);
		way_is_free(c, detached.fd);
	}
	return false;
}

static void connector_send(struct connector *c)
{
	struct buf *out = &c->exchange.out;
	ssize_t sent = conn_write(&c->conn, buf_head(out), buf_len(out));
	if (sent >= 0) {
		connect_exchange_sent(&c->exchange, (size_t)sent);
	} else if (sent != -EAGAIN) {
		/* The read shows the error, behind an answer that may explain it. */
		connect_exchange_sent(&c->exchange, buf_len(out));
		c->conn.readable = true;
	}
}

static void connector_work(struct loop_task *task)
{
	struct connector *c = container_of(task, struct connector, work);
	struct buf *in = &c->exchange.in;
	if (buf_len(&c->exchange.out) && c->conn.writable)
		connector_send(c);
	if (!c->conn.readable)
		return;
	/* One byte above the limit: so the parser sees that it is passed. */
	if (buf_reserve(in, CONNECT_HEAD_MAX + 1) < 0) {
		connector_fail(c, "out of memory");
		return;
	}
	ssize_t n = conn_read(&c->conn, buf_tail(in), CONNECT_HEAD_MAX + 1);
	if (n > 0) {
		buf_commit(in, (size_t)n);
		if (connector_heard(c) && c->conn.readable)
			loop_defer(c->remote->loop, LOOP_PHASE_READ, &c->work);
	} else if (n != -EAGAIN) {
		struct error err;
		connect_exchange_lost(&c->exchange, (int)-n, &err);
		connector_fail(c, err.text);
	}
}

static void connector_late(struct loop_timer *timer)
{
	struct connector *c = container_of(timer, struct connector, timer);
	struct error err;
	error_set(&err, 0, "no answer within %d s: is a tunnel server on that port?",
		(int)(CONNECTOR_ANSWER_TIME / CLOCK_S));
	if (c->state == CONNECTOR_PROXY)
		error_set(&err, 0, "the proxy %s did not answer within %d s", c->remote->proxy.name,
			(int)(CONNECTOR_ANSWER_TIME / CLOCK_S));
	else if (c->state == CONNECTOR_DIALLING)
		error_set(&err, 0, "looking up %.120s took too long", c->remote->url->host);
	connector_fail(c, err.text);
}

/* ---- Beginning ---- */

void connector_init(struct connector *c, const struct remote *remote)
{
	*c = (struct connector){.remote = remote};
	c->conn.fd = -1;
	loop_timer_init(&c->timer, remote->loop, connector_late);
	loop_task_init(&c->work, connector_work);
}

static void connector_dial(struct connector *c)
{
	const struct remote *r = c->remote;
	const struct url *to = r->proxy.used ? &r->proxy.url : r->url;
	char host[URL_DIAL_SIZE];
	dial_start(&c->dial, r->loop, r->resolver, url_dial_host(to, host), to->port,
		now_of(c) + CONNECTOR_DIAL_TIME, dialled);
}

static void resolved(struct resolver_query *query, const struct address *list, size_t n,
	const char *why)
{
	struct connector *c = container_of(query, struct connector, query);
	char advised[256];
	if (!n) {
		snprintf(advised, sizeof(advised),
			"cannot resolve %.120s: %s (socks5:// looks names up here, socks5h:// at "
			"the proxy)",
			c->remote->url->host, why);
		connector_fail(c, advised);
		return;
	}
	loop_timer_cancel(&c->timer);
	c->resolved = list[0];
	connector_dial(c);
}

/* For a SOCKS proxy that takes addresses alone: true when the remote's is being looked up. */
static bool connector_resolve(struct connector *c)
{
	const struct remote *r = c->remote;
	struct address literal;
	if (!r->proxy.used || proxy_takes_names(&r->proxy) ||
		address_parse_ip(str_from(r->url->host), &literal))
		return false;
	c->query.port = r->url->port;
	c->query.done = resolved;
	if (resolver_ask(r->resolver, &c->query, r->url->host) < 0)
		return false; /* then the proxy is told the name */
	loop_timer_set(&c->timer, now_of(c) + CONNECTOR_DIAL_TIME);
	return true;
}

void connector_start(struct connector *c)
{
	connector_set_state(c, CONNECTOR_DIALLING);
	connect_exchange_init(&c->exchange, c->remote);
	c->resolved = (struct address){0};
	if (!connector_resolve(c))
		connector_dial(c);
}
