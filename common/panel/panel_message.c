/* SPDX-License-Identifier: MIT */
#include "panel/panel_message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

const char *panel_topic_name(enum panel_topics topic)
{
	static const char *const names[PANEL_TOPICS] = {
		[PANEL_TICK] = "tick",
		[PANEL_SESSIONS] = "sessions",
		[PANEL_SERVICES] = "services",
		[PANEL_REQUESTS] = "requests",
	};
	return names[topic];
}

struct panel_message *panel_message_new(enum panel_topics topic, const char *text, size_t n)
{
	struct panel_message *m = text ? malloc(sizeof(*m) + n) : NULL;
	if (!m)
		return NULL;
	*m = (struct panel_message){.refs = 1, .topic = topic, .n = n};
	memcpy(m->text, text, n);
	return m;
}

void panel_message_unref(struct panel_message *m)
{
	if (m && --m->refs == 0)
		free(m);
}

/* ---- Batches ---- */

void panel_batch_deinit(struct panel_batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		panel_message_unref(b->v[i]);
	free(b->v);
	*b = (struct panel_batch){0};
}

static int append(struct buf *to, const char *text)
{
	return buf_append(to, text, strlen(text));
}

static int append_json(struct buf *to, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	int r = text ? append(to, text) : -ENOMEM;
	free(text);
	return r;
}

/* {"t":"sessions","items":[ */
static int begin(struct buf *to, const char *name)
{
	int r = append(to, "{\"t\":\"");
	r = r ? r : append(to, name);
	return r ? r : append(to, "\",\"items\":[");
}

/* ],"whole":true,"gone":[…]} */
static int end(struct buf *to, const struct panel_news *news, bool first)
{
	int r = append(to, first && news->whole ? "],\"whole\":true" : "]");
	if (!r && first && news->gone && json_array_size(news->gone)) {
		r = append(to, ",\"gone\":");
		r = r ? r : append_json(to, news->gone);
	}
	return r ? r : append(to, "}");
}

static int add(struct panel_batch *b, struct panel_message *m)
{
	struct panel_message **v =
		m ? realloc(b->v, (b->n + 1) * sizeof(struct panel_message *)) : NULL;
	if (!v) {
		panel_message_unref(m);
		return -ENOMEM;
	}
	b->v = v;
	b->v[b->n++] = m;
	return 0;
}

/* One message, of the items from `*at` on. */
static int make_one(struct panel_batch *b, enum panel_topics topic, const struct panel_news *news,
	size_t *at)
{
	struct buf text = BUF_NULL;
	size_t first = *at, n = json_array_size(news->items);
	int r = begin(&text, panel_topic_name(topic));
	while (!r && *at < n && buf_len(&text) < PANEL_MESSAGE_MAX) {
		r = *at > first ? append(&text, ",") : 0;
		r = r ? r : append_json(&text, json_array_get(news->items, (*at)++));
	}
	r = r ? r : end(&text, news, first == 0);
	if (!r)
		r = add(b, panel_message_new(topic, (const char *)buf_head(&text), buf_len(&text)));
	if (!r)
		b->v[b->n - 1]->items = (unsigned)(*at - first);
	buf_deinit(&text);
	return r;
}

int panel_batch_make(struct panel_batch *b, enum panel_topics topic, const struct panel_news *news)
{
	size_t at = 0;
	int r;
	do
		r = make_one(b, topic, news, &at);
	while (!r && at < json_array_size(news->items));
	if (r)
		panel_batch_deinit(b);
	return r;
}
