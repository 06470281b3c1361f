/* SPDX-License-Identifier: MIT */
/* The grammar of JMESPath: operators by how strongly they bind, as its own implementations have them. */
#include "cli/query.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/query_lex.h"
#include "cli/query_tree.h"

/* How strongly a token binds what stands before it; others end an expression. */
static const int binding[] = {
	[TOKEN_PIPE] = 1,
	[TOKEN_OR] = 2,
	[TOKEN_AND] = 3,
	[TOKEN_COMPARE] = 5,
	[TOKEN_FLATTEN] = 9,
	[TOKEN_STAR] = 20,
	[TOKEN_FILTER] = 21,
	[TOKEN_DOT] = 40,
	[TOKEN_NOT] = 45,
	[TOKEN_BRACE] = 50,
	[TOKEN_BRACKET] = 55,
	[TOKEN_PAREN] = 60,
	[TOKEN_PAREN_END] = 0,
};
/* What binds less strongly is not of a projection's items, but of all of it. */
#define PROJECTION_ENDS 10

struct parser {
	struct query_lex lex;
	struct query *query;
	struct error *err;
	unsigned depth;
	int r; /* of the first fault */
};

static struct query_node *expression(struct parser *p, int strength);

/* ---- Tokens ---- */

/* Always NULL. */
static struct query_node *fail(struct parser *p, const char *what)
{
	if (p->r == 0)
		p->r = error_set(p->err, -EINVAL, "at character %zu: %s", p->lex.begin + 1, what);
	return NULL;
}

static void next(struct parser *p)
{
	if (p->r == 0)
		p->r = query_lex_next(&p->lex, p->err);
	if (p->r == -ENOMEM)
		error_set(p->err, -ENOMEM, "no memory");
}

static bool is(const struct parser *p, enum query_token token)
{
	return p->r == 0 && p->lex.token == token;
}

static bool expect(struct parser *p, enum query_token token, const char *what)
{
	if (!is(p, token)) {
		fail(p, what);
		return false;
	}
	next(p);
	return p->r == 0;
}

/* ---- Nodes ---- */

/* NULL: there are too many. */
static struct query_node *make(struct parser *p, enum query_kind kind, struct query_node *left,
	struct query_node *right)
{
	if (p->r)
		return NULL;
	if (p->query->n == QUERY_NODES_MAX)
		return fail(p, "the query is too long");
	struct query_node *made = &p->query->nodes[p->query->n++];
	*made = (struct query_node){.kind = kind, .left = left, .right = right};
	return made;
}

/* With the token's value. */
static struct query_node *make_valued(struct parser *p, enum query_kind kind)
{
	struct query_node *made = make(p, kind, NULL, NULL);
	if (made) {
		made->value = p->lex.value;
		p->lex.value = NULL;
		next(p);
	}
	return made;
}

static struct query_node *current(struct parser *p)
{
	return make(p, QUERY_CURRENT, NULL, NULL);
}

/* ---- Behind a dot, and in a projection ---- */

static struct query_node *select_list(struct parser *p);
static struct query_node *select_hash(struct parser *p);

static struct query_node *behind_dot(struct parser *p, int strength)
{
	if (is(p, TOKEN_NAME) || is(p, TOKEN_QUOTED) || is(p, TOKEN_STAR))
		return expression(p, strength);
	if (is(p, TOKEN_BRACKET)) {
		next(p);
		return select_list(p);
	}
	if (is(p, TOKEN_BRACE)) {
		next(p);
		return select_hash(p);
	}
	return fail(p, "a name, [ or { belongs behind the dot");
}

/* What is looked up in each item. */
static struct query_node *of_each(struct parser *p, int strength)
{
	if (p->r)
		return NULL;
	if (binding[p->lex.token] < PROJECTION_ENDS)
		return current(p);
	if (is(p, TOKEN_BRACKET) || is(p, TOKEN_FILTER))
		return expression(p, strength);
	if (!is(p, TOKEN_DOT))
		return fail(p, "this does not belong here");
	next(p);
	return behind_dot(p, strength);
}

/* ---- In brackets and braces ---- */

static struct query_node *filter(struct parser *p, struct query_node *left)
{
	struct query_node *condition = expression(p, 0);
	if (!expect(p, TOKEN_BRACKET_END, "the filter [? has no ]"))
		return NULL;
	struct query_node *right =
		is(p, TOKEN_FLATTEN) ? current(p) : of_each(p, binding[TOKEN_FILTER]);
	struct query_node *made = make(p, QUERY_FILTER, left, right);
	if (made)
		made->condition = condition;
	return made;
}

static struct query_node *flatten(struct parser *p, struct query_node *left)
{
	struct query_node *flat = make(p, QUERY_FLATTEN, left, NULL);
	struct query_node *right = of_each(p, binding[TOKEN_FLATTEN]);
	return make(p, QUERY_LIST, flat, right);
}

/* [0], [-1], [1:3], [::2]; behind the bracket. */
static struct query_node *index_of(struct parser *p, struct query_node *left)
{
	struct query_node *made = make(p, QUERY_INDEX, left, NULL);
	long long numbers[3] = {0, 0, 1};
	bool given[3] = {false};
	unsigned part = 0;
	while (made && !is(p, TOKEN_BRACKET_END)) {
		if (is(p, TOKEN_COLON) && part < 2) {
			part++;
			made->kind = QUERY_SLICE;
		} else if (is(p, TOKEN_NUMBER) && !given[part]) {
			numbers[part] = p->lex.number;
			given[part] = true;
		} else {
			return fail(p, "a number or ] belongs here");
		}
		next(p);
	}
	if (!made || !expect(p, TOKEN_BRACKET_END, "] is missing"))
		return NULL;
	if (made->kind == QUERY_SLICE && !numbers[2])
		return fail(p, "the step of a slice cannot be 0");
	made->slice.start = numbers[0];
	made->slice.stop = numbers[1];
	made->slice.step = numbers[2];
	made->slice.start_given = given[0];
	made->slice.stop_given = given[1];
	return made->kind == QUERY_INDEX
		       ? made
		       : make(p, QUERY_LIST, made, of_each(p, binding[TOKEN_STAR]));
}

static struct query_node *bracket(struct parser *p, struct query_node *left)
{
	if (is(p, TOKEN_NUMBER) || is(p, TOKEN_COLON))
		return index_of(p, left);
	if (!expect(p, TOKEN_STAR, "a number, : or * belongs in these brackets") ||
		!expect(p, TOKEN_BRACKET_END, "[* has no ]"))
		return NULL;
	return make(p, QUERY_LIST, left, of_each(p, binding[TOKEN_STAR]));
}

/* [a, b], behind the bracket. */
static struct query_node *select_list(struct parser *p)
{
	struct query_node *made = make(p, QUERY_SELECT, NULL, NULL);
	for (struct query_node **last = made ? &made->first : NULL; last && p->r == 0;) {
		*last = expression(p, 0);
		last = *last ? &(*last)->next : NULL;
		if (!is(p, TOKEN_COMMA))
			break;
		next(p);
	}
	return expect(p, TOKEN_BRACKET_END, "] is missing") ? made : NULL;
}

/* {a: b}, behind the brace. */
static struct query_node *select_hash(struct parser *p)
{
	struct query_node *made = make(p, QUERY_HASH, NULL, NULL);
	for (struct query_node **last = made ? &made->first : NULL; last && p->r == 0;) {
		if (!is(p, TOKEN_NAME) && !is(p, TOKEN_QUOTED))
			return fail(p, "a name belongs in these braces");
		struct query_node *named = *last = make_valued(p, QUERY_SUB);
		if (!named || !expect(p, TOKEN_COLON, ": belongs behind the name"))
			return NULL;
		named->left = current(p);
		named->right = expression(p, 0);
		last = &named->next;
		if (!is(p, TOKEN_COMMA))
			break;
		next(p);
	}
	return expect(p, TOKEN_BRACE_END, "} is missing") ? made : NULL;
}

static struct query_node *arguments(struct parser *p, struct query_node *name)
{
	if (name->kind != QUERY_FIELD)
		return fail(p, "only a function takes arguments");
	name->kind = QUERY_FUNCTION;
	unsigned n = 0;
	for (struct query_node **last = &name->first; p->r == 0 && !is(p, TOKEN_PAREN_END);) {
		*last = expression(p, 0);
		if (!*last)
			return NULL;
		last = &(*last)->next;
		if (++n > QUERY_ARGS_MAX)
			return fail(p, "no function takes so many arguments");
		if (!is(p, TOKEN_COMMA))
			break;
		next(p);
	}
	return expect(p, TOKEN_PAREN_END, ") is missing") ? name : NULL;
}

/* ---- Expressions ---- */

static struct query_node *begin_bracket(struct parser *p)
{
	if (is(p, TOKEN_NUMBER) || is(p, TOKEN_COLON))
		return index_of(p, current(p));
	struct query_lex ahead = p->lex;
	ahead.value = NULL;
	if (is(p, TOKEN_STAR) && query_lex_next(&ahead, p->err) == 0 &&
		ahead.token == TOKEN_BRACKET_END)
		return bracket(p, current(p));
	json_decref(ahead.value);
	return select_list(p);
}

static struct query_node *in_parentheses(struct parser *p)
{
	struct query_node *inside = expression(p, 0);
	return expect(p, TOKEN_PAREN_END, ") is missing") ? inside : NULL;
}

static struct query_node *values(struct parser *p, struct query_node *left, int strength)
{
	struct query_node *right =
		is(p, TOKEN_BRACKET_END) || is(p, TOKEN_END) ? current(p) : of_each(p, strength);
	return make(p, QUERY_VALUES, left, right);
}

/* What an expression begins with. */
static struct query_node *begin(struct parser *p)
{
	enum query_token token = p->lex.token;
	if (token == TOKEN_NAME || token == TOKEN_QUOTED)
		return make_valued(p, QUERY_FIELD);
	if (token == TOKEN_LITERAL)
		return make_valued(p, QUERY_LITERAL);
	next(p);
	switch ((int)token) { /* of others none begins an expression */
	case TOKEN_AT:
		return current(p);
	case TOKEN_STAR:
		return values(p, current(p), binding[TOKEN_STAR]);
	case TOKEN_FILTER:
		return filter(p, current(p));
	case TOKEN_FLATTEN:
		return flatten(p, current(p));
	case TOKEN_BRACKET:
		return begin_bracket(p);
	case TOKEN_BRACE:
		return select_hash(p);
	case TOKEN_PAREN:
		return in_parentheses(p);
	case TOKEN_NOT:
		return make(p, QUERY_NOT, expression(p, binding[TOKEN_NOT]), NULL);
	case TOKEN_REFERENCE:
		return make(p, QUERY_REFERENCE, expression(p, 0), NULL);
	default:
		return fail(p, "an expression belongs before this");
	}
}

static struct query_node *both(struct parser *p, enum query_kind kind, struct query_node *left,
	enum query_token token)
{
	return make(p, kind, left, expression(p, binding[token]));
}

static struct query_node *compare(struct parser *p, struct query_node *left, enum query_op op)
{
	struct query_node *made = both(p, QUERY_COMPARE, left, TOKEN_COMPARE);
	if (made)
		made->op = op;
	return made;
}

static struct query_node *behind(struct parser *p, struct query_node *left)
{
	enum query_token token = p->lex.token;
	long long number = p->lex.number;
	next(p);
	switch ((int)token) { /* others bind nothing */
	case TOKEN_DOT:
		if (!is(p, TOKEN_STAR))
			return make(p, QUERY_SUB, left, behind_dot(p, binding[TOKEN_DOT]));
		next(p);
		return values(p, left, binding[TOKEN_DOT]);
	case TOKEN_PIPE:
		return both(p, QUERY_PIPE, left, token);
	case TOKEN_OR:
		return both(p, QUERY_OR, left, token);
	case TOKEN_AND:
		return both(p, QUERY_AND, left, token);
	case TOKEN_COMPARE:
		return compare(p, left, (enum query_op)number);
	case TOKEN_FILTER:
		return filter(p, left);
	case TOKEN_FLATTEN:
		return flatten(p, left);
	case TOKEN_BRACKET:
		return bracket(p, left);
	case TOKEN_PAREN:
		return arguments(p, left);
	default:
		return fail(p, "this does not belong here");
	}
}

static struct query_node *expression(struct parser *p, int strength)
{
	if (p->r)
		return NULL;
	if (++p->depth > QUERY_DEPTH_MAX)
		return fail(p, "this is nested too deeply");
	struct query_node *left = begin(p);
	while (left && p->r == 0 && strength < binding[p->lex.token])
		left = behind(p, left);
	p->depth--;
	return p->r ? NULL : left;
}

int query_parse(struct str text, struct query **out, struct error *err)
{
	struct query *q = calloc(1, sizeof *q);
	struct parser p = {.lex = {.text = text}, .query = q, .err = err};
	if (!q)
		return error_set(err, -ENOMEM, "no memory");
	next(&p);
	q->root = expression(&p, 0);
	if (!is(&p, TOKEN_END))
		fail(&p, "this does not belong here");
	json_decref(p.lex.value);
	if (p.r)
		query_free(q);
	else
		*out = q;
	return p.r;
}

struct query *query_free(struct query *q)
{
	for (unsigned i = 0; q && i < q->n; i++)
		json_decref(q->nodes[i].value);
	free(q);
	return NULL;
}

json_t *query_run(const struct query *q, json_t *value, struct error *err)
{
	struct query_walk w = {.err = err, .call = query_call};
	json_t *found = query_eval(&w, q->root, value);
	if (!w.failed)
		return found;
	json_decref(found);
	return NULL;
}
