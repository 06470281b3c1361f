/* SPDX-License-Identifier: MIT */
#include "rules/rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"

#define CLIENT_NAME "client:" /* before the name of a client's rule, whatever it calls it */

static const char *const verbs[VERBS] = {
	[VERB_DENY] = "deny",
	[VERB_REDIRECT] = "redirect",
	[VERB_ANSWER] = "answer",
	[VERB_REWRITE] = "rewrite",
	[VERB_TO] = "to",
	[VERB_REQUEST] = "request",
	[VERB_RESPONSE] = "response",
	[VERB_BASIC] = "basic",
	[VERB_RATE] = "rate",
	[VERB_LIMIT] = "limit",
};

const char *verb_name(enum verb verb)
{
	return verbs[verb];
}

uint32_t verb_bit(const char *name)
{
	for (unsigned i = 0; i < VERBS; i++)
		if (strcmp(verbs[i], name) == 0)
			return 1u << i;
	return 0;
}

/* The one member that is a verb. NULL, and a sentence: there is none, or there are several. */
static const struct tree_node *find_verb(struct compile *c, const struct tree_node *map)
{
	const struct tree_node *found = NULL;
	for (const struct tree_node *i = map->child; i; i = i->next) {
		if (strcmp(i->key, "when") == 0 || strcmp(i->key, "name") == 0)
			continue;
		uint32_t bit = verb_bit(i->key);
		if (!bit) {
			compile_fail(c, i,
				"a rule has no verb \"%s\": deny, redirect, answer, rewrite, to, "
				"request, response, basic, rate, limit",
				i->key);
			return NULL;
		}
		if (found) {
			compile_fail(c, i,
				"a rule has one verb, and this one has %s and %s: write two",
				found->key, i->key);
			return NULL;
		}
		found = i;
	}
	if (!found)
		compile_fail(c, map,
			"a rule needs a verb: deny, redirect, answer, rewrite, to, request, "
			"response, basic, rate, limit");
	return found;
}

static int name_rule(struct compile *c, const struct tree_node *map, struct rule *out)
{
	const struct tree_node *name = compile_member(map, "name");
	char text[sizeof(CLIENT_NAME) + RULE_NAME_MAX];
	const char *whose = c->quota ? CLIENT_NAME : "";
	if (!name) {
		snprintf(text, sizeof(text), "%sline:%u", whose, out->line);
		out->name = arena_copy(c->arena, str_from(text));
		return out->name.p ? 0 : compile_fail_memory(c);
	}
	/* It stands in the log, in labels of metrics and beside other words. */
	static const char word[] =
		"-_.:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t n = name->kind == TREE_SCALAR ? strlen(name->text) : 0;
	if (!n || n > RULE_NAME_MAX || name->text[strspn(name->text, word)])
		return compile_fail(c, name,
			"name takes a word of letters, digits, - _ . and :, of at most %d "
			"characters",
			RULE_NAME_MAX);
	if (!c->quota && strncmp(name->text, CLIENT_NAME, strlen(CLIENT_NAME)) == 0)
		return compile_fail(c, name,
			"names that begin with " CLIENT_NAME " are those of clients' rules");
	snprintf(text, sizeof(text), "%s%s", whose, name->text);
	out->name = arena_copy(c->arena, str_from(text));
	return out->name.p ? 0 : compile_fail_memory(c);
}

/* 0, or -EACCES with a sentence. */
static int check_verb(struct compile *c, const struct tree_node *at, enum verb verb)
{
	if (!c->quota || c->quota->verbs >> verb & 1)
		return 0;
	compile_fail(c, at,
		verb == VERB_TO
			? "a client's rules have no %s, which would lead to what others publish"
			: "the exit node's operator lets clients' rules have no %s",
		verbs[verb]);
	return -EACCES;
}

/* $1 of a path needs a path that has a star for it, in every one of its patterns. */
static int check_captures(struct compile *c, const struct tree_node *map, const struct rule *rule)
{
	size_t need = rule->verb == VERB_REDIRECT  ? rule->redirect.path.captures
		      : rule->verb == VERB_REWRITE ? rule->rewrite.path.captures
						   : 0;
	const struct condition *path = rule->when.path;
	if (!need)
		return 0;
	if (!path)
		return compile_fail(c, map,
			"$%zu stands for a part of the path, but when has no path of one text "
			"with *",
			need);
	for (size_t i = 0; i < path->patterns.n; i++)
		if (pattern_captures(&path->patterns.v[i]) < need)
			return compile_fail(c, map,
				"$%zu stands for star %zu of the path, and %.*s has %zu", need,
				need, STR_ARG(path->patterns.v[i].text),
				pattern_captures(&path->patterns.v[i]));
	return 0;
}

static int compile_rule(struct compile *c, const struct tree_node *map, struct rule *out)
{
	out->line = map->line;
	if (map->kind != TREE_MAP)
		return compile_fail(c, map,
			"a rule is a mapping: when, and a verb, as {when: {path: \"/admin*\"}, "
			"deny: 403}");
	const struct tree_node *verb = find_verb(c, map), *when = compile_member(map, "when");
	if (!verb)
		return -EINVAL;
	out->verb = (uint8_t)__builtin_ctz(verb_bit(verb->key));
	int r = check_verb(c, verb, (enum verb)out->verb);
	if (r)
		return r;
	out->ended = arena_alloc(c->arena, sizeof(*out->ended));
	if (!out->ended)
		return compile_fail_memory(c);
	r = name_rule(c, map, out);
	if (!r && when)
		r = when_compile(c, when, out->verb == VERB_RESPONSE, &out->when);
	if (!r)
		r = verb_compile(c, verb, out);
	return r ? r : check_captures(c, map, out);
}

int rules_compile(struct compile *c, const struct tree_node *node, struct rules *out)
{
	size_t n = 0;
	if (node->kind != TREE_LIST)
		return compile_fail(c, node, "rules is a list, each entry with when and a verb");
	for (const struct tree_node *i = node->child; i; i = i->next)
		n++;
	size_t most = c->quota ? c->quota->rules : RULES_MAX;
	if (n > most)
		return compile_fail(c, node, "there are %zu rules, and at most %zu are taken", n,
			most);
	out->v = arena_alloc(c->arena, n * sizeof(*out->v));
	if (!out->v)
		return compile_fail_memory(c);
	for (const struct tree_node *i = node->child; i; i = i->next) {
		struct rule *rule = &out->v[out->n++];
		int r = compile_rule(c, i, rule);
		if (r)
			return r;
		out->asks_path |= rule->when.asks_path;
	}
	return 0;
}
