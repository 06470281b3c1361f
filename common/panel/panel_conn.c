/* SPDX-License-Identifier: MIT */
/*
 * One connection: a request is read whole, asked of the owner, and answered; then the next one. While the owner is
 * asked nothing is read. While the answer is written it would be: a connection that does not read is not written
 * to either. What comes then waits in libwebsockets' own queue.
 */
#include <stdlib.h>
#include <string.h>

#include "base/state.h"
#include "panel/panel_internal.h"

static void set_state(struct panel_conn *c, enum panel_conn_state state)
{
	static const char *const names[] = {"head", "body", "asked", "answering", "closing"};
	static const uint8_t legal[] = {
		[PANEL_CONN_HEAD] =
			1 << PANEL_CONN_BODY | 1 << PANEL_CONN_ASKED | 1 << PANEL_CONN_ANSWERING,
		[PANEL_CONN_BODY] = 1 << PANEL_CONN_ASKED | 1 << PANEL_CONN_ANSWERING,
		[PANEL_CONN_ASKED] = 1 << PANEL_CONN_ANSWERING,
		[PANEL_CONN_ANSWERING] = 1 << PANEL_CONN_HEAD | 1 << PANEL_CONN_CLOSING,
		[PANEL_CONN_CLOSING] = 0,
	};
	static const struct state_table table = {"panel connection", names, legal};
	state_step(&table, c->state, state);
	c->state = state;
}

/* ---- Its life ---- */

/* It was used just now: others go before it where there are too many. */
static void touch(struct panel_conn *c)
{
	list_unlink(&c->link);
	list_append(&c->panel->conns, &c->link);
}

bool panel_conn_new(struct panel *p, struct lws *wsi, const struct panel_peer *peer, bool denied)
{
	struct panel_conn *c = calloc(1, sizeof(*c));
	if (!c)
		return false;
	c->panel = p;
	c->wsi = wsi;
	lws_set_opaque_user_data(wsi, c);
	c->peer = *peer;
	c->denied = denied;
	list_init(&c->link);
	list_append(&p->conns, &c->link);
	p->n_conns++;
	p->n_denied += denied;
	return true;
}

static void free_conn(struct panel_conn *c)
{
	lws_sul_cancel(&c->patience);
	panel_request_forget(c->request);
	list_unlink(&c->link);
	c->panel->n_conns--;
	c->panel->n_denied -= c->denied;
	if (c->body.data)
		explicit_bzero(c->body.data, c->body.cap);
	buf_deinit(&c->body);
	free(c);
}

/* ---- The answer ---- */

void panel_conn_answer(struct panel_conn *c)
{
	lws_sul_cancel(&c->patience);
	set_state(c, PANEL_CONN_ANSWERING);
	c->head_sent = false;
	c->sent = 0;
	/* Whoever does not take it in time has it no longer. */
	lws_set_timeout(c->wsi, PENDING_TIMEOUT_HTTP_CONTENT, PANEL_TIMEOUT);
	lws_rx_flow_control(c->wsi, 1);
	lws_callback_on_writable(c->wsi);
}

static int answer_problem(struct panel_conn *c, int status, const char *reason, const char *detail)
{
	panel_reply_problem(c->request, status, reason, detail);
	panel_conn_answer(c);
	return 0;
}

/* A request of ours in the place of the one that the owner still has. -1: memory is out. */
static int replace_request(struct panel_conn *c)
{
	panel_request_forget(c->request);
	c->request = calloc(1, sizeof(*c->request));
	if (!c->request)
		return -1;
	c->request->conn = c;
	list_init(&c->request->link);
	return 0;
}

static int answer_busy(struct panel_conn *c, const char *detail)
{
	c->request->retry_after = 1;
	return answer_problem(c, 503, "busy", detail);
}

static void patience_ends(lws_sorted_usec_list_t *sul)
{
	struct panel_conn *c = lws_container_of(sul, struct panel_conn, patience);
	if (replace_request(c) < 0)
		lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	else
		answer_busy(c, "the answer takes too long: ask again");
}

/* ---- The request ---- */

static void ask(struct panel_conn *c)
{
	struct panel *p = c->panel;
	lws_rx_flow_control(c->wsi, 0);
	lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
	if (p->n_asked >= PANEL_REQUESTS_MAX) {
		answer_busy(c, "too many requests are under way: ask again");
		return;
	}
	set_state(c, PANEL_CONN_ASKED);
	p->n_asked++;
	c->request->peer = c->peer;
	if (c->request->method == PANEL_GET)
		lws_sul_schedule(p->context, 0, &c->patience, patience_ends, PANEL_PATIENCE);
	p->options.owner.ask(p->options.owner.arg, c->request);
}

/* The body is whole: the request takes it. */
static void take_body(struct panel_conn *c)
{
	c->request->body_size = buf_len(&c->body);
	if (buf_append(&c->body, "", 1) < 0) {
		answer_busy(c, "out of memory");
		return;
	}
	c->request->body = (char *)c->body.data;
	c->body = BUF_NULL;
	ask(c);
}

/*
 * Whether this head was behind another request. libwebsockets has it in a queue then, and would read the body from
 * the queue's begin, which is the head itself: bytes of the one would be taken for the other, or it would never end.
 */
static bool was_behind(const struct panel_conn *c)
{
	return lws_service_adjust_timeout(c->panel->context, 1, 0) == 0;
}

/* At once, as nothing more may be read of it. */
static int refuse_behind(struct panel_conn *c)
{
	int r;
	c->last = true;
	c->head_sent = false;
	c->sent = 0;
	c->request->retry_after = 1;
	panel_reply_problem(c->request, 503, "busy",
		"a request with a body must not be sent before the answer to the one before it");
	do
		r = panel_reply_write(c);
	while (r == 0);
	return -1;
}

static int head(struct panel_conn *c)
{
	bool body;
	const char *why;
	touch(c);
	if (replace_request(c) < 0)
		return -1;
	int status = panel_head_read(c, &body, &why);
	if (c->bodied && was_behind(c))
		return refuse_behind(c);
	if (c->denied || status) {
		c->last = true;
		return c->denied ? answer_problem(c, 403, "denied",
					   "this user may not use the admin socket: root, the "
					   "server's user and its --admin-group may")
				 : answer_problem(c, status, status == 413 ? "limit" : "invalid",
					   why);
	}
	if (!body) {
		ask(c);
		return 0;
	}
	set_state(c, PANEL_CONN_BODY);
	if (lws_hdr_total_length(c->wsi, WSI_TOKEN_HTTP_EXPECT) > 0) {
		static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
		memcpy(c->panel->slice + LWS_PRE, go_on, sizeof(go_on));
		return lws_write(c->wsi, c->panel->slice + LWS_PRE, sizeof(go_on) - 1,
			       LWS_WRITE_HTTP_HEADERS) < 0
			       ? -1
			       : 0;
	}
	return 0;
}

/* The part of a body: 0, or the status of a problem. */
static int add_body(struct panel_conn *c, struct str part)
{
	if (buf_len(&c->body) + part.n > PANEL_BODY_MAX)
		return 413;
	return buf_append(&c->body, part.p, part.n) < 0 ? 503 : 0;
}

/* Likewise. `*end_out`: it was the last. */
static int add_chunks(struct panel_conn *c, const uint8_t *p, size_t n, bool *end_out)
{
	int r = HTTP1_MORE, status = 0;
	while (n && r == HTTP1_MORE && !status) {
		size_t used;
		struct str run;
		r = http1_chunks_next(&c->chunks, p, n, &used, &run);
		if (r != HTTP1_MORE && r != HTTP1_OK)
			return 400;
		status = add_body(c, run);
		p += used;
		n -= used;
	}
	*end_out = r == HTTP1_OK;
	return status;
}

static int body(struct panel_conn *c, const uint8_t *p, size_t n)
{
	/* Behind a problem, or behind the end of the chunks: libwebsockets takes it for more of the body. */
	if (c->state != PANEL_CONN_BODY)
		return 0;
	touch(c);
	bool end = false;
	int status = c->chunked ? add_chunks(c, p, n, &end)
				: add_body(c, (struct str){(const char *)p, n});
	if (status) {
		c->last = true;
		return answer_problem(c, status, status == 413 ? "limit" : "invalid",
			status == 413   ? "a body may have 1 MiB"
			: status == 503 ? "out of memory"
					: "the chunks of the body are malformed");
	}
	if (end)
		take_body(c);
	return 0;
}

static int writeable(struct panel_conn *c)
{
	if (c->state == PANEL_CONN_CLOSING)
		return -1;
	if (c->state != PANEL_CONN_ANSWERING)
		return 0;
	touch(c);
	int r = panel_reply_write(c);
	if (r < 0)
		return r;
	lws_set_timeout(c->wsi, PENDING_TIMEOUT_HTTP_CONTENT, PANEL_TIMEOUT);
	if (r == 0 || c->last) {
		if (r) {
			panel_request_forget(c->request);
			set_state(c, PANEL_CONN_CLOSING);
		}
		lws_callback_on_writable(c->wsi);
		return 0;
	}
	panel_request_forget(c->request);
	set_state(c, PANEL_CONN_HEAD);
	return lws_http_transaction_completed(c->wsi) ? -1 : 0;
}

int panel_conn_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
	size_t n)
{
	struct panel_conn *c = lws_get_opaque_user_data(wsi);
	if (!c)
		return 0;
	switch ((int)reason) { /* there are a hundred others */
	case LWS_CALLBACK_HTTP:
		return head(c);
	case LWS_CALLBACK_HTTP_BODY:
		return body(c, in, n);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		if (c->state == PANEL_CONN_BODY)
			take_body(c);
		return 0;
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return writeable(c);
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return -1; /* nothing else is spoken here */
	case LWS_CALLBACK_WSI_DESTROY:
		free_conn(c);
		return 0;
	default:
		return 0;
	}
}
