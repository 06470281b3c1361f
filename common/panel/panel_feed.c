/* SPDX-License-Identifier: MIT */
/*
 * The live feed on the panel's thread: asks the owner for what somebody has subscribed to, and writes to each page
 * what waits for it as its socket takes it. With no page there is no timer.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "panel/panel_internal.h"
#include "panel/panel_reader.h"

/* How often requests are asked for, and the other topics, in µs. */
#define REQUESTS_EVERY (100 * LWS_US_PER_MS)
#define OTHERS_EVERY   LWS_US_PER_SEC

_Static_assert(LWS_PRE <= PANEL_MESSAGE_ROOM,
	"libwebsockets writes its frame's head before the text");

/* ---- Asking ---- */

static void ask(struct panel *p, enum panel_topics topic)
{
	const char *resource = p->owner.topics[topic];
	struct panel_request *rq =
		resource && !p->feed_asked[topic] ? calloc(1, sizeof(*rq)) : NULL;
	if (!rq)
		return;
	list_init(&rq->link);
	rq->who = PANEL_FEED;
	rq->topic = topic;
	rq->target = panel_live_target(&p->live, topic, resource);
	if (!rq->target) {
		panel_request_free(rq);
		return;
	}
	p->feed_asked[topic] = true;
	p->owner.ask(p->owner.arg, rq);
}

static void turn(lws_sorted_usec_list_t *sul)
{
	struct panel *p = lws_container_of(sul, struct panel, feed);
	unsigned wanted = panel_live_wanted(&p->live);
	lws_usec_t now = lws_now_usecs();
	bool others = now >= p->feed_due;
	panel_live_forget(&p->live, ~wanted);
	if (others)
		p->feed_due = now + OTHERS_EVERY;
	for (unsigned t = 0; t < PANEL_TOPICS; t++)
		if (wanted & 1u << t && (others || t == PANEL_REQUESTS))
			ask(p, t);
	if (wanted)
		lws_sul_schedule(p->context, 0, &p->feed, turn,
			wanted & 1u << PANEL_REQUESTS ? REQUESTS_EVERY : OTHERS_EVERY);
}

/* Somebody wants something else now, and need not wait for the next second. */
static void wake(struct panel *p)
{
	p->feed_due = 0;
	lws_sul_schedule(p->context, 0, &p->feed, turn, 1);
}

void panel_feed_answered(struct panel *p, struct panel_request *rq)
{
	p->feed_asked[rq->topic] = false;
	if (rq->status == 200 && rq->answer)
		panel_live_take(&p->live, rq->topic, rq->answer, rq->answer_size);
	panel_request_free(rq);
	list_for_each (it, &p->watching.list) {
		struct panel_conn *c = list_entry(it, struct panel_conn, link);
		if (panel_reader_has(&c->reader))
			lws_callback_on_writable(c->wsi);
	}
}

/* ---- One page ---- */

void panel_feed_begin(struct panel_conn *c)
{
	panel_room_enter(c, &c->panel->watching);
	panel_reader_init(&c->reader, &c->panel->live);
}

static int end(struct panel_conn *c, enum lws_close_status status, const char *why)
{
	lws_close_reason(c->wsi, status, (unsigned char *)(uintptr_t)why, strlen(why));
	return -1;
}

/* Whoever came by a cookie hears nothing more, once that is good no more: his page asks for the token. */
static bool is_over(const struct panel_conn *c)
{
	return c->session && !panel_login_lasts(&c->panel->login, c->session, clock_now());
}

static int end_over(struct panel_conn *c)
{
	return end(c, (enum lws_close_status)PANEL_FEED_SIGNED_OUT, "the login has ended");
}

void panel_feed_end(struct panel *p, uint64_t session)
{
	list_for_each (it, &p->watching.list) {
		struct panel_conn *c = list_entry(it, struct panel_conn, link);
		if (session && c->session == session)
			lws_callback_on_writable(c->wsi);
	}
}

static int hear(struct panel_conn *c, const void *part, size_t n)
{
	if (is_over(c))
		return end_over(c);
	if (lws_frame_is_binary(c->wsi))
		return end(c, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, "only text is spoken here");
	if (buf_len(&c->body) + n > PANEL_WORDS_MAX)
		return end(c, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "a message may have 4 KiB");
	if (buf_append(&c->body, part, n) < 0)
		return -1;
	if (!lws_is_final_fragment(c->wsi) || lws_remaining_packet_payload(c->wsi) > 0)
		return 0;
	unsigned before = panel_live_wanted(&c->panel->live), stale = c->reader.stale;
	int r = panel_reader_hear(&c->reader,
		(struct str){(const char *)buf_head(&c->body), buf_len(&c->body)});
	buf_consume(&c->body, buf_len(&c->body));
	if (r < 0)
		return end(c, LWS_CLOSE_STATUS_POLICY_VIOLATION, "this message is not known here");
	if (panel_live_wanted(&c->panel->live) & ~before || c->reader.stale & ~stale)
		wake(c->panel);
	if (panel_reader_has(&c->reader))
		lws_callback_on_writable(c->wsi);
	return 0;
}

static int tell(struct panel_conn *c)
{
	if (is_over(c))
		return end_over(c);
	struct panel_message *m = panel_reader_next(&c->reader);
	if (!m)
		return 0;
	int r = lws_write(c->wsi, (unsigned char *)m->text, m->n, LWS_WRITE_TEXT);
	panel_message_unref(m);
	if (panel_reader_has(&c->reader))
		lws_callback_on_writable(c->wsi);
	return r < 0 ? -1 : 0;
}

int panel_feed_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
	size_t n)
{
	struct panel_conn *c = lws_get_opaque_user_data(wsi);
	switch ((int)reason) { /* there are a hundred others */
	case LWS_CALLBACK_ESTABLISHED:
		lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
		lws_callback_on_writable(wsi);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		return hear(c, in, n);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return tell(c);
	default:
		return 0;
	}
}
