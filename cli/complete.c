/* SPDX-License-Identifier: MIT */
#include "cli/complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "cli/admin_client.h"
#include "cli/admin_local.h"
#include "cli/answer.h"
#include "cli/noun.h"

/* The line so far: the words before the one that is completed, and what is typed of that. */
struct line {
	char **words;
	int n;
	const char *last;
	char before[64]; /* stands in the same word before what is completed: "--output="; or "" */
};

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void offer(const struct line *l, const char *candidate, const char *what)
{
	if (!begins(candidate, l->last))
		return;
	printf("%s%s%s%s\n", l->before, candidate, what ? "\t" : "", what ? what : "");
}

/* ---- What the server has ---- */

/* Wherever an option stands on the line, its value; NULL: it does not. */
static const char *value_of(const struct line *l, const char *option)
{
	size_t n = strlen(option);
	for (int i = 0; i < l->n; i++) {
		if (begins(l->words[i], option) && l->words[i][n] == '=')
			return l->words[i] + n + 1;
		if (strcmp(l->words[i], option) == 0 && i + 1 < l->n)
			return l->words[i + 1];
	}
	return NULL;
}

/* A name as the server gives them: nothing that a shell would read as more than a word. */
static bool is_name(const char *text)
{
	return *text && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(text);
}

/*
 * Names of what is there, from the server of this machine. An exit node elsewhere is not asked: that takes a link, and
 * somebody waits for the key that he pressed.
 */
static void offer_items(const struct line *l, const char *target, const char *name,
	const char *what)
{
	const char *named = value_of(l, "--admin-socket");
	const struct admin_local_places places = {named ? named : getenv("TUNNEL_ADMIN_SOCKET"),
		value_of(l, "--state-dir")};
	struct admin_transport *transport;
	struct error err; /* nobody reads it */
	json_t *items = NULL, *item;
	size_t i;
	if (value_of(l, "--remote") || admin_local_open(&transport, &places, &err))
		return;
	if (admin_client_list(transport, target, NULL, &items, &err) == 0) {
		json_array_foreach(items, i, item) if (is_name(answer_text(item, name)))
			offer(l, answer_text(item, name), what);
	}
	json_decref(items);
	transport->close(transport);
}

/* ---- Values and options ---- */

/* Values that are the name of something there: where the verb's path has the option in braces. */
static bool is_there(const struct verb *verb, const char *option)
{
	const char *at = verb && verb->path ? strstr(verb->path, "{") : NULL;
	size_t n = strlen(option);
	for (; at; at = strstr(at + 1, "{"))
		if (begins(at + 1, option) && at[n + 1] == '}')
			return true;
	return false;
}

/* What verbs are about, by the beginning of their paths. */
static void offer_there(const struct line *l, const struct verb *verb)
{
	static const struct {
		const char *path, *member, *what;
	} kinds[] = {
		{"/api/v1/identities", "name", "identity"},
		{"/api/v1/sessions", "id", "session"},
		{"/api/v1/services", "name", "private service"},
		{"/api/v1/endpoints", "name", "endpoint"},
	};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (begins(verb->path, kinds[i].path))
			offer_items(l, kinds[i].path, kinds[i].member, kinds[i].what);
}

static bool is_file(const struct option_row *row)
{
	const char *metavar = row->metavar ? row->metavar : "";
	return strcmp(metavar, "FILE") == 0 || strcmp(metavar, "DIR") == 0 ||
	       strcmp(metavar, "PATH") == 0;
}

static void offer_values(const struct line *l, const struct verb *verb,
	const struct option_row *row)
{
	if (row->type == OPTION_ENUM) {
		for (const char *const *value = row->values; *value; value++)
			offer(l, *value, NULL);
	} else if (row->type == OPTION_FLAG) {
		offer(l, "true", NULL);
		offer(l, "false", NULL);
	} else if (is_there(verb, row->name) &&
		   (strcmp(row->name, "name") == 0 || strcmp(row->name, "id") == 0)) {
		offer_there(l, verb);
	} else if (is_file(row)) {
		puts(COMPLETE_FILES);
	}
}

static void offer_options(const struct line *l, const struct option_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		char name[64];
		if (t->rows[i].group) {
			offer_options(l, t->rows[i].group);
			continue;
		}
		snprintf(name, sizeof name, "--%s", t->rows[i].name);
		offer(l, name, t->rows[i].help);
	}
}

/* The option that a word names and whose value the next word is; NULL: none. */
static const struct option_row *wants_value(const struct option_table *t, const char *word)
{
	const struct option_row *row = NULL;
	if (begins(word, "--"))
		row = option_find(t, word + 2, strlen(word + 2)).row;
	else if (word[0] == '-' && word[1] && !word[2])
		row = option_find_letter(t, word[1]).row;
	return row && row->type != OPTION_FLAG && !row->implied ? row : NULL;
}

/* bash makes three words of --output=json, and replaces the last. */
static const struct option_row *behind_sign(struct line *l, const struct option_table *t, int first)
{
	bool alone = strcmp(l->last, "=") == 0;
	int name = alone ? l->n - 1 : l->n - 2;
	if (name < first || (!alone && strcmp(l->words[l->n - 1], "=") != 0) ||
		!begins(l->words[name], "--"))
		return NULL;
	if (alone)
		l->last = "";
	return option_find(t, l->words[name] + 2, strlen(l->words[name] + 2)).row;
}

/* Words that are neither an option nor its value. */
static size_t operands_before(const struct line *l, const struct option_table *t, int first)
{
	size_t n = 0;
	for (int i = first; i < l->n; i++) {
		if (l->words[i][0] != '-')
			n++;
		else if (wants_value(t, l->words[i]))
			i++;
	}
	return n;
}

/* `first` is the word behind the command. */
static void complete_options(struct line *l, const struct verb *verb, const struct option_table *t,
	int first)
{
	const char *sign = begins(l->last, "--") ? strchr(l->last, '=') : NULL;
	const struct option_row *row = behind_sign(l, t, first);
	if (!row && sign) {
		row = option_find(t, l->last + 2, (size_t)(sign - l->last) - 2).row;
		snprintf(l->before, sizeof l->before, "%.*s", (int)(sign + 1 - l->last), l->last);
		l->last = sign + 1;
	} else if (!row && l->n > first) {
		row = wants_value(t, l->words[l->n - 1]);
	}
	size_t operand = row || sign ? 0 : operands_before(l, t, first);
	if (row)
		offer_values(l, verb, row);
	else if (begins(l->last, "-"))
		offer_options(l, t);
	else if (operand < t->n_operands) {
		const char *name = t->operands[operand].option;
		struct option_at at = option_find(t, name, strlen(name));
		if (at.group)
			puts(COMPLETE_FILES); /* a folder, or a socket, may be published */
		else
			offer_values(l, verb, at.row);
	}
}

/* ---- Commands ---- */

static void complete_noun(struct line *l, const struct noun *noun, int first)
{
	bool alone = !*noun->verbs[0].name;
	struct error err;
	int skip;
	for (size_t i = 0; l->n == first && !alone && i < noun->n; i++)
		offer(l, noun->verbs[i].name, noun->verbs[i].table.summary);
	if (l->n == first && !alone && !noun->first_is_default)
		return;
	const struct verb *verb = noun_verb(noun, l->n - first, l->words + first, &skip, &err);
	struct option_table *t = verb ? verb_table(noun, verb) : NULL;
	if (t)
		complete_options(l, verb, t, first + skip);
	admin_table_free(t);
}

static void offer_commands(const struct line *l, const struct command *commands, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (commands[i].summary)
			offer(l, commands[i].name, commands[i].summary);
	for (const struct noun *const *noun = nouns; *noun; noun++)
		offer(l, (*noun)->name, (*noun)->summary);
}

void complete(const struct command *commands, size_t n_commands, int n, char **words)
{
	if (n < 1)
		return;
	struct line l = {.words = words, .n = n - 1, .last = words[n - 1]};
	/* tunnel help token: the same words as behind tunnel. */
	int first = l.n > 0 && strcmp(words[0], "help") == 0 ? 1 : 0;
	if (l.n == first) {
		offer_commands(&l, commands, n_commands);
		return;
	}
	const struct noun *noun = noun_find(words[first]);
	if (noun)
		complete_noun(&l, noun, first + 1);
	for (size_t i = 0; i < n_commands; i++) {
		if (strcmp(commands[i].name, words[first]) != 0)
			continue;
		if (commands[i].table)
			complete_options(&l, NULL, commands[i].table, first + 1);
		else if (strcmp(commands[i].name, "check-config") == 0)
			puts(COMPLETE_FILES);
	}
}
