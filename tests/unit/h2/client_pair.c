/* SPDX-License-Identifier: MIT */
#include "client_pair.h"

void pair_say(struct buf *to, const char *fmt, ...)
{
	char *line;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&line, fmt, ap);
	va_end(ap);
	assert_true(n >= 0);
	assert_int_equal(buf_append(to, line, (size_t)n), 0);
	free(line);
}

const char *pair_text(struct buf *b)
{
	assert_int_equal(buf_append(b, "", 1), 0);
	b->end--;
	return (const char *)buf_head(b);
}

/* ---- The server's owner ---- */

static struct pair *pair_of(struct h2 *h)
{
	return container_of(h, struct pair, server);
}

static struct h2_stream *request(struct h2 *h, const struct h2_message *m)
{
	struct pair *p = pair_of(h);
	assert_true(p->n_streams < STREAMS);
	struct h2_stream *s = &p->streams[p->n_streams++];
	h2_stream_begin(s, h, m->id);
	pair_say(&p->heard, "[%.*s]", STR_ARG(m->text));
	return s;
}

static void data(struct h2_stream *s, const uint8_t *p, size_t n)
{
	assert_int_equal(buf_append(&pair_of(s->h2)->heard, p, n), 0);
	if (pair_of(s->h2)->taking)
		h2_consume(s, n);
}

static void end(struct h2_stream *s, struct str trailers)
{
	pair_say(&pair_of(s->h2)->heard, "[end %.*s]", STR_ARG(trailers));
}

static void closed(struct h2_stream *s)
{
	pair_say(&pair_of(s->h2)->heard, "[closed %u]", s->code);
}

static const struct h2_ops ops = {.request = request, .data = data, .end = end, .closed = closed};

void pair_answer(struct pair *p, const char *head, bool last)
{
	char copy[512];
	size_t n = strlen(head);
	assert_true(n < sizeof(copy));
	memcpy(copy, head, n);
	assert_int_equal(h2_answer(&p->streams[p->n_streams - 1], (uint8_t *)copy, n, last), 0);
}

void pair_pass(struct pair *p, const char *body)
{
	struct h2_stream *s = &p->streams[p->n_streams - 1];
	assert_int_equal(h2_pass(s, (const uint8_t *)body, strlen(body)), 0);
}

void pair_finish(struct pair *p, const char *trailers)
{
	assert_int_equal(h2_end(&p->streams[p->n_streams - 1], str_from(trailers)), 0);
}

/* ---- Both ---- */

void pair_init(struct pair *p)
{
	*p = (struct pair){.step = SIZE_MAX, .greedy = true, .taking = true};
	assert_int_equal(h2_client_init(&p->client, LIMIT), 0);
	assert_int_equal(h2_init(&p->server, &ops, LIMIT), 0);
}

void pair_deinit(struct pair *p)
{
	for (unsigned i = 0; i < p->n_streams; i++)
		h2_stream_forget(&p->streams[i]);
	h2_client_deinit(&p->client);
	h2_deinit(&p->server);
	assert_int_equal(p->client.h2.memory + p->server.memory, 0);
	buf_deinit(&p->heard);
	buf_deinit(&p->answer);
}

void pair_take(struct pair *p, size_t n)
{
	struct buf *from = &p->client.answer;
	n = MIN(n, buf_len(from));
	assert_int_equal(buf_append(&p->answer, buf_head(from), n), 0);
	buf_consume(from, n);
	h2_client_taken(&p->client, buf_len(from), 0);
}

static bool move_to_server(struct pair *p)
{
	struct buf *out = &p->client.h2.out;
	assert_int_equal(h2_client_output(&p->client), 0);
	size_t n = MIN(p->step, buf_len(out));
	if (n) {
		assert_int_equal(h2_input(&p->server, buf_head(out), n, 0), 0);
		buf_consume(out, n);
	}
	return n > 0;
}

bool pair_to_client(struct pair *p)
{
	struct buf *out = &p->server.out;
	assert_int_equal(h2_output(&p->server), 0);
	while (h2_ready(&p->server))
		;
	size_t n = MIN(p->step, buf_len(out));
	if (n) {
		h2_client_input(&p->client, buf_head(out), n, 0);
		buf_consume(out, n);
	}
	if (p->greedy)
		pair_take(p, SIZE_MAX);
	return n > 0;
}

void pair_talk(struct pair *p)
{
	bool more = true;
	while (more) {
		more = move_to_server(p);
		more |= pair_to_client(p);
	}
}

size_t pair_ask_in(struct pair *p, const char *request_text, size_t n, size_t step)
{
	size_t at = 0;
	while (at < n && h2_client_hungry(&p->client)) {
		char piece[16384];
		size_t part = MIN(MIN(step, n - at), sizeof(piece));
		memcpy(piece, request_text + at, part);
		assert_int_equal(h2_client_ask(&p->client, (uint8_t *)piece, part), 0);
		at += part;
	}
	return at;
}

void pair_ask(struct pair *p, const char *request_text)
{
	size_t n = strlen(request_text);
	h2_client_begin(&p->client, STR("http"));
	assert_int_equal(pair_ask_in(p, request_text, n, SIZE_MAX), n);
	pair_talk(p);
}

void pair_expect(struct pair *p, enum h2_client_outcome outcome, const char *response)
{
	assert_int_equal(h2_client_outcome(&p->client), outcome);
	assert_string_equal(pair_text(&p->answer), response);
	buf_deinit(&p->answer);
}
