/* SPDX-License-Identifier: MIT */
/*
 * One connection: a request is read whole, asked of the owner, and answered; then the next one. While the owner is
 * asked nothing is read. While the answer is written it would be: a connection that does not read is not written
 * to either. What comes then waits in libwebsockets' own queue.
 */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/state.h"
#include "panel/panel_internal.h"

static void set_state(struct panel_conn *c, enum panel_conn_state state)
{
	static const char *const names[] = {"head", "body", "asked", "answering", "closing",
		"live"};
	static const uint8_t legal[] = {
		[PANEL_CONN_HEAD] = 1 << PANEL_CONN_BODY | 1 << PANEL_CONN_ASKED |
				    1 << PANEL_CONN_ANSWERING | 1 << PANEL_CONN_LIVE,
		[PANEL_CONN_BODY] = 1 << PANEL_CONN_ASKED | 1 << PANEL_CONN_ANSWERING,
		[PANEL_CONN_ASKED] = 1 << PANEL_CONN_ANSWERING,
		[PANEL_CONN_ANSWERING] = 1 << PANEL_CONN_HEAD | 1 << PANEL_CONN_CLOSING,
		[PANEL_CONN_CLOSING] = 0,
		[PANEL_CONN_LIVE] = 0,
	};
	static const struct state_table table = {"panel connection", names, legal};
	state_step(&table, c->state, state);
	c->state = state;
}

/* ---- Its life ---- */

/* It was used just now: others go before it where there are too many. */
static void touch(struct panel_conn *c)
{
	panel_room_enter(c, c->among);
}

struct panel_conn *panel_conn_new(struct panel *p, struct lws *wsi, struct panel_conns *among)
{
	struct panel_conn *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->panel = p;
	c->wsi = wsi;
	lws_set_opaque_user_data(wsi, c);
	list_init(&c->link);
	panel_room_enter(c, among);
	return c;
}

static void free_conn(struct panel_conn *c)
{
	lws_sul_cancel(&c->patience);
	panel_request_forget(c->request);
	panel_reader_deinit(&c->reader);
	list_unlink(&c->link);
	c->among->n--;
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

static int answer_refusal(struct panel_conn *c, const struct panel_refusal *refusal)
{
	/* Nothing that comes behind it is read. */
	c->last = true;
	c->request->retry_after = refusal->retry_after;
	return answer_problem(c, refusal->status, refusal->reason, refusal->detail);
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

static void ask_owner(struct panel_conn *c)
{
	struct panel *p = c->panel;
	bool open = c->request->who == PANEL_OPEN;
	if (p->n_asked >= PANEL_REQUESTS_MAX || (open && p->n_open >= PANEL_REQUESTS_OPEN_MAX)) {
		answer_busy(c, "too many requests are under way: ask again");
		return;
	}
	set_state(c, PANEL_CONN_ASKED);
	p->n_asked++;
	p->n_open += open;
	c->request->peer = c->peer;
	c->request->from = c->from;
	if (c->request->method == PANEL_GET)
		lws_sul_schedule(p->context, 0, &c->patience, patience_ends, PANEL_PATIENCE);
	p->owner.ask(p->owner.arg, c->request);
}

/* The request is whole. */
static void ask(struct panel_conn *c)
{
	lws_rx_flow_control(c->wsi, 0);
	lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
	if (c->service == PANEL_BY_OWNER) {
		ask_owner(c);
		return;
	}
	if (c->service == PANEL_BY_LOGIN)
		panel_guard_login(c);
	panel_conn_answer(c);
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

/* Who waits with a body until it is wanted hears so. */
static int expect(struct panel_conn *c)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	if (lws_hdr_total_length(c->wsi, WSI_TOKEN_HTTP_EXPECT) <= 0)
		return 0;
	memcpy(c->panel->slice + LWS_PRE, go_on, sizeof(go_on));
	int r = lws_write(c->wsi, c->panel->slice + LWS_PRE, sizeof(go_on) - 1,
		LWS_WRITE_HTTP_HEADERS);
	return r < 0 ? -1 : 0;
}

/* Bytes of others that wait in libwebsockets' queues count no more, or again. */
static void hold_others(const struct panel_conn *c, bool hold)
{
	struct panel *p = c->panel;
	const struct panel_conns *const kinds[] = {&p->members, &p->denied, &p->strangers,
		&p->known, &p->watching};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		list_for_each (it, &kinds[i]->list) {
			const struct panel_conn *other = list_entry(it, struct panel_conn, link);
			if (other != c && other->state != PANEL_CONN_ASKED)
				lws_rx_flow_control(other->wsi, !hold);
		}
}

/*
 * Whether this head was behind another request. libwebsockets has it in a queue then, and would read the body from
 * the queue's begin, which is the head itself: bytes of the one would be taken for the other, or it would never end.
 * It says of all connections together whether such bytes wait.
 */
static bool was_behind(const struct panel_conn *c)
{
	if (!c->used || lws_service_adjust_timeout(c->panel->context, 1, 0) != 0)
		return false;
	hold_others(c, true);
	bool behind = lws_service_adjust_timeout(c->panel->context, 1, 0) == 0;
	hold_others(c, false);
	return behind;
}

/* At once, as nothing more may be read of it. */
static int refuse_now(struct panel_conn *c, const struct panel_refusal *refusal)
{
	int r;
	c->last = true;
	c->head_sent = false;
	c->sent = 0;
	c->request->retry_after = refusal->retry_after;
	panel_reply_problem(c->request, refusal->status, refusal->reason, refusal->detail);
	do
		r = panel_reply_write(c);
	while (r == 0);
	return -1;
}

/* Reads the head, and whether it may be asked: all zero, it may. -1: memory is out. */
static int read_head(struct panel_conn *c, bool *body_out, struct panel_refusal *out,
	void (*check)(struct panel_conn *, struct panel_refusal *))
{
	const char *why;
	touch(c);
	if (replace_request(c) < 0)
		return -1;
	c->service = PANEL_BY_OWNER;
	c->file = NULL;
	int status = panel_head_read(c, body_out, &why);
	*out = (struct panel_refusal){status, status == 413 ? "limit" : "invalid", why, 0};
	if (c->among == &c->panel->denied)
		*out = (struct panel_refusal){403, "denied",
			"this user may not use the admin socket: root, the server's user and its "
			"--admin-group may",
			0};
	else if (!status)
		check(c, out);
	return 0;
}

static int head(struct panel_conn *c)
{
	static const struct panel_refusal behind = {503, "busy",
		"a request with a body must not be sent before the answer to the one before it", 1};
	bool body;
	struct panel_refusal refusal;
	if (read_head(c, &body, &refusal, panel_guard_check) < 0)
		return -1;
	if (c->bodied && was_behind(c))
		return refuse_now(c, &behind);
	c->used = true;
	if (refusal.status)
		return answer_refusal(c, &refusal);
	if (!body) {
		ask(c);
		return 0;
	}
	set_state(c, PANEL_CONN_BODY);
	return expect(c);
}

/* What is to become something else. Of another protocol than WebSocket, the fields may be gone by now. */
static int upgrade(struct panel_conn *c)
{
	char protocol[16];
	bool body;
	struct panel_refusal refusal;
	if (c->state != PANEL_CONN_HEAD ||
		!panel_head_field(c->wsi, WSI_TOKEN_UPGRADE, protocol, sizeof(protocol)) ||
		strcasecmp(protocol, "websocket") != 0 ||
		read_head(c, &body, &refusal, panel_guard_check_live) < 0)
		return -1;
	if (refusal.status)
		return refuse_now(c, &refusal);
	panel_request_forget(c->request);
	set_state(c, PANEL_CONN_LIVE);
	panel_feed_begin(c);
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
		return upgrade(c);
	case LWS_CALLBACK_RAW_ADOPT:
		return -1; /* CONNECT: it would be no HTTP from here on, and had for ever */
	case LWS_CALLBACK_WSI_DESTROY:
		free_conn(c);
		return 0;
	default:
		return 0;
	}
}
