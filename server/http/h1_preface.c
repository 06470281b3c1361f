/* SPDX-License-Identifier: MIT */
/*
 * HTTP/2 without TLS, by prior knowledge (RFC 9113, 3.3): its first line is one of HTTP/1, of a version that is not
 * served. It counts as the first bytes of a connection alone. Behind a request it could be another visitor's, whom
 * a proxy has let onto the connection, and would make all that follow one of his.
 */
#include <string.h>

#include "server/http/h1_conn.h"
#include "server/http/h2_conn.h"

bool h1_conn_was_http2(struct h1_conn *c, const uint8_t *p, size_t n)
{
	struct worker *w = c->worker;
	const size_t preface = sizeof(H2_PREFACE) - 1;
	if (w->opts->http2 != SERVER_HTTP2_ON || c->served || c->conn.tls ||
		!c->downstream.listener.visits || n < preface ||
		memcmp(p, H2_PREFACE, preface) != 0)
		return false;
	struct accepted_conn a = {
		.listener = c->downstream.listener,
		.peer = c->downstream.peer,
		.local = c->downstream.local,
		.connection = c->downstream.connection,
	};
	if (buf_append(&a.early, p, n) < 0) {
		h1_conn_close(c, true);
		return true;
	}
	a.detached = conn_detach(&c->conn);
	h1_conn_close(c, false);
	h2_conn_enter(w, &a);
	return true;
}
