/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Reading the configuration again while it is in use. Each reading is a config struct of its own, so
 * the running one goes on undisturbed, and nothing of a wrong file is taken.
 *
 *	SIGHUP -> reloader_load(r, running, ...) -> the owner takes over what is reloadable
 *	       -> reloader_free(r, running), once nothing looks at the old one any more
 *
 * It blocks for as long as reading a few files takes.
 */
#include <stddef.h>

#include "base/error.h"
#include "config/config.h"

/* A command's config struct, and how it is read. */
struct reload_side {
	const struct option_table *table;
	size_t size; /* of the config struct */
	/* Finds what stands outside the options, such as the token; once a reading. NULL: nothing */
	int (*find)(void *arg, void *opts, struct error *err);
	/* May be called again on what it has checked, with deinit() between. */
	int (*check)(void *opts, struct error *err);
	void (*deinit)(void *opts);
	void *arg; /* for find() */
};

/* For the log: an option that has another value now; secrets are "(set)". */
struct reload_difference {
	const char *name; /* a group's name in the file */
	bool reloadable;  /* else it stays as it is until the next start */
	const char *was, *is;
};

struct reloader;

/* `first` and `opts` are the first reading, loaded and checked; the caller's. NULL: no memory. */
struct reloader *reloader_new(const struct reload_side *side, const struct config *first,
	void *opts);

/* Frees every reading but the first. Accepts NULL, returns NULL. */
struct reloader *reloader_end(struct reloader *r);

/*
 * Reads everything again. `on_difference` is called for each option that is not as in `running`, an earlier
 * reading. In the new one, options that are not reloadable are as in `running`. Errors, with a
 * sentence, mean that nothing changes.
 */
int reloader_load(struct reloader *r, const void *running,
	void (*on_difference)(void *arg, const struct reload_difference *d), void *arg,
	void **opts_out, struct error *err);

/* Frees a reading; the first is left to its owner. */
void reloader_free(struct reloader *r, void *opts);
