/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A capture as it may be shown: both heads, parsed, with their secrets hidden unless they were asked for. This
 * is the one way by which anything of a head leaves the inspector: lists, entries, HAR, curl.
 */
#include "base/buf.h"
#include "client/inspector/inspector.h"

struct capture_view_message {
	const struct capture_message *m;
	uint8_t *text;       /* the head as it is kept; owned; NULL: there is none to show */
	struct http1_head h; /* looks into it */
};

struct capture_view {
	const struct inspector *in;
	const struct capture *c;
	struct secret_mask mask;
	bool reveal;
	struct capture_view_message request, answer;
};

/* Until the loop's turn is over. 0 or -ENOMEM; capture_view_deinit() in any case. */
int capture_view_init(struct capture_view *v, const struct inspector *in, const struct capture *c,
	bool reveal);
void capture_view_deinit(struct capture_view *v);

/* Append to `out`: a field's value; the request's target; its whole URL, as its visitor wrote it or would have. */
int capture_view_field(const struct capture_view *v, const struct http1_field *f, struct buf *out);
int capture_view_target(const struct capture_view *v, struct buf *out);
int capture_view_url(const struct capture_view *v, struct buf *out);

/* The value of the first field of that name, or empty; not of a secret one. */
struct str capture_view_find(const struct capture_view_message *m, struct str name);

/* Whether that body may be shown: what could not be read as HTTP may have a head's secrets in it. */
bool capture_view_may_show(const struct capture_view *v, const struct capture_view_message *m);

/* Appends the body as far as it is kept, and nothing of one that may not be shown. */
int capture_view_body(const struct capture_view *v, const struct capture_view_message *m,
	struct buf *out);

/* Why it cannot be sent again as it was, as the rest of a sentence that begins with it; NULL: it can. */
const char *capture_not_replayable(const struct capture *c);
