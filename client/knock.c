#include "client/knock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/diagnosis.h"

/* Every legal transition; anything else is a bug of ours. */
static void knock_set_state(struct knock *k, enum knock_state state)
{
	static const char *const names[] = {"idle", "dialling", "asking the proxy", "securing",
		"asking"};
	static const uint8_t legal[] = {
		[KNOCK_IDLE] = 1 << KNOCK_DIALLING,
		[KNOCK_DIALLING] = 1 << KNOCK_PROXY | 1 << KNOCK_SECURING | 1 << KNOCK_ASKING |
				   1 << KNOCK_IDLE,
		[KNOCK_PROXY] = 1 << KNOCK_SECURING | 1 << KNOCK_ASKING | 1 << KNOCK_IDLE,
		[KNOCK_SECURING] = 1 << KNOCK_ASKING | 1 << KNOCK_IDLE,
		[KNOCK_ASKING] = 1 << KNOCK_IDLE,
	};
	if (!(legal[k->state] & 1 << state))
		abort();
	log_debug("knock at %s: %s -> %s", k->authority, names[k->state], names[state]);
	k->state = state;
}

/* The proxy's password may still be in the buffer. */
static void forget_request(struct knock *k)
{
	if (k->out.data)
		explicit_bzero(k->out.data, k->out.cap);
	buf_deinit(&k->out);
}

static void knock_end(struct knock *k)
{
	if (k->state == KNOCK_IDLE)
		return;
	resolver_release(&k->query);
	dial_cancel(&k->dial);
	tls_handshake_cancel(&k->handshake);
	conn_close(&k->conn);
	loop_timer_cancel(&k->timer);
	loop_task_cancel(&k->work);
	forget_request(k);
	buf_deinit(&k->in);
	knock_set_state(k, KNOCK_IDLE);
}

static void knock_fail(struct knock *k, const char *why)
{
	knock_end(k);
	k->failed(k, why);
}

void knock_cancel(struct knock *k)
{
	knock_end(k);
}

/* Begins one exchange on the connection: the request stands in `out`. */
static void knock_ask(struct knock *k, enum knock_state state)
{
	k->scanned = 0;
	k->interim = 0;
	knock_set_state(k, state);
	loop_timer_set(&k->timer, loop_now(k->loop) + KNOCK_ANSWER_TIME);
	loop_defer(k->loop, LOOP_PHASE_READ, &k->work);
}

static void ask_for_link(struct knock *k)
{
	char request[UPGRADE_REQUEST_MAX], host[URL_AUTHORITY_SIZE];
	url_host_field(k->remote, host);
	size_t n = upgrade_request(host, k->path, k->key, request);
	if (!n)
		knock_fail(k, "the control path is too long for a request");
	else if (buf_append(&k->out, request, n) < 0)
		knock_fail(k, "out of memory");
	else
		knock_ask(k, KNOCK_ASKING);
}

static void ask_socks(struct knock *k)
{
	uint8_t greeting[SOCKS5_OUT_MAX];
	const struct secret *login = k->proxy->authorization;
	struct address to = k->socks.address;
	struct str name = str_from(k->remote->host);
	bool told_name = to.family == ADDRESS_NONE && !address_parse_ip(name, &to);
	to.port = k->remote->port;
	k->socks = (struct socks5){.address = to};
	if (told_name)
		k->socks.host = name;
	if (login)
		k->socks.login = (struct str){(const char *)login->bytes, login->n};
	if (buf_append(&k->out, greeting, socks5_begin(&k->socks, greeting)) < 0)
		knock_fail(k, "out of memory");
	else
		knock_ask(k, KNOCK_PROXY);
}

static void ask_proxy(struct knock *k)
{
	if (proxy_is_socks(k->proxy))
		ask_socks(k);
	else if (proxy_request(k->proxy, k->authority, &k->out) < 0)
		knock_fail(k, "out of memory");
	else
		knock_ask(k, KNOCK_PROXY);
}

static void knock_changed(struct conn *conn)
{
	struct knock *k = container_of(conn, struct knock, conn);
	loop_defer(k->loop, LOOP_PHASE_READ, &k->work);
}

/* Takes what was connected as its own; false: it failed. */
static bool knock_attach(struct knock *k, struct detached_conn detached)
{
	if (conn_attach(&k->conn, k->loop, detached, knock_changed) < 0) {
		knock_fail(k, "out of memory");
		return false;
	}
	k->conn.writable = true;
	return true;
}

static void knock_secured(struct tls_handshake *handshake, struct detached_conn detached,
	const char *why)
{
	struct knock *k = container_of(handshake, struct knock, handshake);
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
				k->authority);
		knock_fail(k, err.text);
	} else if (knock_attach(k, detached)) {
		ask_for_link(k);
	}
}

/* What is said over `fd` reaches the exit node, or who ends TLS for it. */
static void knock_connected(struct knock *k, int fd)
{
	if (!k->tls) {
		if (knock_attach(k, DETACHED_CONN_OF(fd)))
			ask_for_link(k);
		return;
	}
	struct tls *tls = tls_connect(k->tls, k->remote->host, true);
	if (!tls) {
		close(fd);
		knock_fail(k, "out of memory");
		return;
	}
	loop_timer_cancel(&k->timer);
	loop_task_cancel(&k->work);
	knock_set_state(k, KNOCK_SECURING);
	tls_handshake_start(&k->handshake, k->loop, fd, tls, loop_now(k->loop) + KNOCK_TLS_TIME,
		knock_secured);
}

static void knock_dialled(struct dial *dial, int fd)
{
	struct knock *k = container_of(dial, struct knock, dial);
	struct error err;
	if (fd < 0) {
		bool proxy = k->proxy->used;
		diagnosis_of_dial(dial, proxy ? k->proxy->url.host : k->remote->host,
			proxy ? "the proxy" : "the tunnel server", &err);
		if (proxy)
			error_prefix(&err, "the proxy");
		knock_fail(k, err.text);
		return;
	}
	if (!k->proxy->used)
		knock_connected(k, fd);
	else if (knock_attach(k, DETACHED_CONN_OF(fd)))
		ask_proxy(k);
}

/* ---- Judging who answers ---- */

static struct diagnosis diagnosis_for(const struct knock *k)
{
	return (struct diagnosis){k->authority, k->path, k->state == KNOCK_PROXY};
}

static void blame_proxy(const struct knock *k, struct error *err)
{
	if (k->state == KNOCK_PROXY)
		error_prefix(err, "the proxy %s", k->proxy->name);
}

/* The head of an answer that is not an interim one: the proxy's, or the exit node's. */
static void knock_judge(struct knock *k, const struct http1_head *h)
{
	struct error err;
	size_t behind = buf_len(&k->in) - h->size;
	if (k->state == KNOCK_PROXY) {
		if (proxy_judge(k->proxy, h, behind, &err) < 0) {
			knock_fail(k, err.text);
			return;
		}
		buf_consume(&k->in, h->size);
		struct detached_conn detached = conn_detach(&k->conn);
		knock_connected(k, detached.fd);
		return;
	}
	const char *why = upgrade_accepted(h, k->key);
	time_t date = upgrade_date(h);
	if (k->conn.tls && date)
		tls_told_time(k->conn.tls, date);
	if (why) {
		struct str body = {(const char *)buf_head(&k->in) + h->size, behind};
		struct diagnosis d = diagnosis_for(k);
		diagnosis_of_head(&d, h, body, why, &err);
		knock_fail(k, err.text);
		return;
	}
	struct buf in = k->in; /* outlives the knock's end: what came early is in it */
	k->in = BUF_NULL;
	struct detached_conn detached = conn_detach(&k->conn);
	size_t head = h->size;
	knock_end(k);
	k->opened(k, detached, buf_head(&in) + head, behind);
	buf_deinit(&in);
}

/* What has come so far; true: more is needed. */
static bool knock_parse(struct knock *k)
{
	struct http1_head h = HTTP1_HEAD_OF(KNOCK_FIELDS_MAX);
	enum http1_method asked = k->state == KNOCK_PROXY ? HTTP1_CONNECT : HTTP1_GET;
	for (;;) {
		int r = http1_parse_response(&h, buf_head(&k->in), buf_len(&k->in), KNOCK_HEAD_MAX,
			asked, &k->scanned);
		if (r == HTTP1_MORE)
			return true;
		if (r != 0) {
			struct error err;
			struct diagnosis d = diagnosis_for(k);
			diagnosis_of_bytes(&d, buf_head(&k->in), buf_len(&k->in), r, &err);
			blame_proxy(k, &err);
			knock_fail(k, err.text);
			return false;
		}
		if (h.status / 100 != 1 || h.status == 101)
			break;
		if (++k->interim > KNOCK_INTERIM_MAX) {
			knock_fail(k, "it never comes to an answer that counts");
			return false;
		}
		buf_consume(&k->in, h.size);
		k->scanned = 0;
	}
	knock_judge(k, &h);
	return false;
}

/* The proxy has connected; what it sends from here on must be the exit node's, who speaks when asked. */
static void knock_passed(struct knock *k, size_t used)
{
	struct error err;
	if (buf_len(&k->in) > used) {
		proxy_explain_socks(k->proxy, &k->socks, SOCKS5_E_MALFORMED, &err);
		knock_fail(k, err.text);
		return;
	}
	buf_consume(&k->in, used);
	struct detached_conn detached = conn_detach(&k->conn);
	knock_connected(k, detached.fd);
}

/* What has come so far of a SOCKS proxy; true: more is needed. */
static bool knock_socks(struct knock *k)
{
	uint8_t answer[SOCKS5_OUT_MAX];
	size_t used = 0, n = 0;
	struct error err;
	enum socks5_result r =
		socks5_input(&k->socks, buf_head(&k->in), buf_len(&k->in), &used, answer, &n);
	if (r == SOCKS5_MORE)
		return true;
	if (r == SOCKS5_CONNECTED) {
		resolver_report(&k->query, &k->socks.address, true);
		knock_passed(k, used);
		return false;
	}
	/* It cannot have answered yet what it was not asked yet. */
	if (r == SOCKS5_ANSWER && buf_len(&k->in) > used)
		r = SOCKS5_E_MALFORMED;
	if (r == SOCKS5_ANSWER) {
		buf_consume(&k->in, used);
		int put = buf_append(&k->out, answer, n);
		explicit_bzero(answer, sizeof(answer));
		if (put < 0) {
			knock_fail(k, "out of memory");
			return false;
		}
		loop_defer(k->loop, LOOP_PHASE_READ, &k->work);
		return true;
	}
	if (r == SOCKS5_E_REFUSED) /* the next attempt tries another of the exit node's addresses */
		resolver_report(&k->query, &k->socks.address, false);
	proxy_explain_socks(k->proxy, &k->socks, r, &err);
	knock_fail(k, err.text);
	return false;
}

static bool knock_heard(struct knock *k)
{
	bool socks = k->state == KNOCK_PROXY && proxy_is_socks(k->proxy);
	return socks ? knock_socks(k) : knock_parse(k);
}

static void knock_lost(struct knock *k, int error)
{
	struct error err;
	struct diagnosis d = diagnosis_for(k);
	if (error && error != ECONNRESET)
		error_set(&err, 0, "%s", strerror(error));
	else if (k->state == KNOCK_PROXY && proxy_is_socks(k->proxy))
		error_set(&err, 0, "it ended the connection without an answer");
	else
		diagnosis_of_bytes(&d, buf_head(&k->in), buf_len(&k->in), HTTP1_MORE, &err);
	blame_proxy(k, &err);
	knock_fail(k, err.text);
}

static void knock_work(struct loop_task *task)
{
	struct knock *k = container_of(task, struct knock, work);
	if (buf_len(&k->out) && k->conn.writable) {
		ssize_t sent = conn_write(&k->conn, buf_head(&k->out), buf_len(&k->out));
		if (sent > 0)
			buf_consume(&k->out, (size_t)sent);
		/* An error shows in the read, behind an answer that may explain it. */
		if (!buf_len(&k->out) || (sent < 0 && sent != -EAGAIN)) {
			forget_request(k);
			k->conn.readable |= sent < 0;
		}
	}
	if (!k->conn.readable)
		return;
	/* One byte above the limit: so the parser sees that it is passed. */
	if (buf_reserve(&k->in, KNOCK_HEAD_MAX + 1) < 0) {
		knock_fail(k, "out of memory");
		return;
	}
	ssize_t n = conn_read(&k->conn, buf_tail(&k->in), KNOCK_HEAD_MAX + 1);
	if (n > 0) {
		buf_commit(&k->in, (size_t)n);
		if (knock_heard(k) && k->conn.readable)
			loop_defer(k->loop, LOOP_PHASE_READ, &k->work);
	} else if (n != -EAGAIN) {
		knock_lost(k, (int)-n);
	}
}

static void knock_late(struct loop_timer *timer)
{
	struct knock *k = container_of(timer, struct knock, timer);
	struct error err;
	error_set(&err, 0, "no answer within %d s: is a tunnel server on that port?",
		(int)(KNOCK_ANSWER_TIME / CLOCK_S));
	if (k->state == KNOCK_PROXY)
		error_set(&err, 0, "the proxy %s did not answer within %d s", k->proxy->name,
			(int)(KNOCK_ANSWER_TIME / CLOCK_S));
	else if (k->state == KNOCK_DIALLING)
		error_set(&err, 0, "looking up %.120s took too long", k->remote->host);
	knock_fail(k, err.text);
}

void knock_init(struct knock *k, struct loop *loop, struct resolver *resolver,
	const struct url *remote, const char *path, const struct proxy *proxy,
	struct tls_client *tls)
{
	*k = (struct knock){.loop = loop,
		.resolver = resolver,
		.remote = remote,
		.path = path,
		.proxy = proxy,
		.tls = tls};
	k->conn.fd = -1;
	loop_timer_init(&k->timer, loop, knock_late);
	loop_task_init(&k->work, knock_work);
	url_authority(remote, k->authority);
}

const char *knock_port_note(const struct knock *k, char text[KNOCK_PORT_NOTE_SIZE])
{
	const struct url *u = k->remote;
	text[0] = '\0';
	if (u->port_given)
		return text;
	if (u->port == URL_REMOTE_PORT)
		snprintf(text, KNOCK_PORT_NOTE_SIZE,
			" (--remote names no port: %u is what tunnel server listens on by default)",
			u->port);
	else
		snprintf(text, KNOCK_PORT_NOTE_SIZE,
			" (--remote names no port: %u is that of %s://)", u->port,
			u->scheme == URL_WSS ? "wss" : "ws");
	return text;
}

static void knock_dial(struct knock *k)
{
	const struct url *to = k->proxy->used ? &k->proxy->url : k->remote;
	char host[URL_DIAL_SIZE];
	dial_start(&k->dial, k->loop, k->resolver, url_dial_host(to, host), to->port,
		loop_now(k->loop) + KNOCK_DIAL_TIME, knock_dialled);
}

static void knock_resolved(struct resolver_query *query, const struct address *list, size_t n,
	const char *why)
{
	struct knock *k = container_of(query, struct knock, query);
	char advised[256];
	if (!n) {
		snprintf(advised, sizeof(advised),
			"cannot resolve %.120s: %s (socks5:// looks names up here, socks5h:// at "
			"the proxy)",
			k->remote->host, why);
		knock_fail(k, advised);
		return;
	}
	loop_timer_cancel(&k->timer);
	k->socks.address = list[0];
	knock_dial(k);
}

/* A SOCKS proxy that is told addresses: true when the remote's is being looked up. */
static bool knock_resolve(struct knock *k)
{
	struct address literal;
	k->socks = (struct socks5){0};
	if (!k->proxy->used || proxy_takes_names(k->proxy) ||
		address_parse_ip(str_from(k->remote->host), &literal))
		return false;
	k->query.port = k->remote->port;
	k->query.done = knock_resolved;
	if (resolver_ask(k->resolver, &k->query, k->remote->host) < 0)
		return false; /* then the proxy is told the name */
	loop_timer_set(&k->timer, loop_now(k->loop) + KNOCK_DIAL_TIME);
	return true;
}

void knock_start(struct knock *k)
{
	knock_set_state(k, KNOCK_DIALLING);
	if (!knock_resolve(k))
		knock_dial(k);
}
