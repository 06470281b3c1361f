/* SPDX-License-Identifier: MIT */
#include "client/inspector/inspector_tap.h"

#include <stdlib.h>

#include "base/macros.h"

static struct inspector_tap *tap_of(struct relay_tap *tap)
{
	return container_of(tap, struct inspector_tap, tap);
}

static void tap_set_state(struct inspector_tap *t, enum inspector_tap_state state)
{
	t->state = state;
}

/* What is under way has no end that anybody will see. */
static void let_go(struct inspector_tap *t)
{
	/* A connection that has switched protocols ends as these like. */
	if (t->state == INSPECTOR_TAP_COUNTS)
		inspector_end(t->in, t->answer.capture, CAPTURE_DONE, NULL);
	for (unsigned i = 0; i < t->n_asked; i++)
		inspector_end(t->in, t->asked[i].capture, CAPTURE_CUT, NULL);
	t->n_asked = 0;
	/* Answered before it was sent as a whole. */
	inspector_end(t->in, t->request.capture,
		t->request.capture && t->request.capture->answer.whole ? CAPTURE_DONE : CAPTURE_CUT,
		NULL);
	t->request.capture = t->answer.capture = NULL;
	buf_deinit(&t->request.head);
	buf_deinit(&t->answer.head);
	tap_set_state(t, INSPECTOR_TAP_GONE);
}

/* ---- Bodies ---- */

static void body_begins(struct inspector_reader *r, const struct http1_head *h, struct capture *c,
	bool padded)
{
	r->body = h->body;
	r->left = h->length;
	r->capture = c;
	http1_chunks_init(&r->chunks);
	r->chunks.data_only = true;
	r->chunks.padded = padded;
}

static void body_ends(struct inspector_tap *t, enum capture_side side)
{
	struct inspector_reader *r = side == CAPTURE_REQUEST ? &t->request : &t->answer;
	struct capture *c = r->capture;
	r->body = HTTP1_BODY_NONE;
	r->capture = NULL;
	if (side == CAPTURE_ANSWER) {
		t->n_asked--;
		memmove(t->asked, t->asked + 1, t->n_asked * sizeof(t->asked[0]));
	}
	inspector_whole(t->in, c, side);
}

/* Bytes used, all of them unless the body ends; -1: it cannot be read. */
static ssize_t read_chunks(struct inspector_tap *t, enum capture_side side, const uint8_t *p,
	size_t n)
{
	struct inspector_reader *r = side == CAPTURE_REQUEST ? &t->request : &t->answer;
	size_t at = 0;
	while (at < n) {
		size_t used;
		struct str run;
		int result = http1_chunks_next(&r->chunks, p + at, n - at, &used, &run);
		if (result > HTTP1_MORE)
			return -1;
		if (run.n)
			inspector_body(t->in, r->capture, side, (const uint8_t *)run.p, run.n);
		at += used;
		if (result == HTTP1_OK) {
			body_ends(t, side);
			break;
		}
	}
	return (ssize_t)at;
}

static ssize_t read_body(struct inspector_tap *t, enum capture_side side, const uint8_t *p,
	size_t n)
{
	struct inspector_reader *r = side == CAPTURE_REQUEST ? &t->request : &t->answer;
	if (r->body == HTTP1_BODY_CHUNKED)
		return read_chunks(t, side, p, n);
	if (r->body == HTTP1_BODY_LENGTH)
		n = MIN(n, r->left);
	inspector_body(t->in, r->capture, side, p, n);
	if (r->body == HTTP1_BODY_LENGTH && !(r->left -= n))
		body_ends(t, side);
	return (ssize_t)n;
}

/* ---- Heads ---- */

/*
 * Bytes used of those at `p`; 0: more are needed, and these are kept; -1: it cannot be read. `head_out` is
 * where the head that in->head is of lies: at `p`, or in the reader.
 */
static ssize_t read_head(struct inspector_tap *t, enum capture_side side, const uint8_t *p,
	size_t n, const uint8_t **head_out)
{
	bool request = side == CAPTURE_REQUEST;
	struct inspector_reader *r = request ? &t->request : &t->answer;
	struct inspector *in = t->in;
	size_t before = buf_len(&r->head), all = n;
	if (!r->first)
		r->first = loop_now(in->loop);
	if (before) {
		if (buf_append(&r->head, p, n) < 0)
			return -1;
		p = buf_head(&r->head);
		all = before + n;
	}
	int result = request ? http1_parse_request(&in->head, p, all, CAPTURE_HEAD_MAX, &r->scanned)
			     : http1_parse_response(&in->head, p, all, CAPTURE_HEAD_MAX,
				       t->asked[0].method, &r->scanned);
	if (result > HTTP1_MORE)
		return -1;
	if (result == HTTP1_MORE)
		return before || buf_append(&r->head, p, n) == 0 ? 0 : -1;
	*head_out = p;
	return (ssize_t)(in->head.size - before);
}

static void head_is_done(struct inspector_reader *r)
{
	buf_consume(&r->head, buf_len(&r->head));
	r->scanned = 0;
	r->first = 0;
}

static ssize_t read_request_head(struct inspector_tap *t, const uint8_t *p, size_t n)
{
	struct inspector_reader *r = &t->request;
	const uint8_t *at;
	if (t->n_asked == INSPECTOR_TAP_AHEAD_MAX)
		return -1;
	ssize_t used = read_head(t, CAPTURE_REQUEST, p, n, &at);
	if (used <= 0)
		return used < 0 ? -1 : (ssize_t)n;
	struct capture *c = inspector_begin(t->in, &t->facts, at, r->first);
	const struct http1_head *h = &t->in->head;
	t->asked[t->n_asked].capture = c;
	t->asked[t->n_asked++].method = h->method;
	/* Later requests of this connection did not wait for it. */
	t->facts.opened = t->facts.dialled = 0;
	body_begins(r, h, c, false);
	head_is_done(r);
	if (r->body == HTTP1_BODY_NONE)
		body_ends(t, CAPTURE_REQUEST);
	return used;
}

static void switch_protocols(struct inspector_tap *t)
{
	struct capture *c = t->asked[0].capture;
	if (c)
		c->websocket = true;
	t->answer.capture = c;
	tap_set_state(t, INSPECTOR_TAP_COUNTS);
}

static ssize_t read_answer_head(struct inspector_tap *t, const uint8_t *p, size_t n)
{
	struct inspector_reader *r = &t->answer;
	const uint8_t *at;
	if (!t->n_asked)
		return -1;
	ssize_t used = read_head(t, CAPTURE_ANSWER, p, n, &at);
	if (used <= 0)
		return used < 0 ? -1 : (ssize_t)n;
	const struct http1_head *h = &t->in->head;
	bool interim = h->status < 200 && h->status != 101;
	if (!interim) {
		inspector_answered(t->in, t->asked[0].capture, at, r->first);
		body_begins(r, h, t->asked[0].capture, true);
		if (h->status == 101)
			switch_protocols(t);
	}
	head_is_done(r);
	if (!interim && r->body == HTTP1_BODY_NONE && t->state == INSPECTOR_TAP_READS)
		body_ends(t, CAPTURE_ANSWER);
	return used;
}

/* ---- The connection ---- */

/* Shown as it came: what of it was kept for the parser, and these bytes. */
static void give_up(struct inspector_tap *t, enum capture_side side, const uint8_t *p, size_t n)
{
	struct inspector *in = t->in;
	struct capture *c = t->n_asked ? t->asked[0].capture : NULL;
	const struct buf *head = side == CAPTURE_REQUEST ? &t->request.head : &t->answer.head;
	if (!c || side == CAPTURE_REQUEST)
		c = inspector_begin_raw(in, &t->facts);
	/* Of a head that began before, the bytes were appended to it already. */
	if (buf_len(head)) {
		p = buf_head(head);
		n = buf_len(head);
	}
	/* Where it has no fields that could be told apart, any of it may be a secret. */
	if (in->forget)
		inspector_count(in, c, side, n);
	else
		inspector_body(in, c, side, p, n);
	inspector_end(in, c, CAPTURE_RAW, NULL);
	let_go(t);
}

static void read_along(struct inspector_tap *t, enum capture_side side, const uint8_t *p, size_t n)
{
	const struct inspector_reader *r = side == CAPTURE_REQUEST ? &t->request : &t->answer;
	while (n && t->state == INSPECTOR_TAP_READS) {
		ssize_t used = r->body != HTTP1_BODY_NONE ? read_body(t, side, p, n)
			       : side == CAPTURE_REQUEST  ? read_request_head(t, p, n)
							  : read_answer_head(t, p, n);
		if (used < 0) {
			give_up(t, side, p, n);
			return;
		}
		p += used;
		n -= (size_t)used;
	}
	if (n && t->state == INSPECTOR_TAP_COUNTS)
		inspector_count(t->in, t->answer.capture, side, n);
}

static void tap_wrote(struct relay_tap *tap, const uint8_t *p, size_t n)
{
	read_along(tap_of(tap), CAPTURE_REQUEST, p, n);
}

static void tap_read(struct relay_tap *tap, const uint8_t *p, size_t n)
{
	struct inspector_tap *t = tap_of(tap);
	if (n) {
		read_along(t, CAPTURE_ANSWER, p, n);
		return;
	}
	if (t->state == INSPECTOR_TAP_COUNTS)
		let_go(t);
	else if (t->state == INSPECTOR_TAP_READS && t->answer.body == HTTP1_BODY_UNTIL_CLOSE)
		body_ends(t, CAPTURE_ANSWER);
}

struct inspector_tap *inspector_tap_new(struct inspector *in, const struct capture_facts *facts)
{
	struct inspector_tap *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->tap = (struct relay_tap){.wrote = tap_wrote, .read = tap_read};
	t->in = in;
	t->facts = *facts;
	return t;
}

bool inspector_tap_waits(const struct inspector_tap *t)
{
	return t->state == INSPECTOR_TAP_READS && t->n_asked;
}

struct inspector_tap *inspector_tap_free(struct inspector_tap *t)
{
	if (!t)
		return NULL;
	let_go(t);
	free(t);
	return NULL;
}

static void see_unserved(void *arg, const uint8_t *p, size_t n)
{
	read_along(arg, CAPTURE_REQUEST, p, n);
}

void inspector_tap_failed(struct inspector *in, const struct capture_facts *facts,
	const struct stream *s, const char *why)
{
	struct inspector_tap *t = inspector_tap_new(in, facts);
	if (!t)
		return;
	stream_look(s, see_unserved, t);
	for (unsigned i = 0; i < t->n_asked; i++)
		inspector_end(in, t->asked[i].capture, CAPTURE_FAILED, why);
	inspector_tap_free(t);
}
