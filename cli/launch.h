#pragma once
/* What starting either side has in common: options, token, log, and the way out again. */
#include "base/error.h"
#include "config/option.h"

struct launch {
	const struct option_table *table;
	void *opts; /* the config struct */

	int (*check)(void *opts, struct error *err);
	int (*run)(const void *opts); /* returns the exit status */
	void (*deinit)(void *opts);   /* undoes a check, successful or not; or one never made */

	/* Fields of the config struct, read after it is filled */
	char **token;
	char *const *token_from;
	const bool *no_token;
	const int *log_level, *log_format;
	char *const *access_log; /* NULL: this side has no access log */
	bool token_needed;       /* nobody makes one when none is given */
};

/* From the command line to the end of the run; the exit status. */
int launch(const struct launch *l, int argc, char **argv);
