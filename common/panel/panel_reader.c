/* SPDX-License-Identifier: MIT */
#include "panel/panel_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/macros.h"

#define LISTS (1u << PANEL_SESSIONS | 1u << PANEL_SERVICES)

void panel_reader_init(struct panel_reader *r, struct panel_live *l)
{
	*r = (struct panel_reader){.live = l, .hello_due = true};
	list_init(&r->link);
	list_append(&l->readers, &r->link);
}

void panel_reader_deinit(struct panel_reader *r)
{
	if (!r->live)
		return;
	list_unlink(&r->link);
	panel_message_unref(r->tick);
	for (size_t i = 0; i < r->n; i++)
		panel_message_unref(r->queue[i]);
	free(r->queue);
	*r = (struct panel_reader){0};
}

bool panel_reader_wants(const struct panel_reader *r, enum panel_topics topic)
{
	return r->subscribed & 1u << topic && !(topic == PANEL_REQUESTS && r->paused);
}

/* ---- What a page says ---- */

static int hear_topics(struct panel_reader *r, const json_t *list)
{
	unsigned subscribed = 0;
	size_t i;
	json_t *item;
	if (!json_is_array(list))
		return -EINVAL;
	json_array_foreach(list, i, item)
	{
		unsigned t = 0;
		while (t < PANEL_TOPICS && !str_same(panel_topic_name(t), json_string_value(item)))
			t++;
		if (t == PANEL_TOPICS)
			return -EINVAL;
		subscribed |= 1u << t;
	}
	r->stale = (r->stale | ~r->subscribed) & subscribed & LISTS;
	r->subscribed = subscribed;
	return 0;
}

/* A text of the filter; "": it is not there. False: it is none, or too long. */
static bool read_text(const json_t *filter, const char *name, char *to, size_t size)
{
	const json_t *value = json_object_get(filter, name);
	const char *text = value ? json_string_value(value) : "";
	return text && (size_t)snprintf(to, size, "%s", text) < size;
}

static int hear_filter(struct panel_reader *r, const json_t *filter)
{
	struct panel_filter f;
	if (!json_is_object(filter) || !read_text(filter, "host", f.host, sizeof(f.host)) ||
		!read_text(filter, "status", f.status, sizeof(f.status)))
		return -EINVAL;
	r->filter = f;
	return 0;
}

static int hear_member(struct panel_reader *r, const char *name, const json_t *value)
{
	if (strcmp(name, "subscribe") == 0)
		return hear_topics(r, value);
	if (strcmp(name, "filter") == 0)
		return hear_filter(r, value);
	if (strcmp(name, "pause") == 0 && json_is_boolean(value)) {
		r->paused = json_is_true(value);
		return 0;
	}
	if (strcmp(name, "ping") == 0) {
		r->pong_due = true;
		return 0;
	}
	return -EINVAL;
}

int panel_reader_hear(struct panel_reader *r, struct str text)
{
	json_t *words = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL), *value;
	const char *name;
	int result = json_is_object(words) ? 0 : -EINVAL;
	json_object_foreach(words, name, value) result =
		result ? result : hear_member(r, name, value);
	json_decref(words);
	return result;
}

/* ---- What waits for it ---- */

static bool push(struct panel_reader *r, struct panel_message *m)
{
	if (r->n == r->size) {
		size_t size = MAX(r->size * 2, (size_t)8);
		struct panel_message **queue = realloc(r->queue, size * sizeof(*queue));
		if (!queue)
			return false;
		r->queue = queue;
		r->size = size;
	}
	m->refs++;
	r->queue[r->n++] = m;
	r->bytes += m->n;
	return true;
}

static bool has_room(const struct panel_reader *r, const struct panel_message *m)
{
	return r->n < PANEL_QUEUE_MESSAGES && r->bytes + m->n <= PANEL_QUEUE_MAX;
}

void panel_reader_tick(struct panel_reader *r, struct panel_message *m)
{
	if (!m || !panel_reader_wants(r, PANEL_TICK))
		return;
	panel_message_unref(r->tick);
	m->refs++;
	r->tick = m;
}

void panel_reader_list(struct panel_reader *r, enum panel_topics topic,
	const struct panel_batch *whole, const struct panel_batch *news)
{
	unsigned bit = 1u << topic;
	bool all = r->stale & bit;
	if (!panel_reader_wants(r, topic) || (all && r->n))
		return;
	const struct panel_batch *b = all ? whole : news;
	/* Memory was out: it is told later. */
	r->stale = all && !b->n ? r->stale : r->stale & ~bit;
	for (size_t i = 0; i < b->n && !(r->stale & bit); i++)
		if (!(all || has_room(r, b->v[i])) || !push(r, b->v[i]))
			r->stale |= bit;
}

static bool matches(const struct panel_filter *f, const json_t *item)
{
	char status[16];
	const char *host = json_string_value(json_object_get(item, "host"));
	snprintf(status, sizeof(status), "%d",
		(int)json_integer_value(json_object_get(item, "status")));
	if (*f->host && (!host || strcasecmp(f->host, host) != 0))
		return false;
	for (size_t i = 0; f->status[i]; i++)
		if (f->status[i] != 'x' && f->status[i] != status[i])
			return false;
	return true;
}

void panel_reader_requests(struct panel_reader *r, const json_t *items)
{
	struct panel_batch b = {0};
	json_t *wanted = json_array(), *item;
	size_t i;
	if (panel_reader_wants(r, PANEL_REQUESTS))
		json_array_foreach(items, i, item) if (matches(&r->filter, item))
			json_array_append(wanted, item);
	if (json_array_size(wanted) &&
		panel_batch_make(&b, PANEL_REQUESTS, &(struct panel_news){.items = wanted}) < 0)
		r->skipped += (unsigned)json_array_size(wanted);
	for (size_t k = 0; k < b.n; k++)
		if (!has_room(r, b.v[k]) || !push(r, b.v[k]))
			r->skipped += b.v[k]->items;
	panel_batch_deinit(&b);
	json_decref(wanted);
}

/* ---- What goes next ---- */

bool panel_reader_has(const struct panel_reader *r)
{
	return r->hello_due || r->pong_due || r->n || r->skipped || r->tick;
}

static struct panel_message *format_hello(const struct panel_reader *r)
{
	char now[32], text[256];
	time_t t = time(NULL);
	struct tm tm;
	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	int n = snprintf(text, sizeof(text),
		"{\"t\":\"hello\",\"side\":\"%s\",\"version\":\"%s\",\"now\":\"%s\"}",
		r->live->side, r->live->version, now);
	return panel_message_new(PANEL_TOPICS, text, (size_t)n);
}

static struct panel_message *shift(struct panel_reader *r)
{
	struct panel_message *m = r->queue[0];
	memmove(r->queue, r->queue + 1, --r->n * sizeof(struct panel_message *));
	r->bytes -= m->n;
	return m;
}

struct panel_message *panel_reader_next(struct panel_reader *r)
{
	static const char pong[] = "{\"t\":\"pong\",\"pong\":1}";
	char text[64];
	struct panel_message *m = NULL;
	if (r->hello_due) {
		r->hello_due = false;
		m = format_hello(r);
	} else if (r->pong_due) {
		r->pong_due = false;
		m = panel_message_new(PANEL_TOPICS, pong, sizeof(pong) - 1);
	} else if (r->n) {
		m = shift(r);
	} else if (r->skipped) {
		int n = snprintf(text, sizeof(text), "{\"t\":\"skipped\",\"requests\":%u}",
			r->skipped);
		r->skipped = 0;
		m = panel_message_new(PANEL_TOPICS, text, (size_t)n);
	} else {
		m = r->tick;
		r->tick = NULL;
	}
	return m;
}
