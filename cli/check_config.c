/* SPDX-License-Identifier: MIT */
/*
 * tunnel check-config: checks a file, without the command line, the environment or the token, and which side
 * it is for shows in its options; or all that `tunnel server`, `client` or `connect` would be given. Nothing is
 * opened for visitors, and nobody is dialled.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/complain.h"
#include "cli/launch.h"
#include "config/config.h"

#define COMMAND "check-config"

/* What is to be checked, and how strictly. */
struct request {
	bool strict; /* what is found is a mistake */
	bool quiet;  /* only that is said */
	const char *path;
	const struct launch *side; /* NULL: of the file alone */
	int argc;                  /* of the side */
	char **argv;
};

struct candidate {
	const struct launch *side;
	void *opts;
	struct config *config;
	size_t unknown;    /* options in the file that this side does not know */
	struct error err;  /* why it is none of this side's; "" when it is */
	struct error note; /* of the token; "": none */
};

/* Sentences about files that the options name and that a start could not use. */
struct findings {
	char **v;
	size_t n;
};

static void found(void *arg, const char *sentence)
{
	struct findings *f = arg;
	char **v = reallocarray(f->v, f->n + 1, sizeof *v);
	char *copy = v ? strdup(sentence) : NULL;
	f->v = v ? v : f->v;
	if (copy)
		v[f->n++] = copy;
}

/* ---- Checking ---- */

static int load(struct candidate *c, const struct request *q)
{
	if (!q->side)
		return config_load_file(c->config, q->path, &c->unknown, &c->err);
	int r = config_load(c->config, q->argc, q->argv, &c->err);
	return r == CONFIG_HELP ? error_set(&c->err, -1, "the command line asks for help") : r;
}

/*
 * systemd hides a unit's credentials from its ExecReload=. The service has read that one at its start, and
 * it stays what it is until the next.
 */
static int find_token(struct candidate *c)
{
	struct launch_fields f = c->side->fields(c->opts);
	int r = launch_find_token(c->side, c->opts, &c->note, &c->err);
	if (r != -EACCES || *f.token_from)
		return r;
	c->note = c->err;
	return 0;
}

static void check(struct candidate *c, const struct request *q)
{
	error_set(&c->err, 0, "no memory");
	c->opts = calloc(1, c->side->size);
	c->config = c->opts ? config_new(c->side->table, c->opts) : NULL;
	if (!c->config)
		return;
	int r = load(c, q);
	if (!r)
		r = c->side->check(c->opts, &c->err);
	if (!r && q->side)
		r = find_token(c);
	if (!r)
		c->err.text[0] = 0;
}

static void candidate_deinit(struct candidate *c)
{
	if (c->config)
		c->side->deinit(c->opts);
	config_free(c->config);
	free(c->opts);
}

/* A file that both sides take is reported as the server's; it says little anyway. */
static struct candidate *best_of(struct candidate *v, size_t n)
{
	struct candidate *best = &v[0];
	for (size_t i = 0; i < n; i++) {
		struct candidate *c = &v[i];
		bool better = !c->err.text[0] && best->err.text[0];
		if (better || (c->unknown < best->unknown && best->err.text[0]))
			best = c;
	}
	return best;
}

/* Of a file alone nobody knows whether a token is given elsewhere; one that it names has to be there. */
static void inspect(struct candidate *c, const struct request *q, struct findings *f)
{
	struct error err;
	struct launch_fields fields = c->side->fields(c->opts);
	if (!q->side && *fields.token_from &&
		launch_find_token(c->side, c->opts, &c->note, &err) < 0)
		found(f, err.text);
	c->side->inspect(c->opts, found, f);
}

/* ---- Printing ---- */

static void print_option(void *arg, const char *text)
{
	print_line(stdout, "  ", text);
}

static void print_valid(const struct candidate *c, const struct request *q, bool either)
{
	const char *side = either ? "server or client" : c->side->table->command;
	if (q->path)
		printf("%s is a valid %s configuration\n", q->path, side);
	else
		printf("this is a valid %s configuration\n", side);
	config_dump(c->config, true, print_option, NULL);
	const char *note;
	for (size_t i = 0; (note = config_note(c->config, i)); i++)
		print_line(stdout, "  note: ", note);
	if (c->note.text[0])
		print_line(stdout, "  note: ", c->note.text);
	fflush(stdout); /* before what goes to standard error */
}

/* Of a file that tunnel client takes nobody needs to know that tunnel connect would take it, too. */
static int report(struct candidate *v, size_t n, const struct request *q)
{
	struct candidate *best = best_of(v, n);
	bool either = n > 1 && !v[0].err.text[0] && !v[1].err.text[0];
	if (best->err.text[0]) {
		complain(LOG_ERROR, COMMAND, best->err.text);
		return STATUS_USAGE;
	}
	struct findings f = {0};
	inspect(best, q, &f);
	bool fails = q->strict && f.n;
	if (!q->quiet && !fails)
		print_valid(best, q, either);
	for (size_t i = 0; i < f.n; i++) {
		struct error err;
		error_set(&err, 0, "%s%s", fails ? "" : "warning: ", f.v[i]);
		complain(fails ? LOG_ERROR : LOG_WARN, COMMAND, err.text);
		free(f.v[i]);
	}
	free(f.v);
	return fails ? STATUS_USAGE : STATUS_OK;
}

/* ---- The command line ---- */

static int usage(FILE *to, int status)
{
	fprintf(to,
		"Usage: tunnel check-config [--strict] [--quiet] FILE\n"
		"       tunnel check-config [--strict] [--quiet] server|client|connect "
		"[OPTION]...\n\n"
		"Prints the effective configuration of a file, or its first mistake; or that of "
		"a command\nwith these options, its environment, its file and its token.\n\n"
		"  --strict  Fail also when a file that the configuration names cannot be used\n"
		"  --quiet   Print only what is wrong\n");
	return status;
}

/* Server, client, connect. */
#define SIDES 3

static const struct launch *side_named(const struct launch *const sides[SIDES], const char *name)
{
	for (size_t i = 0; i < SIDES; i++)
		if (strcmp(name, sides[i]->table->command) == 0)
			return sides[i];
	return NULL;
}

/* STATUS_OK, or another after printing why; `q` has no path and no side when help was asked for. */
static int parse(struct request *q, const struct launch *const sides[SIDES], int argc, char **argv)
{
	int i = 1;
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return usage(stdout, STATUS_OK);
		if (strcmp(argv[i], "--strict") == 0)
			q->strict = true;
		else if (strcmp(argv[i], "--quiet") == 0 || strcmp(argv[i], "-q") == 0)
			q->quiet = true;
		else
			return usage(stderr, STATUS_USAGE);
	}
	q->side = i < argc ? side_named(sides, argv[i]) : NULL;
	q->argc = argc - i;
	q->argv = argv + i;
	if (!q->side && i + 1 != argc)
		return usage(stderr, STATUS_USAGE);
	q->path = q->side ? NULL : argv[i];
	return STATUS_OK;
}

int command_check_config(int argc, char **argv)
{
	struct launch connect;
	launch_connect(&connect);
	const struct launch *const sides[SIDES] = {&launch_server, &launch_client, &connect};
	struct request q = {0};
	int status = parse(&q, sides, argc, argv);
	if (!q.path && !q.side)
		return status;
	struct candidate v[SIDES] = {0};
	size_t n = q.side ? 1 : SIDES;
	for (size_t i = 0; i < n; i++) {
		v[i].side = q.side ? q.side : sides[i];
		check(&v[i], &q);
	}
	status = report(v, n, &q);
	for (size_t i = 0; i < n; i++)
		candidate_deinit(&v[i]);
	return status;
}
