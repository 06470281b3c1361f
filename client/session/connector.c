#include "client/session/connector.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/session/diagnosis.h"
#include "client/upstream/dial_failure.h"

/* Every legal transition; anything else is a bug of ours. */
static void connector_set_state(struct connector *c, enum connector_state state)
{
	static const char *const names[] = {"idle", "dialling", "asking the proxy", "securing",
		"asking"};
	static const uint8_t legal[] = {
		[CONNECTOR_IDLE] = 1 << CONNECTOR_DIALLING,
		[CONNECTOR_DIALLING] = 1 << CONNECTOR_PROXY | 1 << CONNECTOR_SECURING |
				       1 << CONNECTOR_ASKING | 1 << CONNECTOR_IDLE,
		[CONNECTOR_PROXY] =
			1 << CONNECTOR_SECURING | 1 << CONNECTOR_ASKING | 1 << CONNECTOR_IDLE,
		[CONNECTOR_SECURING] = 1 << CONNECTOR_ASKING | 1 << CONNECTOR_IDLE,
		[CONNECTOR_ASKING] = 1 << CONNECTOR_IDLE,
	};
	if (!(legal[c->state] & 1 << state))
		abort();
	log_debug("knock at %s: %s -> %s", c->authority, names[c->state], names[state]);
	c->state = state;
}

/* The proxy's password may still be in the buffer. */
static void forget_request(struct connector *c)
{
	if (c->out.data)
		explicit_bzero(c->out.data, c->out.cap);
	buf_deinit(&c->out);
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
	forget_request(c);
	buf_deinit(&c->in);
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

/* Begins one exchange on the connection: the request stands in `out`. */
static void connector_ask(struct connector *c, enum connector_state state)
{
	c->scanned = 0;
	c->interim = 0;
	connector_set_state(c, state);
	loop_timer_set(&c->timer, loop_now(c->loop) + CONNECTOR_ANSWER_TIME);
	loop_defer(c->loop, LOOP_PHASE_READ, &c->work);
}

static void ask_for_link(struct connector *c)
{
	char request[UPGRADE_REQUEST_MAX], host[URL_AUTHORITY_SIZE];
	url_host_field(c->remote, host);
	size_t n = upgrade_request(host, c->path, c->key, request);
	if (!n)
		connector_fail(c, "the control path is too long for a request");
	else if (buf_append(&c->out, request, n) < 0)
		connector_fail(c, "out of memory");
	else
		connector_ask(c, CONNECTOR_ASKING);
}

static void ask_socks(struct connector *c)
{
	uint8_t greeting[SOCKS5_OUT_MAX];
	const struct secret *login = c->proxy->authorization;
	struct address to = c->socks.address;
	struct str name = str_from(c->remote->host);
	bool told_name = to.family == ADDRESS_NONE && !address_parse_ip(name, &to);
	to.port = c->remote->port;
	c->socks = (struct socks5){.address = to};
	if (told_name)
		c->socks.host = name;
	if (login)
		c->socks.login = (struct str){(const char *)login->bytes, login->n};
	if (buf_append(&c->out, greeting, socks5_begin(&c->socks, greeting)) < 0)
		connector_fail(c, "out of memory");
	else
		connector_ask(c, CONNECTOR_PROXY);
}

static void ask_proxy(struct connector *c)
{
	if (proxy_is_socks(c->proxy))
		ask_socks(c);
	else if (proxy_request(c->proxy, c->authority, &c->out) < 0)
		connector_fail(c, "out of memory");
	else
		connector_ask(c, CONNECTOR_PROXY);
}

static void connector_changed(struct conn *conn)
{
	struct connector *c = container_of(conn, struct connector, conn);
	loop_defer(c->loop, LOOP_PHASE_READ, &c->work);
}

/* Takes what was connected as its own; false: it failed. */
static bool connector_attach(struct connector *c, struct detached_conn detached)
{
	if (conn_attach(&c->conn, c->loop, detached, connector_changed) < 0) {
		connector_fail(c, "out of memory");
		return false;
	}
	c->conn.writable = true;
	return true;
}

static void connector_secured(struct tls_handshake *handshake, struct detached_conn detached,
	const char *why)
{
	struct connector *c = container_of(handshake, struct connector, handshake);
	struct error err;
	if (detached.fd < 0) {
		error_set(&err, 0, "%s", why);
		if (handshake->misnamed)
			error_set(&err, 0,
				"%s: dial it by a name of its own, or pin it (--tls-pin)", why);
		else if (handshake->distrusted)
			error_set(&err, 0, "%s (see --tls-ca and --tls-pin)", why);
		else if (handshake->foreign)
			error_set(&err, 0, "%s: --remote ws://%s, or another port", why,
				c->authority);
		connector_fail(c, err.text);
	} else if (connector_attach(c, detached)) {
		ask_for_link(c);
	}
}

/* What is said over `fd` reaches the exit node, or who ends TLS for it. */
static void connector_connected(struct connector *c, int fd)
{
	if (!c->tls) {
		if (connector_attach(c, DETACHED_CONN_OF(fd)))
			ask_for_link(c);
		return;
	}
	struct tls *tls = tls_connect(c->tls, c->remote->host, true);
	if (!tls) {
		close(fd);
		connector_fail(c, "out of memory");
		return;
	}
	loop_timer_cancel(&c->timer);
	loop_task_cancel(&c->work);
	connector_set_state(c, CONNECTOR_SECURING);
	tls_handshake_start(&c->handshake, c->loop, fd, tls, loop_now(c->loop) + CONNECTOR_TLS_TIME,
		connector_secured);
}

static void connector_dialled(struct dial *dial, int fd)
{
	struct connector *c = container_of(dial, struct connector, dial);
	struct error err;
	if (fd < 0) {
		bool proxy = c->proxy->used;
		dial_failure_describe(dial, proxy ? c->proxy->url.host : c->remote->host,
			proxy ? "the proxy" : "the tunnel server", &err);
		if (proxy)
			error_prefix(&err, "the proxy");
		connector_fail(c, err.text);
		return;
	}
	if (!c->proxy->used)
		connector_connected(c, fd);
	else if (connector_attach(c, DETACHED_CONN_OF(fd)))
		ask_proxy(c);
}

/* ---- Judging who answers ---- */

static struct diagnosis diagnosis_for(const struct connector *c)
{
	return (struct diagnosis){c->authority, c->path, c->state == CONNECTOR_PROXY};
}

static void blame_proxy(const struct connector *c, struct error *err)
{
	if (c->state == CONNECTOR_PROXY)
		error_prefix(err, "the proxy %s", c->proxy->name);
}

/* The head of an answer that is not an interim one: the proxy's, or the exit node's. */
static void connector_check(struct connector *c, const struct http1_head *h)
{
	struct error err;
	size_t behind = buf_len(&c->in) - h->size;
	if (c->state == CONNECTOR_PROXY) {
		if (proxy_check(c->proxy, h, behind, &err) < 0) {
			connector_fail(c, err.text);
			return;
		}
		buf_consume(&c->in, h->size);
		struct detached_conn detached = conn_detach(&c->conn);
		connector_connected(c, detached.fd);
		return;
	}
	const char *why = upgrade_accepted(h, c->key);
	time_t date = upgrade_date(h);
	if (c->conn.tls && date)
		tls_told_time(c->conn.tls, date);
	if (why) {
		struct str body = {(const char *)buf_head(&c->in) + h->size, behind};
		struct diagnosis d = diagnosis_for(c);
		diagnosis_of_head(&d, h, body, why, &err);
		connector_fail(c, err.text);
		return;
	}
	struct buf in = c->in; /* outlives the connector's end: what came early is in it */
	c->in = BUF_NULL;
	struct detached_conn detached = conn_detach(&c->conn);
	size_t head = h->size;
	connector_end(c);
	c->opened(c, detached, buf_head(&in) + head, behind);
	buf_deinit(&in);
}

/* What has come so far; true: more is needed. */
static bool connector_parse(struct connector *c)
{
	struct http1_head h = HTTP1_HEAD_OF(CONNECTOR_FIELDS_MAX);
	enum http1_method asked = c->state == CONNECTOR_PROXY ? HTTP1_CONNECT : HTTP1_GET;
	for (;;) {
		int r = http1_parse_response(&h, buf_head(&c->in), buf_len(&c->in),
			CONNECTOR_HEAD_MAX, asked, &c->scanned);
		if (r == HTTP1_MORE)
			return true;
		if (r != 0) {
			struct error err;
			struct diagnosis d = diagnosis_for(c);
			diagnosis_of_bytes(&d, buf_head(&c->in), buf_len(&c->in), r, &err);
			blame_proxy(c, &err);
			connector_fail(c, err.text);
			return false;
		}
		if (h.status / 100 != 1 || h.status == 101)
			break;
		if (++c->interim > CONNECTOR_INTERIM_MAX) {
			connector_fail(c, "it never comes to an answer that counts");
			return false;
		}
		buf_consume(&c->in, h.size);
		c->scanned = 0;
	}
	connector_check(c, &h);
	return false;
}

/* The proxy has connected; what it sends from here on must be the exit node's, who speaks when asked. */
static void connector_passed(struct connector *c, size_t used)
{
	struct error err;
	if (buf_len(&c->in) > used) {
		proxy_explain_socks(c->proxy, &c->socks, SOCKS5_E_MALFORMED, &err);
		connector_fail(c, err.text);
		return;
	}
	buf_consume(&c->in, used);
	struct detached_conn detached = conn_detach(&c->conn);
	connector_connected(c, detached.fd);
}

/* What has come so far of a SOCKS proxy; true: more is needed. */
static bool connector_socks(struct connector *c)
{
	uint8_t answer[SOCKS5_OUT_MAX];
	size_t used = 0, n = 0;
	struct error err;
	enum socks5_result r =
		socks5_input(&c->socks, buf_head(&c->in), buf_len(&c->in), &used, answer, &n);
	if (r == SOCKS5_MORE)
		return true;
	if (r == SOCKS5_CONNECTED) {
		resolver_report(&c->query, &c->socks.address, true);
		connector_passed(c, used);
		return false;
	}
	/* It cannot have answered yet what it was not asked yet. */
	if (r == SOCKS5_ANSWER && buf_len(&c->in) > used)
		r = SOCKS5_E_MALFORMED;
	if (r == SOCKS5_ANSWER) {
		buf_consume(&c->in, used);
		int put = buf_append(&c->out, answer, n);
		explicit_bzero(answer, sizeof(answer));
		if (put < 0) {
			connector_fail(c, "out of memory");
			return false;
		}
		loop_defer(c->loop, LOOP_PHASE_READ, &c->work);
		return true;
	}
	if (r == SOCKS5_E_REFUSED) /* the next attempt tries another of the exit node's addresses */
		resolver_report(&c->query, &c->socks.address, false);
	proxy_explain_socks(c->proxy, &c->socks, r, &err);
	connector_fail(c, err.text);
	return false;
}

static bool connector_heard(struct connector *c)
{
	bool socks = c->state == CONNECTOR_PROXY && proxy_is_socks(c->proxy);
	return socks ? connector_socks(c) : connector_parse(c);
}

static void connector_lost(struct connector *c, int error)
{
	struct error err;
	struct diagnosis d = diagnosis_for(c);
	if (error && error != ECONNRESET)
		error_set(&err, 0, "%s", strerror(error));
	else if (c->state == CONNECTOR_PROXY && proxy_is_socks(c->proxy))
		error_set(&err, 0, "it ended the connection without an answer");
	else
		diagnosis_of_bytes(&d, buf_head(&c->in), buf_len(&c->in), HTTP1_MORE, &err);
	blame_proxy(c, &err);
	connector_fail(c, err.text);
}

static void connector_work(struct loop_task *task)
{
	struct connector *c = container_of(task, struct connector, work);
	if (buf_len(&c->out) && c->conn.writable) {
		ssize_t sent = conn_write(&c->conn, buf_head(&c->out), buf_len(&c->out));
		if (sent > 0)
			buf_consume(&c->out, (size_t)sent);
		/* An error shows in the read, behind an answer that may explain it. */
		if (!buf_len(&c->out) || (sent < 0 && sent != -EAGAIN)) {
			forget_request(c);
			c->conn.readable |= sent < 0;
		}
	}
	if (!c->conn.readable)
		return;
	/* One byte above the limit: so the parser sees that it is passed. */
	if (buf_reserve(&c->in, CONNECTOR_HEAD_MAX + 1) < 0) {
		connector_fail(c, "out of memory");
		return;
	}
	ssize_t n = conn_read(&c->conn, buf_tail(&c->in), CONNECTOR_HEAD_MAX + 1);
	if (n > 0) {
		buf_commit(&c->in, (size_t)n);
		if (connector_heard(c) && c->conn.readable)
			loop_defer(c->loop, LOOP_PHASE_READ, &c->work);
	} else if (n != -EAGAIN) {
		connector_lost(c, (int)-n);
	}
}

static void connector_late(struct loop_timer *timer)
{
	struct connector *c = container_of(timer, struct connector, timer);
	struct error err;
	error_set(&err, 0, "no answer within %d s: is a tunnel server on that port?",
		(int)(CONNECTOR_ANSWER_TIME / CLOCK_S));
	if (c->state == CONNECTOR_PROXY)
		error_set(&err, 0, "the proxy %s did not answer within %d s", c->proxy->name,
			(int)(CONNECTOR_ANSWER_TIME / CLOCK_S));
	else if (c->state == CONNECTOR_DIALLING)
		error_set(&err, 0, "looking up %.120s took too long", c->remote->host);
	connector_fail(c, err.text);
}

void connector_init(struct connector *c, struct loop *loop, struct resolver *resolver,
	const struct url *remote, const char *path, const struct proxy *proxy,
	struct tls_client *tls)
{
	*c = (struct connector){.loop = loop,
		.resolver = resolver,
		.remote = remote,
		.path = path,
		.proxy = proxy,
		.tls = tls};
	c->conn.fd = -1;
	loop_timer_init(&c->timer, loop, connector_late);
	loop_task_init(&c->work, connector_work);
	url_authority(remote, c->authority);
}

const char *connector_port_note(const struct connector *c, char text[CONNECTOR_PORT_NOTE_SIZE])
{
	const struct url *u = c->remote;
	text[0] = '\0';
	if (u->port_given)
		return text;
	if (u->port == URL_REMOTE_PORT)
		snprintf(text, CONNECTOR_PORT_NOTE_SIZE,
			" (--remote names no port: %u is what tunnel server listens on by default)",
			u->port);
	else
		snprintf(text, CONNECTOR_PORT_NOTE_SIZE,
			" (--remote names no port: %u is that of %s://)", u->port,
			u->scheme == URL_WSS ? "wss" : "ws");
	return text;
}

static void connector_dial(struct connector *c)
{
	const struct url *to = c->proxy->used ? &c->proxy->url : c->remote;
	char host[URL_DIAL_SIZE];
	dial_start(&c->dial, c->loop, c->resolver, url_dial_host(to, host), to->port,
		loop_now(c->loop) + CONNECTOR_DIAL_TIME, connector_dialled);
}

static void connector_resolved(struct resolver_query *query, const struct address *list, size_t n,
	const char *why)
{
	struct connector *c = container_of(query, struct connector, query);
	char advised[256];
	if (!n) {
		snprintf(advised, sizeof(advised),
			"cannot resolve %.120s: %s (socks5:// looks names up here, socks5h:// at "
			"the proxy)",
			c->remote->host, why);
		connector_fail(c, advised);
		return;
	}
	loop_timer_cancel(&c->timer);
	c->socks.address = list[0];
	connector_dial(c);
}

/* A SOCKS proxy that is told addresses: true when the remote's is being looked up. */
static bool connector_resolve(struct connector *c)
{
	struct address literal;
	c->socks = (struct socks5){0};
	if (!c->proxy->used || proxy_takes_names(c->proxy) ||
		address_parse_ip(str_from(c->remote->host), &literal))
		return false;
	c->query.port = c->remote->port;
	c->query.done = connector_resolved;
	if (resolver_ask(c->resolver, &c->query, c->remote->host) < 0)
		return false; /* then the proxy is told the name */
	loop_timer_set(&c->timer, loop_now(c->loop) + CONNECTOR_DIAL_TIME);
	return true;
}

void connector_start(struct connector *c)
{
	connector_set_state(c, CONNECTOR_DIALLING);
	if (!connector_resolve(c))
		connector_dial(c);
}
