/* SPDX-License-Identifier: MIT */
#include "client/inspector/inspector.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/macros.h"

static_assert(sizeof(struct capture) <= CAPTURE_BLOCK, "a capture is in a block of its own");

/* A client that starts again goes on behind its last ids, unless it had so many a second: for who asks on. */
#define IDS_A_SECOND 1000

static uint64_t wall_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * CLOCK_S + (uint64_t)ts.tv_nsec / 1000;
}

int inspector_init(struct inspector *in, struct loop *loop, const struct inspector_options *o)
{
	*in = (struct inspector){
		.loop = loop,
		.body_max = o->body_max,
		.mask = {.more = o->mask},
		.forget = o->forget,
		.newest = wall_now() / CLOCK_S * IDS_A_SECOND,
	};
	list_init(&in->all);
	list_init(&in->old);
	int r = http1_head_init(&in->head, HTTP1_FIELDS_DEFAULT);
	if (r == 0)
		r = capture_pool_init(&in->pool, o->size);
	if (r < 0)
		inspector_deinit(in);
	return r;
}

void inspector_deinit(struct inspector *in)
{
	capture_pool_deinit(&in->pool);
	http1_head_deinit(&in->head);
	*in = (struct inspector){0};
}

/* ---- Room ---- */

static size_t blocks_of(const struct capture *c)
{
	const struct capture_text none = {0};
	return 1 + capture_text_needs(&none, c->request.text.n) +
	       capture_text_needs(&none, c->answer.text.n);
}

static void may_go(struct inspector *in, struct capture *c)
{
	c->blocks = blocks_of(c);
	in->old_blocks += c->blocks;
	list_append(&in->old, &c->old);
}

static void may_not_go(struct inspector *in, struct capture *c)
{
	if (!list_linked(&c->old))
		return;
	in->old_blocks -= c->blocks;
	list_unlink(&c->old);
}

static void capture_free(struct inspector *in, struct capture *c)
{
	list_unlink(&c->all);
	may_not_go(in, c);
	capture_text_clear(&c->request.text, &in->pool);
	capture_text_clear(&c->answer.text, &in->pool);
	in->n--;
	capture_pool_give(&in->pool, c);
}

/* The oldest give way, where that is enough to have `blocks` more within so many eighths of the memory. */
static bool make_room(struct inspector *in, size_t blocks, size_t share)
{
	size_t staying = in->pool.used - in->old_blocks;
	if (staying + blocks > in->pool.n - in->pool.n / 8 * (8 - share))
		return false;
	while (!capture_pool_has(&in->pool, blocks))
		capture_free(in, list_entry(in->old.next, struct capture, old));
	return true;
}

/* As much as there is room for, else it is marked. */
static void keep(struct inspector *in, struct capture_message *m, const void *p, size_t n,
	size_t share)
{
	if (m->full)
		return;
	m->full = !make_room(in, capture_text_needs(&m->text, n), share);
	if (!m->full)
		capture_text_append(&m->text, &in->pool, p, n);
}

static struct capture *capture_new(struct inspector *in, const struct capture_facts *facts)
{
	if (!make_room(in, 1, 8)) {
		in->skipped++;
		return NULL;
	}
	struct capture *c = capture_pool_take(&in->pool);
	*c = (struct capture){
		.id = ++in->newest,
		.replay_of = facts->replay_of,
		.service = facts->service,
		.visitor = facts->visitor,
		.opened = facts->opened,
		.dialled = facts->dialled,
		.forgotten = in->forget,
		.at = wall_now(),
	};
	list_init(&c->old);
	list_init(&c->all);
	list_append(&in->all, &c->all);
	in->n++;
	in->captured++;
	return c;
}

static void tell(struct inspector *in, struct capture *c)
{
	if (in->changed)
		in->changed(in, c);
}

/* ---- Heads ---- */

/* The head without its secrets, as it is shown later; what stands before the fields is `line`. */
static int forget(const struct inspector *in, struct str line, const struct http1_head *h,
	struct buf *out)
{
	struct secret_mask mask = in->mask;
	mask.forgotten = true;
	int r = secret_mask_link(&mask, line, out);
	for (size_t i = 0; i < h->n_fields && r == 0; i++) {
		const struct http1_field *f = &h->fields[i];
		r = buf_append(out, f->name.p, f->name.n);
		if (r == 0)
			r = buf_append(out, ": ", 2);
		if (r == 0)
			r = secret_mask_field(&mask, f->name, f->value, out);
		if (r == 0)
			r = buf_append(out, "\r\n", 2);
	}
	return r ? r : buf_append(out, "\r\n", 2);
}

static void keep_head(struct inspector *in, struct capture_message *m, const uint8_t *p)
{
	const struct http1_head *h = &in->head;
	struct buf bare = BUF_NULL;
	const void *from = p;
	size_t n = h->size;
	if (in->forget) {
		struct str line = {(const char *)p,
			(size_t)(h->fields[0].name.p - (const char *)p)};
		m->full = forget(in, line, h, &bare) < 0;
		from = buf_head(&bare);
		n = buf_len(&bare);
	}
	keep(in, m, from, n, INSPECTOR_HEADS_SHARE);
	m->head = m->text.n;
	buf_deinit(&bare);
}

static void show(char *to, size_t size, struct str text)
{
	size_t n = MIN(text.n, size - 1);
	memcpy(to, text.p, n);
	to[n] = '\0';
}

static void show_target(const struct inspector *in, struct capture *c, struct str target)
{
	struct buf hidden = BUF_NULL;
	bool plain = !memchr(target.p, '=', target.n);
	if (!plain && secret_mask_link(&in->mask, target, &hidden) == 0)
		target = (struct str){(const char *)buf_head(&hidden), buf_len(&hidden)};
	else if (!plain)
		target = STR("?");
	show(c->target, sizeof(c->target), target);
	buf_deinit(&hidden);
}

/* The one that was asked for: --upstream-host may have put another in its place. */
static struct str host_of(const struct http1_head *h)
{
	const struct http1_field *asked = http1_find(h, HTTP1_X_FORWARDED_HOST);
	return asked && asked->value.n ? asked->value : http1_host(h);
}

struct capture *inspector_begin(struct inspector *in, const struct capture_facts *facts,
	const uint8_t *p, uint64_t first)
{
	const struct http1_head *h = &in->head;
	struct capture *c = capture_new(in, facts);
	if (!c)
		return NULL;
	c->request.first = first;
	c->request.last = loop_now(in->loop);
	show(c->method, sizeof(c->method), h->method_name);
	show(c->host, sizeof(c->host), host_of(h));
	show_target(in, c, h->target);
	keep_head(in, &c->request, p);
	tell(in, c);
	return c;
}

struct capture *inspector_begin_raw(struct inspector *in, const struct capture_facts *facts)
{
	struct capture *c = capture_new(in, facts);
	if (c)
		c->request.first = c->request.last = loop_now(in->loop);
	return c;
}

void inspector_answered(struct inspector *in, struct capture *c, const uint8_t *p, uint64_t first)
{
	if (!c)
		return;
	c->status = in->head.status;
	c->answer.first = first;
	c->answer.last = loop_now(in->loop);
	keep_head(in, &c->answer, p);
	tell(in, c);
}

/* ---- Bodies ---- */

void inspector_count(struct inspector *in, struct capture *c, enum capture_side side, size_t n)
{
	if (!c)
		return;
	struct capture_message *m = capture_message(c, side);
	m->body += n;
	m->last = loop_now(in->loop);
	if (!m->first)
		m->first = m->last;
}

void inspector_body(struct inspector *in, struct capture *c, enum capture_side side,
	const uint8_t *p, size_t n)
{
	if (!c)
		return;
	struct capture_message *m = capture_message(c, side);
	inspector_count(in, c, side, n);
	size_t kept = capture_kept(m);
	if (kept < in->body_max)
		keep(in, m, p, MIN(n, in->body_max - kept), INSPECTOR_BODIES_SHARE);
}

void inspector_whole(struct inspector *in, struct capture *c, enum capture_side side)
{
	if (!c)
		return;
	struct capture_message *m = capture_message(c, side);
	m->whole = true;
	if (c->request.whole && c->answer.whole)
		inspector_end(in, c, CAPTURE_DONE, NULL);
}

/* Of one that a visitor sent, and that could be read. */
static void show_to_reader(const struct capture *c)
{
	uint64_t from = c->request.first, to = MAX(c->answer.last, c->request.last);
	if (log_has_reader() && *c->method && !c->replay_of)
		log_shown_request(c->method, c->target, c->status, to > from ? to - from : 0);
}

void inspector_end(struct inspector *in, struct capture *c, enum capture_state state,
	const char *why)
{
	if (!c || c->state != CAPTURE_OPEN)
		return;
	c->state = state;
	if (why)
		snprintf(c->why, sizeof(c->why), "%s", why);
	if (!c->pinned)
		may_go(in, c);
	show_to_reader(c);
	tell(in, c);
}

/* ---- Looking ---- */

struct capture *inspector_find(const struct inspector *in, uint64_t id)
{
	/* Mostly one of the newest is looked at. */
	for (struct list *it = in->all.prev; it != &in->all; it = it->prev) {
		struct capture *c = list_entry(it, struct capture, all);
		if (c->id == id)
			return c;
		if (c->id < id)
			return NULL;
	}
	return NULL;
}

bool inspector_pin(struct inspector *in, struct capture *c, bool pinned)
{
	if (pinned == c->pinned)
		return true;
	if (pinned && in->pinned == INSPECTOR_PINNED_MAX)
		return false;
	c->pinned = pinned;
	in->pinned = pinned ? in->pinned + 1 : in->pinned - 1;
	if (pinned)
		may_not_go(in, c);
	else if (c->state != CAPTURE_OPEN)
		may_go(in, c);
	return true;
}

void inspector_clear(struct inspector *in)
{
	while (!list_empty(&in->old))
		capture_free(in, list_entry(in->old.next, struct capture, old));
}
