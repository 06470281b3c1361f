/* SPDX-License-Identifier: MIT */
/* From the words of a command to its answer. */
#include "cli/noun.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "cli/complain.h"
#include "cli/identity_members.h"
#include "config/formatting.h"
#include "config/help.h"

const struct noun *const nouns[] = {&noun_token, &noun_status, &noun_sessions, &noun_routes,
	&noun_audit, &noun_store, &noun_apply, &noun_service, &noun_endpoint, &noun_intention,
	&noun_key, &noun_ca, &noun_cert, &noun_top, &noun_tail, NULL};

const struct noun *noun_find(const char *name)
{
	for (const struct noun *const *noun = nouns; *noun; noun++)
		if (strcmp((*noun)->name, name) == 0)
			return *noun;
	return NULL;
}

/* ---- Which verb ---- */

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (; list && *list; list += strcspn(list, " "), list += strspn(list, " "))
		if (strcspn(list, " ") == n && memcmp(list, word, n) == 0)
			return true;
	return false;
}

static const struct verb *find_verb(const struct noun *noun, const char *word)
{
	for (size_t i = 0; i < noun->n; i++)
		if (strcmp(noun->verbs[i].name, word) == 0 ||
			has_word(noun->verbs[i].aliases, word))
			return &noun->verbs[i];
	return NULL;
}

static const char *nearest_verb(const struct noun *noun, const char *word)
{
	const char *near = NULL;
	size_t n = strlen(word), best = option_slip(n) + 1;
	for (size_t i = 0; i < noun->n; i++) {
		const char *name = noun->verbs[i].name;
		size_t d = option_distance(word, n, name, strlen(name));
		if (d < best) {
			best = d;
			near = name;
		}
	}
	return near;
}

static int unknown_verb(const struct noun *noun, const char *word, struct error *err)
{
	const struct option_table others = {.habits = noun->habits};
	const char *habit = option_habit(&others, word, strlen(word));
	const char *near = nearest_verb(noun, word);
	if (formatting_check_word(NULL, word, err))
		return -EINVAL;
	if (habit)
		return error_set(err, -EINVAL, "unknown command \"%s\": %s", word, habit);
	if (near)
		return error_set(err, -EINVAL, "unknown command \"%s\"; did you mean tunnel %s %s?",
			word, noun->name, near);
	return error_set(err, -EINVAL, "unknown command \"%s\"; see tunnel help %s", word,
		noun->name);
}

const struct verb *noun_verb(const struct noun *noun, int n, char **words, int *skip_out,
	struct error *err)
{
	const struct verb *first = &noun->verbs[0];
	bool word = n > 0 && words[0][0] != '-';
	*skip_out = 0;
	if (!*first->name || (!word && noun->first_is_default))
		return first;
	const struct verb *verb = word ? find_verb(noun, words[0]) : NULL;
	*skip_out = verb ? 1 : 0;
	if (!verb && word)
		unknown_verb(noun, words[0], err);
	else if (!verb)
		error_set(err, -EINVAL, "what to do is missing: see tunnel help %s", noun->name);
	return verb;
}

void noun_overview(FILE *to, const struct noun *noun)
{
	fprintf(to, "Usage: tunnel %s COMMAND [OPTION]...\n\n%s.\n\n", noun->name, noun->summary);
	for (size_t i = 0; i < noun->n; i++)
		fprintf(to, "  %-10s%s\n", noun->verbs[i].name, noun->verbs[i].table.summary);
	fprintf(to, "\nMore: tunnel %s COMMAND --help, and --help=all for every option\n",
		noun->name);
}

struct option_table *verb_table(const struct noun *noun, const struct verb *verb)
{
	if (noun->local)
		return admin_table_own(&verb->table);
	return admin_table_new(&verb->table, identity_rows, verb->identity ? n_identity_rows : 0);
}

/* ---- The command ---- */

static int run(struct call *c)
{
	int r = c->verb->run ? c->verb->run(c) : call_run(c);
	call_close(c);
	client_options_deinit(&c->o->remote);
	return r;
}

static int verb_run(const struct verb *verb, const struct option_table *t, int argc, char **argv)
{
	struct admin_options o = {0};
	struct error err = {"no memory"};
	struct config *config = config_new(t, &o);
	int status = STATUS_FAILED;
	int r = config ? config_load(config, argc, argv, &err) : -ENOMEM;
	if (r == CONFIG_HELP || r == CONFIG_HELP_ALL) {
		(r == CONFIG_HELP ? help_print : help_print_all)(stdout, t);
		config_free(config);
		return STATUS_OK;
	}
	if (r) {
		status = r == -ENOMEM ? STATUS_FAILED : STATUS_USAGE;
	} else {
		struct call c = {.verb = verb, .o = &o, .config = config, .err = &err};
		status = run(&c);
	}
	/* A token may be in it, which nobody is shown again. */
	if ((fflush(stdout) || ferror(stdout)) && !status)
		status = error_set(&err, STATUS_FAILED,
			"the server has answered, but standard output does not take the answer");
	if (status && *err.text)
		complain(LOG_ERROR, t->command, err.text);
	config_free(config);
	return status;
}

static bool asks_for_help(int argc, char **argv)
{
	return argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0 ||
				   strncmp(argv[1], "--help", strlen("--help")) == 0);
}

int noun_run(const struct noun *noun, int argc, char **argv)
{
	struct error err;
	int skip;
	if (*noun->verbs[0].name && asks_for_help(argc, argv)) {
		noun_overview(stdout, noun);
		return STATUS_OK;
	}
	const struct verb *verb = noun_verb(noun, argc - 1, argv + 1, &skip, &err);
	if (!verb) {
		complain(LOG_ERROR, noun->name, err.text);
		return STATUS_USAGE;
	}
	struct option_table *t = verb_table(noun, verb);
	if (!t) {
		complain(LOG_ERROR, noun->name, "no memory");
		return STATUS_FAILED;
	}
	int status = verb_run(verb, t, argc - skip, argv + skip);
	admin_table_free(t);
	return status;
}
