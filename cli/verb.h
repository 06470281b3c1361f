/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The commands that ask a server, as data: a noun ("token"), its verbs ("create"), and for each its options,
 * operands and request, and how the answer is printed. Help, man pages and completion are made from the same.
 */
#include <jansson.h>

#include "base/error.h"
#include "base/exit_status.h"
#include "cli/admin_transport.h"
#include "cli/admin_options.h"
#include "cli/columns.h"
#include "config/config.h"
#include "config/option.h"

/* A command under way. */
struct call {
	const struct verb *verb;
	struct admin_options *o;
	const struct config *config;
	struct admin_transport *
		transport; /* call_open() opens it, when everything that was typed is known to be right */
	bool token_is_read; /* of --token-from, by call_open() */
	struct error
		*err; /* set with every exit status but 0; "": the answer is all there is to say */
};

struct verb {
	const char *name;          /* "create"; "": the noun stands alone */
	const char *aliases;       /* "ls", space between; NULL: none */
	struct option_table table; /* of its own rows; `command` is "token create" */
	bool offline;              /* works without a server, on the store */
	bool identity;             /* and those of what an identity may (cli/identity_members.h) */

	/*
	 * What is asked. In the path, {option} is the option's value; in the query ("?since={since}") a part whose
	 * option is not given, and has no default, is left out.
	 */
	const char *method, *path;
	bool pages; /* the items of all pages are the answer, an array */
	/* What is sent. 0 or an exit status; NULL: nothing is. */
	int (*body)(struct call *c, json_t **body_out);
	const char *
		question; /* asked on a terminal first, about the identity; NULL: nothing is asked */

	/* How an answer is printed to people: the table, or a sentence. NULL and 0 columns: not at all. */
	const struct column *columns; /* the first is the name */
	size_t n_columns;
	int (*say)(struct call *c, const json_t *answer);

	/* Instead of all that: more than one question. The exit status. */
	int (*run)(struct call *c);
};

/* verb::table of a command with its rows, operands, sentence, usage and example, none of which is copied. */
#define VERB_TABLE(words, rows_of, operands_of, n_of, says, takes, shown) \
	.table = {.command = words,                                       \
		.summary = says,                                          \
		.usage = takes,                                           \
		.example = shown,                                         \
		.rows = rows_of,                                          \
		.n = ARRAY_LEN(rows_of),                                  \
		.operands = operands_of,                                  \
		.n_operands = n_of}

struct noun {
	const char *name;
	const char *summary; /* what its verbs are about, one line */
	const struct verb *verbs;
	size_t n;
	bool local;            /* its verbs work on files of this machine: no server is asked */
	bool first_is_default; /* without a verb, the first one is meant */
	const struct option_habit *habits; /* other programs' verbs; NULL: there are none */
};

extern const struct noun noun_token, noun_status, noun_sessions, noun_routes, noun_audit,
	noun_store, noun_apply, noun_intention, noun_service, noun_endpoint, noun_key, noun_ca,
	noun_cert, noun_top, noun_tail;

/*
 * All options of a verb: its own, and the common ones where a server is asked; free with admin_table_free(). NULL: no
 * memory.
 */
struct option_table *verb_table(const struct noun *noun, const struct verb *verb);

/* Asks as the verb says, and prints the answer: what every verb without `run` does. The exit status. */
int call_run(struct call *c);
/* The same as if it were another verb, of which nothing is left behind. */
int call_run_as(struct call *c, const struct verb *verb);

/* Reaches the server, unless it was done before. 0 or an exit status. */
int call_open(struct call *c);
/* Lets go of it, if it was reached: call_open() reaches it again, with the token that its file has by then. */
void call_close(struct call *c);

/* The target alone, with a NUL behind it. 0 or -ENOMEM. */
int call_target(const struct call *c, struct buf *to);

/* Both halves of it. `answer_out` may be NULL behind 0. */
int call_ask(struct call *c, json_t **answer_out);
int call_print(struct call *c, const json_t *answer);

/* JSON for programs; the names in it cannot steer a terminal. 0 or an exit status. */
int call_print_json(struct call *c, const json_t *answer);

/* -o, or --json. */
enum output call_output(const struct call *c);

/* A sentence about what was done, on standard output; with --quiet none. */
void call_say(const struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same about what to do next, on standard error, which a script does not read. */
void call_advise(const struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Whether the person at the terminal agrees; true where there is none, or with --yes. */
bool call_agreed(const struct call *c, const char *question, const char *about);
