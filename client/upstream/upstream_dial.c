/* SPDX-License-Identifier: MIT */
#include "client/upstream/upstream_dial.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"
#include "client/upstream/dial_failure.h"
#include "net/tls_handshake.h"
#include "wire/proxy_protocol.h"

struct upstream_handshake {
	struct tls_handshake tls;
	struct upstream_dial *dial;
};

static enum frame_reset reset_reason(const struct dial *dial)
{
	switch (dial->outcome) {
	case DIAL_REFUSED:
		return FRAME_RESET_REFUSED;
	case DIAL_UNREACHABLE:
		return FRAME_RESET_UNREACHABLE;
	case DIAL_NO_ADDRESS:
		return FRAME_RESET_DNS;
	case DIAL_TIMED_OUT:
		return FRAME_RESET_DIAL_TIMEOUT;
	case DIAL_FAILED:
	case DIAL_CONNECTED:
		break;
	}
	return FRAME_RESET_BUSY; /* descriptors or memory of ours */
}

/* ---- The PROXY header ---- */

/* A fresh socket takes so few bytes at once, or is broken. */
static bool send_proxy_header(const struct upstream_dial *d, int fd)
{
	uint8_t header[PROXY_HEADER_MAX];
	struct address visitor = frame_addr_address(&d->open->visitor);
	struct address local = frame_addr_address(&d->open->local);
	size_t n = 0;
	switch (d->pub->upstream.proxy_protocol) {
	case UPSTREAM_PROXY_OFF:
		return true;
	case UPSTREAM_PROXY_V1:
		n = proxy_header_write_v1(header, &visitor, &local);
		break;
	case UPSTREAM_PROXY_V2:
		n = proxy_header_write_v2(header,
			&(struct proxy_header_facts){.visitor = &visitor,
				.local = &local,
				.tls = (enum frame_tls)d->open->tls,
				.alpn = publication_alpn(d->pub, d->open->alpn),
				.link = d->open->link,
				.consumer = d->open->consumer});
		break;
	}
	return send(fd, header, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n;
}

/* ---- TLS ---- */

static void describe_failure(const struct upstream_dial *d, const struct tls_handshake *tls,
	const char *why, struct error *out)
{
	char authority[URL_AUTHORITY_SIZE];
	url_authority(&d->pub->upstream.url, authority);
	error_set(out, 0, "%s", why);
	if (tls->misnamed)
		error_set(out, 0,
			"%s: name one of them with --upstream-host, or take any "
			"(--upstream-insecure)",
			why);
	else if (tls->distrusted)
		error_set(out, 0, "%s (see --upstream-ca and --upstream-insecure)", why);
	else if (tls->foreign)
		error_set(out, 0, "%s: write %s://%s", why,
			d->pub->upstream.url.h2 ? "h2c" : "http", authority);
}

/* HTTP/1.1 would read the preface as a request. */
static bool agreed_on_h2(const struct upstream_dial *d, const struct detached_conn *detached)
{
	return !d->pub->upstream.url.h2 || str_eq(tls_alpn(detached->tls), STR("h2"));
}

static void handshake_done(struct tls_handshake *tls, struct detached_conn detached,
	const char *why)
{
	struct upstream_handshake *h = container_of(tls, struct upstream_handshake, tls);
	struct upstream_dial *d = h->dial;
	struct error err;
	if (detached.fd < 0) {
		describe_failure(d, tls, why, &err);
	} else if (!agreed_on_h2(d, &detached)) {
		char authority[URL_AUTHORITY_SIZE];
		url_authority(&d->pub->upstream.url, authority);
		error_set(&err, 0, "it does not choose HTTP/2 by ALPN: write https://%s",
			authority);
		detached_conn_close(&detached);
	}
	d->handshake = NULL;
	free(h);
	if (detached.fd < 0)
		d->failed(d, FRAME_RESET_TLS, err.text);
	else
		d->connected(d, detached);
}

static void start_tls(struct upstream_dial *d, int fd)
{
	struct tls *tls = tls_connect(d->pub->tls, d->pub->server,
		d->pub->upstream.url.h2 ? TLS_OFFER_HTTP2 : TLS_OFFER_HTTP1);
	d->handshake = tls ? calloc(1, sizeof(*d->handshake)) : NULL;
	if (!d->handshake) {
		tls_free(tls);
		close(fd);
		d->failed(d, FRAME_RESET_NO_MEMORY, "out of memory");
		return;
	}
	d->handshake->dial = d;
	tls_handshake_start(&d->handshake->tls, d->loop, fd, tls, d->deadline, handshake_done);
}

/* ---- The socket ---- */

static void dialled(struct dial *dial, int fd)
{
	struct upstream_dial *d = container_of(dial, struct upstream_dial, dial);
	const struct url *url = &d->pub->upstream.url;
	struct error err;
	if (fd < 0) {
		if (url->scheme == URL_UNIX || url->scheme == URL_FILE)
			error_set(&err, 0, "%s", dial->reason);
		else
			dial_failure_describe(dial, url->host, "the service", &err);
		d->failed(d, reset_reason(dial), err.text);
	} else if (!send_proxy_header(d, fd)) {
		close(fd);
		d->failed(d, FRAME_RESET_ABORTED, "it does not take the PROXY header");
	} else if (d->pub->tls) {
		start_tls(d, fd);
	} else {
		d->connected(d, DETACHED_CONN_OF(fd));
	}
}

static void open_folder(struct upstream_dial *d)
{
	int fd = file_server_connect(d->files, d->pub->folder, d->connection);
	bool ours = fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM;
	enum dial_outcome outcome = fd >= 0 ? DIAL_CONNECTED : ours ? DIAL_FAILED : DIAL_REFUSED;
	dial_start_with(&d->dial, d->loop, fd, outcome, fd < 0 ? file_server_reason(fd) : "",
		dialled);
}

void upstream_dial_start(struct upstream_dial *d)
{
	const struct url *url = &d->pub->upstream.url;
	struct dial_sources sources =
		upstream_private_sources(&d->pub->upstream.private, d->open->link);
	char host[URL_DIAL_SIZE];
	if (url->scheme == URL_FILE)
		open_folder(d);
	else if (url->scheme == URL_UNIX)
		dial_start_unix(&d->dial, d->loop, url->socket, d->deadline, dialled);
	else
		dial_start_from(&d->dial, d->loop, d->resolver, url_dial_host(url, host),
			publication_port(d->pub, d->open->service), &sources, d->deadline, dialled);
}

void upstream_dial_cancel(struct upstream_dial *d)
{
	dial_cancel(&d->dial);
	if (d->handshake)
		tls_handshake_cancel(&d->handshake->tls);
	free(d->handshake);
	d->handshake = NULL;
}
