/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The live feed: what a page would be told if it asked every second, asked once for all pages and only while there are
 * some. A topic is a resource of the API. Of a list a reader is told what is new or another, and which are gone; of
 * the tick the newest. What a reader does not take is replaced or left out, so it costs no more than its queue, and
 * what it takes next is true again.
 *
 * It knows no sockets: texts in, texts out. docs/live.md has them.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "base/str.h"
#include "panel/panel_message.h"

/* Bytes of a message from a page. */
#define PANEL_WORDS_MAX (4u << 10)

/* Bytes that wait for one reader; a list as a whole, which may be longer, is told when nothing waits. */
#define PANEL_QUEUE_MAX (256u << 10)

/* Messages that wait for one reader. */
#define PANEL_QUEUE_MESSAGES 64

struct panel_live {
	const char *side, *version;
	struct list readers; /* of struct panel_reader */
	json_t *items
		[PANEL_TOPICS]; /* of a list: id -> item, as it was last; NULL: not asked yet */
	char *after;            /* the id of the newest request; NULL: there was none */
};

/* Which requests a reader wants: all, while it is empty. */
struct panel_filter {
	char host[254];
	char status[4]; /* "404" or "4xx" */
};

struct panel_reader {
	struct list link;
	struct panel_live *live; /* NULL: not begun */
	unsigned subscribed;     /* bits by enum panel_topics */
	unsigned stale;          /* lists that it has to be told as a whole */
	bool paused;             /* no requests */
	bool hello_due, pong_due;
	struct panel_filter filter;
	unsigned skipped; /* requests that it was not told of */
	struct panel_message *tick;
	struct panel_message **queue;
	size_t n, size, bytes;
};

/* All texts are constants. */
void panel_live_init(struct panel_live *l, const char *side, const char *version);
void panel_live_deinit(struct panel_live *l);

/* The topics that somebody has subscribed to: bits. */
unsigned panel_live_wanted(const struct panel_live *l);

/* What is to be asked for a topic, which the caller frees; NULL: memory is out. */
char *panel_live_target(const struct panel_live *l, enum panel_topics topic, const char *resource);

/* What was answered with 200: every reader that wants it gets its part. */
void panel_live_take(struct panel_live *l, enum panel_topics topic, const char *text, size_t n);

/* What is not wanted is not remembered: who wants it next is told what is new from then on. */
void panel_live_forget(struct panel_live *l, unsigned topics);
