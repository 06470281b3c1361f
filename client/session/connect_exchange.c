/* SPDX-License-Identifier: MIT */
#include "client/session/connect_exchange.h"

#include <errno.h>
#include <string.h>

#include "client/session/diagnosis.h"

void connect_exchange_init(struct connect_exchange *x, const struct remote *remote)
{
	*x = (struct connect_exchange){.remote = remote};
}

static void forget_request(struct connect_exchange *x)
{
	if (x->out.data)
		explicit_bzero(x->out.data, x->out.cap);
	buf_deinit(&x->out);
}

void connect_exchange_deinit(struct connect_exchange *x)
{
	forget_request(x);
	buf_deinit(&x->in);
}

/* ---- The request ---- */

static int put(struct connect_exchange *x, const void *p, size_t n, struct error *err)
{
	return buf_append(&x->out, p, n) < 0 ? error_set(err, -1, "out of memory") : 0;
}

static void begin(struct connect_exchange *x, enum connect_peer peer)
{
	x->peer = peer;
	x->scanned = 0;
	x->interim = 0;
}

static int ask_socks(struct connect_exchange *x, const struct address *resolved, struct error *err)
{
	uint8_t greeting[SOCKS5_OUT_MAX];
	const struct secret *login = x->remote->proxy.authorization;
	struct address to = *resolved;
	struct str name = str_from(x->remote->url->host);
	bool by_name = to.family == ADDRESS_NONE && !address_parse_ip(name, &to);
	to.port = x->remote->url->port;
	x->socks = (struct socks5){.address = to};
	if (by_name)
		x->socks.host = name;
	if (login)
		x->socks.login = (struct str){(const char *)login->bytes, login->n};
	return put(x, greeting, socks5_begin(&x->socks, greeting), err);
}

int connect_exchange_ask_proxy(struct connect_exchange *x, const struct address *to,
	struct error *err)
{
	begin(x, CONNECT_PROXY);
	if (proxy_is_socks(&x->remote->proxy))
		return ask_socks(x, to, err);
	if (proxy_request(&x->remote->proxy, x->remote->authority, &x->out) < 0)
		return error_set(err, -1, "out of memory");
	return 0;
}

int connect_exchange_ask_exit_node(struct connect_exchange *x, struct error *err)
{
	char request[UPGRADE_REQUEST_MAX], host[URL_AUTHORITY_SIZE];
	begin(x, CONNECT_EXIT_NODE);
	url_host_field(x->remote->url, host);
	size_t n = upgrade_request(host, x->remote->path, x->key, request);
	if (!n)
		return error_set(err, -1, "the control path is too long for a request");
	return put(x, request, n, err);
}

void connect_exchange_sent(struct connect_exchange *x, size_t n)
{
	buf_consume(&x->out, n);
	if (!buf_len(&x->out))
		forget_request(x);
}

/* ---- The answer ---- */

static struct diagnosis diagnosis_for(const struct connect_exchange *x)
{
	return (struct diagnosis){x->remote->authority, x->remote->path, x->peer == CONNECT_PROXY};
}

static void blame_proxy(const struct connect_exchange *x, struct error *err)
{
	if (x->peer == CONNECT_PROXY)
		error_prefix(err, "the proxy %s", x->remote->proxy.name);
}

/* The head of an answer that is not an interim one: the proxy's, or the exit node's. */
static enum connect_result check_head(struct connect_exchange *x, const struct http1_head *h,
	struct error *err)
{
	struct str behind = {(const char *)buf_head(&x->in) + h->size, buf_len(&x->in) - h->size};
	if (x->peer == CONNECT_PROXY) {
		if (proxy_check(&x->remote->proxy, h, behind.n, err) < 0)
			return CONNECT_FAILED;
	} else {
		const char *why = upgrade_accepted(h, x->key);
		x->date = upgrade_date(h);
		if (why) {
			struct diagnosis d = diagnosis_for(x);
			diagnosis_of_head(&d, h, behind, why, err);
			return CONNECT_FAILED;
		}
	}
	buf_consume(&x->in, h->size);
	return CONNECT_DONE;
}

static enum connect_result parse(struct connect_exchange *x, struct error *err)
{
	struct http1_head h = HTTP1_HEAD_OF(CONNECT_FIELDS_MAX);
	enum http1_method asked = x->peer == CONNECT_PROXY ? HTTP1_CONNECT : HTTP1_GET;
	for (;;) {
		int r = http1_parse_response(&h, buf_head(&x->in), buf_len(&x->in),
			CONNECT_HEAD_MAX, asked, &x->scanned);
		if (r == HTTP1_MORE)
			return CONNECT_MORE;
		if (r != 0) {
			struct diagnosis d = diagnosis_for(x);
			diagnosis_of_bytes(&d, buf_head(&x->in), buf_len(&x->in), r, err);
			blame_proxy(x, err);
			return CONNECT_FAILED;
		}
		if (h.status / 100 != 1 || h.status == 101)
			return check_head(x, &h, err);
		if (++x->interim > CONNECT_INTERIM_MAX) {
			error_set(err, 0, "it sends interim answers (1xx) without an end");
			return CONNECT_FAILED;
		}
		buf_consume(&x->in, h.size);
		x->scanned = 0;
	}
}

/* The proxy has connected; what it sends from here on must be the exit node's, who speaks when asked. */
static enum connect_result socks_connected(struct connect_exchange *x, size_t used,
	struct error *err)
{
	if (buf_len(&x->in) > used) {
		proxy_explain_socks(&x->remote->proxy, &x->socks, SOCKS5_E_MALFORMED, err);
		return CONNECT_FAILED;
	}
	buf_consume(&x->in, used);
	return CONNECT_DONE;
}

static enum connect_result parse_socks(struct connect_exchange *x, struct error *err)
{
	uint8_t answer[SOCKS5_OUT_MAX];
	size_t used = 0, n = 0;
	enum socks5_result r =
		socks5_input(&x->socks, buf_head(&x->in), buf_len(&x->in), &used, answer, &n);
	if (r == SOCKS5_MORE)
		return CONNECT_MORE;
	if (r == SOCKS5_CONNECTED)
		return socks_connected(x, used, err);
	/* It cannot have answered yet what it was not asked yet. */
	if (r == SOCKS5_ANSWER && buf_len(&x->in) > used)
		r = SOCKS5_E_MALFORMED;
	if (r == SOCKS5_ANSWER) {
		buf_consume(&x->in, used);
		int result = put(x, answer, n, err);
		explicit_bzero(answer, sizeof(answer));
		return result < 0 ? CONNECT_FAILED : CONNECT_MORE;
	}
	x->refused = r == SOCKS5_E_REFUSED;
	proxy_explain_socks(&x->remote->proxy, &x->socks, r, err);
	return CONNECT_FAILED;
}

static bool is_socks(const struct connect_exchange *x)
{
	return x->peer == CONNECT_PROXY && proxy_is_socks(&x->remote->proxy);
}

enum connect_result connect_exchange_received(struct connect_exchange *x, struct error *err)
{
	return is_socks(x) ? parse_socks(x, err) : parse(x, err);
}

void connect_exchange_lost(const struct connect_exchange *x, int error, struct error *err)
{
	struct diagnosis d = diagnosis_for(x);
	if (error && error != ECONNRESET)
		error_set(err, 0, "%s", strerror(error));
	else if (is_socks(x))
		error_set(err, 0, "it ended the connection without an answer");
	else
		diagnosis_of_bytes(&d, buf_head(&x->in), buf_len(&x->in), HTTP1_MORE, err);
	blame_proxy(x, err);
}
