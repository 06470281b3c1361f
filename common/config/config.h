/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One command's configuration: reads the command line, the file that it names, the environment and
 * the defaults into the config struct that the option table describes, the earlier of these winning
 * over the later. A list is taken whole from the first place that gives it. A secret given twice is
 * an error wherever it stands, since the program cannot tell which one was meant.
 *
 *	struct server_options opts;
 *	struct config *c = config_new(&server_option_table, &opts);
 *	int r = config_load(c, argc, argv, &err);
 */
#include <stdbool.h>

#include "base/error.h"
#include "config/option.h"

struct config;

/* Outcomes of config_load(). */
enum {
	CONFIG_OK = 0,
	/* Asked for; nothing was read further. Both together are the latter. */
	CONFIG_HELP = 1,     /* --help */
	CONFIG_HELP_ALL = 3, /* --help=all */
};

/* `values` is the config struct; it is zeroed here and must outlive the object. NULL: no memory. */
struct config *config_new(const struct option_table *t, void *values);

/* Frees what the config struct owns, wiping secrets. Returns NULL. */
struct config *config_free(struct config *c);

/*
 * argv[0] is not looked at. Secrets are overwritten with 'x' in argv and in the environment as they
 * are read, before anything else is done with them. -EINVAL for wrong usage, other errors when the
 * file cannot be read; either with a sentence that never shows a secret.
 */
int config_load(struct config *c, int argc, char **argv, struct error *err);

/*
 * The same from the same places once more, for a new object of the same table. The secrets that the
 * first load overwrote are taken from `before`.
 */
int config_load_again(struct config *c, const struct config *before, struct error *err);

/*
 * The file alone, and the defaults; what is required and not in it is said by config_note(). `path`
 * must outlive the object. `unknown_out` is how many of its options the table does not know: of
 * several tables it was meant for the one with the fewest. It is set on failure as well.
 */
int config_load_file(struct config *c, const char *path, size_t *unknown_out, struct error *err);

/*
 * Calls `on_difference` for each option that is not the same in both, with its values as the dump has them.
 * Both are of one table.
 */
void config_compare(const struct config *was, const struct config *is,
	void (*on_difference)(void *arg, const struct option_row *row, const char *was,
		const char *is),
	void *arg);

/* Takes the values that cannot change while it runs from `running`. 0 or -ENOMEM. */
int config_keep(struct config *c, const struct config *running);

/* The i-th sentence that a person should read about valid options; NULL after the last. */
const char *config_note(const struct config *c, size_t i);

/* Whether the option was given anywhere, rather than left to its default. */
bool config_given(const struct config *c, const char *name);

/*
 * Calls `fn` with "name = value (where it came from)" for each option, or for each that is given;
 * secrets as "(set)", of a group each element.
 */
void config_dump(const struct config *c, bool given, void (*fn)(void *arg, const char *text),
	void *arg);
