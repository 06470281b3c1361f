/* SPDX-License-Identifier: MIT */
#include "config/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"

struct reading {
	struct list link;
	const struct config *config;
	struct config *own; /* the same; NULL: the first, which is not ours */
	void *opts;
	bool checked;
};

struct reloader {
	const struct reload_side *side;
	struct list readings;
};

/* An option that differs, until it is certain that there will be a change to tell of. */
struct change {
	struct list link;
	const struct option_row *row;
	char *was, *is;
};

static struct reading *reading_new(struct reloader *r)
{
	struct reading *reading = calloc(1, sizeof *reading);
	if (!reading)
		return NULL;
	list_init(&reading->link);
	list_append(&r->readings, &reading->link);
	return reading;
}

static void reading_free(struct reloader *r, struct reading *reading)
{
	list_unlink(&reading->link);
	if (reading->checked)
		r->side->deinit(reading->opts);
	if (reading->own) {
		config_free(reading->own);
		free(reading->opts);
	}
	free(reading);
}

static struct reading *find(struct reloader *r, const void *opts)
{
	list_for_each (it, &r->readings) {
		struct reading *reading = list_entry(it, struct reading, link);
		if (reading->opts == opts)
			return reading;
	}
	return NULL;
}

struct reloader *reloader_new(const struct reload_side *side, const struct config *first,
	void *opts)
{
	struct reloader *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->side = side;
	list_init(&r->readings);
	struct reading *reading = reading_new(r);
	if (!reading)
		return reloader_end(r);
	reading->config = first;
	reading->opts = opts;
	return r;
}

struct reloader *reloader_end(struct reloader *r)
{
	if (!r)
		return NULL;
	list_for_each_safe (it, &r->readings)
		reading_free(r, list_entry(it, struct reading, link));
	free(r);
	return NULL;
}

/* One that there is no memory for goes untold. */
static void remember(void *arg, const struct option_row *row, const char *was, const char *is)
{
	struct list *changes = arg;
	struct change *c = calloc(1, sizeof *c);
	if (!c)
		return;
	*c = (struct change){.row = row, .was = strdup(was), .is = strdup(is)};
	list_init(&c->link);
	list_append(changes, &c->link);
}

static void forget(struct list *changes)
{
	list_for_each_safe (it, changes) {
		struct change *c = list_entry(it, struct change, link);
		list_unlink(it);
		free(c->was);
		free(c->is);
		free(c);
	}
}

static int check(struct reloader *r, struct reading *reading, struct error *err)
{
	if (reading->checked)
		r->side->deinit(reading->opts);
	reading->checked = true;
	return r->side->check(reading->opts, err);
}

/*
 * Compared as they are after the check, which fills in what others depend on; and checked once more
 * with what stays, which is not the same as each of the two alone.
 */
static int load(struct reloader *r, const struct reading *running, struct reading *reading,
	struct list *changes, struct error *err)
{
	int e = config_load_again(reading->own, running->config, err);
	if (e)
		return e < 0 ? e : error_set(err, -EINVAL, "the command line asks for help");
	e = check(r, reading, err);
	if (!e && r->side->find)
		e = r->side->find(r->side->arg, reading->opts, err);
	if (e)
		return e;
	config_compare(running->config, reading->config, remember, changes);
	if (config_keep(reading->own, running->config))
		return error_set(err, -ENOMEM, "no memory");
	return check(r, reading, err);
}

int reloader_load(struct reloader *r, const void *running,
	void (*on_difference)(void *arg, const struct reload_difference *d), void *arg,
	void **opts_out, struct error *err)
{
	const struct reading *before = find(r, running);
	struct reading *reading = before ? reading_new(r) : NULL;
	if (!reading)
		return error_set(err, -ENOMEM, "no memory");
	reading->opts = calloc(1, r->side->size);
	reading->own = reading->opts ? config_new(r->side->table, reading->opts) : NULL;
	reading->config = reading->own;
	struct list changes;
	list_init(&changes);
	int e = reading->own ? load(r, before, reading, &changes, err)
			     : error_set(err, -ENOMEM, "no memory");
	list_for_each (it, &changes) {
		struct change *c = list_entry(it, struct change, link);
		struct reload_difference d = {c->row->name, c->row->reloadable, c->was, c->is};
		if (!e && c->was && c->is)
			on_difference(arg, &d);
	}
	forget(&changes);
	if (e) {
		if (!reading->own)
			free(reading->opts);
		reading_free(r, reading);
		return e;
	}
	*opts_out = reading->opts;
	return 0;
}

void reloader_free(struct reloader *r, void *opts)
{
	struct reading *reading = find(r, opts);
	if (reading && reading->own)
		reading_free(r, reading);
}
