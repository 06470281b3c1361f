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
	dial_cancel(&k->dial);
	secure_cancel(&k->secure);
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

static void ask_proxy(struct knock *k)
{
	if (proxy_request(k->proxy, k->authority, &k->out) < 0)
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
static bool knock_plug(struct knock *k, struct plug plug)
{
	if (conn_plug(&k->conn, k->loop, plug, knock_changed) < 0) {
		knock_fail(k, "out of memory");
		return false;
	}
	k->conn.writable = true;
	return true;
}

static void knock_secured(struct secure *secure, struct plug plug, const char *why)
{
	struct knock *k = container_of(secure, struct knock, secure);
	char advised[256];
	if (plug.fd < 0) {
		snprintf(advised, sizeof(advised), "%s%s", why,
			secure->distrusted ? " (see --tls-ca and --tls-pin)" : "");
		knock_fail(k, advised);
	} else if (knock_plug(k, plug)) {
		ask_for_link(k);
	}
}

/* What is said over `fd` reaches the exit node, or who ends TLS for it. */
static void knock_connected(struct knock *k, int fd)
{
	if (!k->tls) {
		if (knock_plug(k, PLUG_OF(fd)))
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
	secure_start(&k->secure, k->loop, fd, tls, loop_now(k->loop) + KNOCK_TLS_TIME,
		knock_secured);
}

static void knock_dialled(struct dial *dial, int fd)
{
	struct knock *k = container_of(dial, struct knock, dial);
	char why[256];
	if (fd < 0) {
		const char *host = k->proxy->used ? k->proxy->url.host : k->remote->host;
		const char *whose = k->proxy->used ? "the proxy: " : "";
		if (dial->outcome == DIAL_NO_ADDRESS)
			snprintf(why, sizeof(why), "%scannot resolve %.120s: %.100s", whose, host,
				dial->reason);
		else
			snprintf(why, sizeof(why), "%s%s", whose, dial->reason);
		knock_fail(k, why);
		return;
	}
	if (!k->proxy->used)
		knock_connected(k, fd);
	else if (knock_plug(k, PLUG_OF(fd)))
		ask_proxy(k);
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
		struct plug plug = conn_unplug(&k->conn);
		knock_connected(k, plug.fd);
		return;
	}
	const char *why = upgrade_accepted(h, k->key);
	if (why) {
		diagnosis_of_head(h, k->path, why, &err);
		knock_fail(k, err.text);
		return;
	}
	struct buf in = k->in; /* outlives the knock's end: what came early is in it */
	k->in = BUF_NULL;
	struct plug plug = conn_unplug(&k->conn);
	size_t head = h->size;
	knock_end(k);
	k->opened(k, plug, buf_head(&in) + head, behind);
	buf_deinit(&in);
}

/* What has come so far; true: more is needed. */
static bool knock_parse(struct knock *k)
{
	struct http1_head h;
	enum http1_method asked = k->state == KNOCK_PROXY ? HTTP1_CONNECT : HTTP1_GET;
	for (;;) {
		int r = http1_parse_response(&h, buf_head(&k->in), buf_len(&k->in), KNOCK_HEAD_MAX,
			asked, &k->scanned);
		if (r == HTTP1_MORE)
			return true;
		if (r != 0) {
			struct error err;
			diagnosis_of_bytes(buf_head(&k->in), buf_len(&k->in), r, &err);
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

static void knock_lost(struct knock *k, int error)
{
	struct error err;
	if (error && error != ECONNRESET)
		error_set(&err, 0, "%s", strerror(error));
	else
		diagnosis_of_bytes(buf_head(&k->in), buf_len(&k->in), HTTP1_MORE, &err);
	if (k->state == KNOCK_PROXY)
		error_prefix(&err, "the proxy %s", k->proxy->name);
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
		if (knock_parse(k) && k->conn.readable)
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

void knock_start(struct knock *k)
{
	const struct url *to = k->proxy->used ? &k->proxy->url : k->remote;
	knock_set_state(k, KNOCK_DIALLING);
	char host[URL_DIAL_SIZE];
	dial_start(&k->dial, k->loop, k->resolver, url_dial_host(to, host), to->port,
		loop_now(k->loop) + KNOCK_DIAL_TIME, knock_dialled);
}
