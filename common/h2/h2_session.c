/* SPDX-License-Identifier: MIT */
/* The connection as its streams and its owner use it. */
#include <errno.h>

#include "h2/h2_internal.h"

const char *h2_error_name(uint32_t code)
{
	return nghttp2_http2_strerror(code);
}

int h2_output(struct h2 *h)
{
	ssize_t n = 0;
	int r = 0;
	h->busy = true;
	while (r == 0) {
		const uint8_t *p;
		n = nghttp2_session_mem_send(h->session, &p);
		if (n <= 0)
			break;
		r = buf_append(&h->out, p, (size_t)n);
	}
	h->busy = false;
	if (n < 0)
		r = n == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
	return r;
}

struct h2_stream *h2_ready(struct h2 *h)
{
	if (list_empty(&h->ready))
		return NULL;
	struct h2_stream *s = list_entry(h->ready.next, struct h2_stream, ready);
	list_unlink(&s->ready);
	return s;
}

bool h2_alive(const struct h2 *h)
{
	return nghttp2_session_want_read(h->session) || nghttp2_session_want_write(h->session);
}

void h2_goaway(struct h2 *h, enum h2_error code)
{
	if (h->ending && code == H2_NO_ERROR)
		return;
	h->ending = true;
	if (code == H2_NO_ERROR)
		nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
			nghttp2_session_get_last_proc_stream_id(h->session), code, NULL, 0);
	else
		nghttp2_session_terminate_session(h->session, code);
}

size_t h2_memory(const struct h2 *h)
{
	return h->memory + h->out.cap + h2_head_memory(&h->head);
}
