/* SPDX-License-Identifier: MIT */
#include "tests/unit/client/inspector/captures.h"

void captures_begin(struct captures *s, struct inspector_options o)
{
	*s = (struct captures){.loop = loop_new(), .mask = {0}};
	assert_non_null(s->loop);
	if (!o.size)
		o.size = CAPTURES_SIZE;
	if (!o.body_max)
		o.body_max = 4096;
	assert_int_equal(inspector_init(&s->in, s->loop, &o), 0);
}

void captures_end(struct captures *s)
{
	inspector_clear(&s->in);
	inspector_deinit(&s->in);
	loop_free(s->loop);
}

struct inspector_tap *tap_begin(struct captures *s)
{
	struct capture_facts facts = {.service = 1, .opened = 1000, .dialled = 2000};
	struct inspector_tap *t = inspector_tap_new(&s->in, &facts);
	assert_non_null(t);
	return t;
}

/* Each piece in memory of its own, so that nothing beyond it is read unseen. */
static void give(struct inspector_tap *t, void (*to)(struct relay_tap *, const uint8_t *, size_t),
	const char *text, size_t step)
{
	for (size_t n = strlen(text), at = 0; at < n; at += step) {
		size_t m = MIN(step, n - at);
		uint8_t *piece = malloc(m);
		assert_non_null(piece);
		memcpy(piece, text + at, m);
		to(&t->tap, piece, m);
		free(piece);
	}
}

void tap_asks(struct inspector_tap *t, const char *text, size_t step)
{
	give(t, t->tap.wrote, text, step);
}

void tap_answers(struct inspector_tap *t, const char *text, size_t step)
{
	give(t, t->tap.read, text, step);
}

void exchange(struct captures *s, const char *request, const char *answer)
{
	struct inspector_tap *t = tap_begin(s);
	tap_asks(t, request, SIZE_MAX);
	tap_answers(t, answer, SIZE_MAX);
	inspector_tap_free(t);
}

struct capture *newest(struct captures *s, size_t n)
{
	struct list *it = s->in.all.prev;
	while (n-- && it != &s->in.all)
		it = it->prev;
	assert_true(it != &s->in.all);
	return list_entry(it, struct capture, all);
}

void assert_body(struct captures *s, const struct capture_message *m, const char *text)
{
	char got[8192];
	size_t n = capture_kept(m);
	assert_true(n < sizeof(got));
	capture_text_copy(&m->text, &s->in.pool, m->head, n, got);
	got[n] = '\0';
	assert_string_equal(got, text);
}

const char *text_of(struct buf *b)
{
	assert_int_equal(buf_append(b, "", 1), 0);
	return (const char *)buf_head(b);
}
