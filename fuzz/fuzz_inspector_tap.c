/* SPDX-License-Identifier: MIT */
/*
 * The inspector's tap on any bytes of both directions, cut anywhere, in memory of exactly their size. What is
 * claimed: how they are cut changes nothing of what is captured; what is kept is no more than what passed; and
 * at the end nothing is under way, and no block is lost.
 */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "client/inspector/capture_view.h"
#include "client/inspector/curl_text.h"
#include "client/inspector/inspector_tap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

#define MEMORY (512 * 1024)

static struct loop *loop;

static void give(struct inspector_tap *t, bool request, const uint8_t *p, size_t n, size_t step)
{
	for (size_t at = 0; at < n; at += step) {
		size_t m = MIN(step, n - at);
		uint8_t *piece = malloc(m);
		CLAIM(piece);
		memcpy(piece, p + at, m);
		(request ? t->tap.wrote : t->tap.read)(&t->tap, piece, m);
		free(piece);
	}
}

/* Runs of both directions in turn: a byte says whose, and how many follow. */
static void pass(struct inspector *in, const uint8_t *data, size_t size, size_t step)
{
	struct capture_facts facts = {.service = 1};
	struct inspector_tap *t = inspector_tap_new(in, &facts);
	CLAIM(t);
	while (size) {
		bool request = data[0] & 0x80;
		size_t n = MIN((size_t)(data[0] & 0x7f) * 8, size - 1);
		data++;
		size--;
		give(t, request, data, n, step);
		data += n;
		size -= n;
	}
	t->tap.read(&t->tap, data, 0);
	inspector_tap_free(t);
}

static void check(struct inspector *in)
{
	list_for_each (it, &in->all) {
		const struct capture *c = list_entry(it, struct capture, all);
		struct capture_view v;
		struct buf out = BUF_NULL;
		CLAIM(c->state != CAPTURE_OPEN && list_linked(&c->old));
		CLAIM(capture_kept(&c->request) <= c->request.body);
		CLAIM(capture_kept(&c->answer) <= c->answer.body);
		CLAIM(capture_view_init(&v, in, c, false) == 0);
		CLAIM(!c->request.head || v.request.text);
		CLAIM(!c->answer.head || v.answer.text);
		CLAIM(curl_text(&v, &out) == 0);
		buf_deinit(&out);
		capture_view_deinit(&v);
	}
}

static bool gave_up(const struct inspector *in)
{
	list_for_each (it, &in->all)
		if (list_entry(it, struct capture, all)->state == CAPTURE_RAW)
			return true;
	return false;
}

/* What is wrong with a line shows later in pieces (fuzz_http1.c), so there both may tell another story. */
static void compare(struct inspector *a, struct inspector *b)
{
	struct list *at = a->all.next, *bt = b->all.next;
	if (gave_up(a))
		return;
	for (; at != &a->all && bt != &b->all; at = at->next, bt = bt->next) {
		const struct capture *c = list_entry(at, struct capture, all);
		const struct capture *d = list_entry(bt, struct capture, all);
		CLAIM(c->state == d->state && c->status == d->status);
		CLAIM(c->websocket == d->websocket && c->request.head == d->request.head);
		CLAIM(c->answer.head == d->answer.head);
		CLAIM(strcmp(c->target, d->target) == 0 && strcmp(c->method, d->method) == 0);
		CLAIM(c->request.body == d->request.body && c->answer.body == d->answer.body);
	}
	CLAIM(at == &a->all && bt == &b->all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inspector whole, pieces;
	struct inspector_options o = {.size = MEMORY, .body_max = 300};
	if (size < 2)
		return 0;
	if (!loop)
		loop = loop_new();
	o.forget = data[0] & 1;
	size_t step = data[1] % 7 + 1;
	CLAIM(loop && inspector_init(&whole, loop, &o) == 0 &&
		inspector_init(&pieces, loop, &o) == 0);
	pass(&whole, data + 2, size - 2, SIZE_MAX);
	pass(&pieces, data + 2, size - 2, step);
	check(&whole);
	check(&pieces);
	compare(&whole, &pieces);
	inspector_clear(&whole);
	inspector_clear(&pieces);
	CLAIM(whole.pool.used == 0 && pieces.pool.used == 0);
	inspector_deinit(&whole);
	inspector_deinit(&pieces);
	return 0;
}
