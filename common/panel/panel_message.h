/* SPDX-License-Identifier: MIT */
#pragma once
/* Texts of the live feed: one for any number of readers. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "panel/panel_topic.h"

/* Bytes of a message to a page: it ends behind the item that passes them. */
#define PANEL_MESSAGE_MAX (60u << 10)

const char *panel_topic_name(enum panel_topics topic);

/* Bytes in front of a text, for those who write it with something in front. */
#define PANEL_MESSAGE_ROOM 32

struct panel_message {
	unsigned refs;
	unsigned items;
	enum panel_topics topic; /* PANEL_TOPICS: of none */
	size_t n;
	char room[PANEL_MESSAGE_ROOM];
	char text[];
};

/* With one reference; NULL: memory is out, also when `text` is NULL. */
struct panel_message *panel_message_new(enum panel_topics topic, const char *text, size_t n);
void panel_message_unref(struct panel_message *m); /* accepts NULL */

/* Several that belong together. All zero is none. */
struct panel_batch {
	struct panel_message **v;
	size_t n;
};

/* What is told of a list. */
struct panel_news {
	const json_t *items; /* an array */
	const json_t *gone;  /* of ids; NULL: none */
	bool whole;          /* what was told before is to be forgotten */
};

/* As many messages as it takes: each ends behind the item that passes PANEL_MESSAGE_MAX. 0 or -ENOMEM. */
int panel_batch_make(struct panel_batch *b, enum panel_topics topic, const struct panel_news *news);
void panel_batch_deinit(struct panel_batch *b);
