/* SPDX-License-Identifier: MIT */
#pragma once
/* What starting either side has in common: options, token, log, and the way out again. */
#include <stdbool.h>

#include "base/error.h"
#include "cli/deployment.h"
#include "config/option.h"
#include "config/reload.h"

/* What is read of a config struct here, whichever side's it is. */
struct launch_fields {
	char **token;
	char *const *token_from;
	const bool *no_token;
	const int *log_level, *log_format;
	const struct option_list *log_rooms;
	const int *generate;          /* enum generate */
	char *const *access_log;      /* NULL: this side has no access log */
	const int *access_log_format; /* then: enum access_format */
	char *const *audit_log;       /* NULL: nor an audit log */
};

struct launch {
	const struct option_table *table;
	size_t size; /* of the config struct */

	int (*check)(void *opts, struct error *err);
	/* Calls `found` with a sentence for each file that the options name and a start would fail by. */
	void (*inspect)(const void *opts, void (*found)(void *arg, const char *sentence),
		void *arg);
	int (*run)(const void *opts, struct reloader *r); /* returns the exit status */
	void (*deinit)(void *opts); /* undoes a check, successful or not; or one never made */

	struct launch_fields (*fields)(void *opts);
	/* What else has to be known of it where it is to run. */
	void (*place)(const void *opts, struct deployment_place *out);
	bool token_needed; /* nobody makes one when none is given */
	/* Whether only warnings are logged where no --log-level is given; NULL: never. */
	bool (*quiet)(const void *opts);
};

/*
 * The token from wherever it is given; one that nobody needs to give may be missing. 0, with `warning` a
 * sentence or "", or an error.
 */
int launch_find_token(const struct launch *l, void *opts, struct error *warning, struct error *err);

/* Of the two sides. */
extern const struct launch launch_server, launch_client;

/* Of `tunnel connect`, which is the client with another table. */
void launch_connect(struct launch *l_out);

/* From the command line to the end of the run; the exit status. */
int launch(const struct launch *l, int argc, char **argv);
