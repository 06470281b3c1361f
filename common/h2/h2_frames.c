/* SPDX-License-Identifier: MIT */
/*
 * Frames that nghttp2 leaves out without a word, though RFC 9113, 5.1 and 5.1.1, makes them errors of the
 * connection: DATA and HEADERS behind a stream's end, where it keeps no streams that are over, and HEADERS with an id
 * that was skipped. They are found by the frames' own heads, before it gets them.
 */
#include <errno.h>

#include "base/macros.h"
#include "h2/h2_internal.h"
#include "wire/bytes.h"

#define PREFACE 24 /* bytes (RFC 9113, 3.4) */

void h2_frames_init(struct h2_frames *f)
{
	*f = (struct h2_frames){.left = PREFACE, .unit = 1};
}

void h2_frames_ended(struct h2_frames *f, int32_t id)
{
	f->ended[f->n_ended++ % H2_ENDED] = id;
}

static bool was_ended(const struct h2_frames *f, int32_t id)
{
	for (unsigned i = 0; i < H2_ENDED; i++)
		if (f->ended[i] == id)
			return true;
	return false;
}

/* Ids that were in use are in no gap: trailers may come behind our reset. */
static bool was_skipped(const struct h2_frames *f, int32_t id)
{
	for (unsigned i = 0; i < MIN(f->n_gaps, H2_GAPS); i++)
		if (id >= f->gaps[i].from && id <= f->gaps[i].to)
			return true;
	return false;
}

/* A stream begins. */
static void note(struct h2_frames *f, int32_t id)
{
	int32_t expected = f->last_id ? f->last_id + 2 : 1;
	if (id > expected)
		f->gaps[f->n_gaps++ % H2_GAPS] = (struct h2_gap){expected, id - 2};
	f->last_id = id;
}

/* The head of a frame is whole. */
static void take_head(struct h2_frames *f)
{
	uint8_t type = f->head[3];
	f->n_head = 0;
	f->left = (uint32_t)f->head[0] << 16 | (uint32_t)f->head[1] << 8 | f->head[2];
	if (type == NGHTTP2_HEADERS || type == NGHTTP2_CONTINUATION)
		f->open = !(f->head[4] & NGHTTP2_FLAG_END_HEADERS);
}

unsigned h2_unfinished(const struct h2 *h)
{
	const struct h2_frames *f = &h->frames;
	bool whole = !f->n_head && !f->left && !f->open;
	bool data = !f->n_head && f->left && f->unit > 1 && f->head[3] == NGHTTP2_DATA;
	bool nothing = f->unit == 1 && f->left == PREFACE;
	return whole || data || nothing ? 0 : f->unit;
}

/* The next head of a frame that may be one of these; how many of the bytes were walked over. */
static size_t walk(struct h2_frames *f, const uint8_t *p, size_t n, int32_t *id_out,
	bool *headers_out)
{
	size_t at = 0;
	*id_out = 0;
	*headers_out = false;
	while (at < n && !*id_out) {
		if (f->left) {
			size_t step = MIN(f->left, n - at);
			f->left -= (uint32_t)step;
			at += step;
			continue;
		}
		if (!f->n_head && !f->open)
			f->unit++;
		f->head[f->n_head++] = p[at++];
		if (f->n_head < H2_FRAME_HEAD)
			continue;
		take_head(f);
		int32_t id = (int32_t)(bytes_be32(f->head + 5) & 0x7fffffff);
		*headers_out = f->head[3] == NGHTTP2_HEADERS;
		if (!(id & 1) || (!*headers_out && f->head[3] != NGHTTP2_DATA))
			continue;
		if (id <= f->last_id)
			*id_out = id;
		else if (*headers_out)
			note(f, id);
	}
	return at;
}

static int feed(struct h2 *h, const uint8_t *p, size_t n)
{
	h->busy = true;
	ssize_t used = n ? nghttp2_session_mem_recv(h->session, p, n) : 0;
	h->busy = false;
	if (used == NGHTTP2_ERR_NOMEM)
		return -ENOMEM;
	return used < 0 ? -EPROTO : 0;
}

int h2_input(struct h2 *h, const uint8_t *p, size_t n, uint64_t now)
{
	h->now = now;
	if (h->client)
		return feed(h, p, n);
	size_t fed = 0, at = 0;
	int r = 0;
	while (at < n && r == 0) {
		int32_t id;
		bool headers;
		at += walk(&h->frames, p + at, n - at, &id, &headers);
		if (!id)
			continue;
		/* What stands before it may end its stream. */
		size_t before = at > fed + H2_FRAME_HEAD ? at - H2_FRAME_HEAD - fed : 0;
		r = feed(h, p + fed, before);
		fed += before;
		if (was_ended(&h->frames, id))
			h2_goaway(h, H2_STREAM_CLOSED);
		else if (headers && was_skipped(&h->frames, id))
			h2_goaway(h, H2_PROTOCOL_ERROR);
	}
	return r ? r : feed(h, p + fed, n - fed);
}
