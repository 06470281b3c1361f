/* SPDX-License-Identifier: MIT */
/* What stands behind a rule's verb. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "config/value.h"
#include "rules/rule.h"

/* ---- Values ---- */

static int take_text(const struct compile *c, const struct tree_node *node, struct str *out)
{
	*out = STR_NULL;
	if (node->kind != TREE_SCALAR || !*node->text)
		return compile_fail(c, node, "%s takes a text", node->key);
	*out = str_from(node->text);
	return 0;
}

static int take_flag(const struct compile *c, const struct tree_node *node, bool *out)
{
	*out = node->kind == TREE_SCALAR && strcmp(node->text, "true") == 0;
	if (!*out && (node->kind != TREE_SCALAR || strcmp(node->text, "false") != 0))
		return compile_fail(c, node, "%s is true or false", node->key);
	return 0;
}

/* ---- deny, answer, redirect, rewrite, to ---- */

static int compile_deny(struct compile *c, const struct tree_node *node, struct rule *out)
{
	uint64_t status = 0;
	int r = compile_number(c, node, 400, 599, &status);
	/* Each of these says something that only who makes the answer can keep. */
	if (!r && (status == 401 || status == 407 || status == 408 || status == 426))
		return compile_fail(c, node, "deny does not take %s: %s", node->text,
			status == 401 ? "write basic to ask for a password"
				      : "choose another status");
	out->deny = (uint16_t)status;
	return r;
}

static int compile_answer(struct compile *c, const struct tree_node *node, struct rule *out)
{
	static const char *const known[] = {"status", "type", "body", NULL};
	uint64_t status = 200;
	struct str type = STR("text/plain; charset=utf-8"), body = STR("");
	int r = compile_members(c, node, known);
	for (const struct tree_node *i = r ? NULL : node->child; i && !r; i = i->next) {
		if (strcmp(i->key, "status") == 0)
			r = compile_number(c, i, 200, 599, &status);
		else if (strcmp(i->key, "type") == 0)
			r = take_text(c, i, &type);
		else if (i->kind != TREE_SCALAR)
			r = compile_fail(c, i, "body takes a text");
		else
			body = str_from(i->text);
		if (!r && (status == 204 || status == 304 || status == 401 || status == 426))
			r = compile_fail(c, i, "answer does not take the status %llu",
				(unsigned long long)status);
	}
	if (r)
		return r;
	struct template checked;
	if (template_compile(type, false, c->arena, &checked, c->err))
		return compile_fail_at(c, node, -EINVAL);
	if (body.n > RULE_BODY_MAX)
		return compile_fail(c, node, "body has at most %d bytes", RULE_BODY_MAX);
	out->answer = (struct rule_answer){.status = (uint16_t)status,
		.type = arena_copy(c->arena, type),
		.body = arena_copy(c->arena, body)};
	return out->answer.type.p && out->answer.body.p ? 0 : compile_fail_memory(c);
}

static int take_path(struct compile *c, const struct tree_node *node, struct template *out)
{
	struct str text;
	int r = take_text(c, node, &text);
	if (r)
		return r;
	if (text.p[0] != '/')
		return compile_fail(c, node, "path begins with a slash, not as \"%s\"", node->text);
	if (strchr(text.p, '?') || strchr(text.p, '#'))
		return compile_fail(c, node,
			"path has no ? or #: the query stays as it was asked for, "
			"or goes with query: drop");
	r = template_compile(text, true, c->arena, out, c->err);
	return r ? compile_fail_at(c, node, r) : compile_searches(c, node, template_lookups(out));
}

static int take_query(const struct compile *c, const struct tree_node *node, bool *drops_out)
{
	*drops_out = node->kind == TREE_SCALAR && strcmp(node->text, "drop") == 0;
	if (!*drops_out && (node->kind != TREE_SCALAR || strcmp(node->text, "keep") != 0))
		return compile_fail(c, node, "query is keep or drop");
	return 0;
}

/* Only a name of the file: whoever asks chooses nothing of where he is sent. */
static int take_host(struct compile *c, const struct tree_node *node, struct str *out)
{
	struct str text;
	char host[HOSTNAME_SIZE];
	size_t n;
	int r = take_text(c, node, &text);
	if (r)
		return r;
	int bad = hostname_canonical(text, host, &n);
	if (bad)
		return compile_fail(c, node, "host \"%s\" %s", node->text,
			hostname_error_text(bad));
	*out = arena_copy(c->arena, (struct str){host, n});
	return out->p ? 0 : compile_fail_memory(c);
}

static int take_scheme(const struct compile *c, const struct tree_node *node, int8_t *https_out)
{
	const char *text = node->kind == TREE_SCALAR ? node->text : "";
	if (strcmp(text, "http") != 0 && strcmp(text, "https") != 0)
		return compile_fail(c, node, "scheme is http or https");
	*https_out = text[4] == 's';
	return 0;
}

static int compile_redirect(struct compile *c, const struct tree_node *node, struct rule *out)
{
	static const char *const known[] = {"scheme", "host", "port", "path", "query", "status",
		NULL};
	struct rule_redirect *to = &out->redirect;
	uint64_t status = 302, port = 0;
	int r = compile_members(c, node, known);
	*to = (struct rule_redirect){.https = -1};
	bool leads = false;
	for (const struct tree_node *i = r ? NULL : node->child; i && !r; i = i->next) {
		leads |= strcmp(i->key, "status") != 0;
		if (strcmp(i->key, "scheme") == 0) {
			r = take_scheme(c, i, &to->https);
		} else if (strcmp(i->key, "host") == 0) {
			r = take_host(c, i, &to->host);
		} else if (strcmp(i->key, "port") == 0) {
			r = compile_number(c, i, 1, UINT16_MAX, &port);
		} else if (strcmp(i->key, "path") == 0) {
			to->has_path = true;
			r = take_path(c, i, &to->path);
		} else if (strcmp(i->key, "query") == 0) {
			r = take_query(c, i, &to->drops_query);
		} else {
			r = compile_number(c, i, 301, 308, &status);
			if (!r && (status > 303 && status < 307))
				r = compile_fail(c, i,
					"status of a redirect is 301, 302, 303, 307 or 308");
		}
	}
	to->status = (uint16_t)status;
	to->port = (uint16_t)port;
	if (!r && !leads)
		return compile_fail(c, node,
			"redirect leads nowhere: give it a scheme, host, port, path or query");
	return r;
}

static int compile_rewrite(struct compile *c, const struct tree_node *node, struct rule *out)
{
	static const char *const known[] = {"path", "query", NULL};
	int r = compile_members(c, node, known);
	out->rewrite = (struct rule_rewrite){.drops_query = false};
	const struct tree_node *path = compile_member(node, "path"),
			       *query = compile_member(node, "query");
	if (!r && !path)
		return compile_fail(c, node, "rewrite needs a path");
	if (!r)
		r = take_path(c, path, &out->rewrite.path);
	if (!r && query)
		r = take_query(c, query, &out->rewrite.drops_query);
	return r;
}

static int compile_to(struct compile *c, const struct tree_node *node, struct rule *out)
{
	return take_host(c, node, &out->to);
}

/* ---- basic, rate, limit ---- */

/* RFC 7617, 2: a quoted string, in UTF-8. */
static int make_challenge(struct compile *c, const struct tree_node *at, struct str realm,
	struct str *out)
{
	char text[256];
	for (size_t i = 0; i < realm.n; i++)
		if ((unsigned char)realm.p[i] < ' ' || strchr("\"\\\x7f", realm.p[i]))
			return compile_fail(c, at,
				"realm has no quotes, backslashes or control characters");
	int n = snprintf(text, sizeof(text), "Basic realm=\"%.*s\", charset=\"UTF-8\"",
		STR_ARG(realm));
	if ((size_t)n >= sizeof(text))
		return compile_fail(c, at, "realm is too long");
	*out = arena_copy(c->arena, (struct str){text, (size_t)n});
	return out->p ? 0 : compile_fail_memory(c);
}

static int compile_basic(struct compile *c, const struct tree_node *node, struct rule *out)
{
	static const char *const known[] = {"users", "realm", "pass", NULL};
	int r = compile_members(c, node, known);
	struct rule_basic *b = &out->basic;
	struct str realm = STR("restricted");
	*b = (struct rule_basic){.pass = false};
	if (!r && !compile_member(node, "users"))
		return compile_fail(c, node,
			"basic needs users: the path of a file as htpasswd makes "
			"it, or a list of name:hash");
	for (const struct tree_node *i = r ? NULL : node->child; i && !r; i = i->next) {
		if (strcmp(i->key, "users") == 0)
			r = users_compile(c, i, &b->users);
		else if (strcmp(i->key, "realm") == 0)
			r = take_text(c, i, &realm);
		else
			r = take_flag(c, i, &b->pass);
	}
	return r ? r : make_challenge(c, node, realm, &b->challenge);
}

static int compile_by(struct compile *c, const struct tree_node *node, struct rule_rate *out)
{
	int n = compile_texts(c, node, "by");
	if (n < 0)
		return n;
	if (n > RULE_BY_MAX)
		return compile_fail(c, node, "by takes at most %d facts", RULE_BY_MAX);
	for (const struct tree_node *i = compile_first(node); i; i = compile_next(node, i)) {
		enum fact fact;
		struct str name;
		if (!fact_named(str_from(i->text), &fact, &name) || fact == FACT_STATUS ||
			fact == FACT_REQUEST_ID)
			return compile_fail(c, i,
				"by has no fact \"%s\": address, host, path, method, country, "
				"header.NAME, cookie.NAME, query.NAME",
				i->text);
		if (fact_is_searched(fact) && compile_search(c, i) < 0)
			return -EINVAL;
		out->by[out->n_by] = (uint8_t)fact;
		out->names[out->n_by] = arena_copy(c->arena, name);
		if (!out->names[out->n_by++].p)
			return compile_fail_memory(c);
	}
	return 0;
}

static int compile_rate(struct compile *c, const struct tree_node *node, struct rule *out)
{
	static const char *const known[] = {"by", "allow", "every", "burst", "block", NULL};
	struct rule_rate *rate = &out->rate;
	int r = compile_members(c, node, known);
	*rate = (struct rule_rate){.allow = 0};
	for (const struct tree_node *i = r ? NULL : node->child; i && !r; i = i->next) {
		if (strcmp(i->key, "by") == 0)
			r = compile_by(c, i, rate);
		else if (strcmp(i->key, "allow") == 0)
			r = compile_number(c, i, 1, RULE_RATE_MAX, &rate->allow);
		else if (strcmp(i->key, "every") == 0)
			r = compile_duration(c, i, RULE_RATE_PERIOD, &rate->every);
		else if (strcmp(i->key, "burst") == 0)
			r = compile_number(c, i, 1, RULE_RATE_MAX, &rate->burst);
		else
			r = take_flag(c, i, &rate->block);
	}
	if (r)
		return r;
	if (!rate->allow || !rate->every)
		return compile_fail(c, node,
			"rate needs allow and every, as {by: address, allow: 50, "
			"every: 1s}");
	if (rate->burst > RULE_RATE_AHEAD / rate->every * rate->allow)
		return compile_fail(c, node,
			"a burst of %u comes back in more than a year at this rate: make it "
			"smaller",
			(unsigned)rate->burst);
	if (rate->block && rate->burst)
		return compile_fail(c, node,
			"block counts in fixed windows, which have no burst: leave "
			"one of both out");
	if (!rate->burst)
		rate->burst = rate->allow;
	return 0;
}

static int compile_limit(struct compile *c, const struct tree_node *node, struct rule *out)
{
	static const char *const known[] = {"body", "time", NULL};
	int r = compile_members(c, node, known);
	out->limit = (struct rule_limit){.body = UINT64_MAX};
	for (const struct tree_node *i = r ? NULL : node->child; i && !r; i = i->next) {
		if (strcmp(i->key, "time") == 0)
			r = compile_duration(c, i, RULE_RATE_PERIOD, &out->limit.time);
		else if (i->kind != TREE_SCALAR ||
			 value_parse_size(str_from(i->text), &out->limit.body))
			r = compile_fail(c, i, "body takes a size, as 10MiB");
	}
	return r;
}

static int compile_request(struct compile *c, const struct tree_node *node, struct rule *out)
{
	return fields_compile(c, node, false, &out->fields);
}

static int compile_response(struct compile *c, const struct tree_node *node, struct rule *out)
{
	return fields_compile(c, node, true, &out->fields);
}

int verb_compile(struct compile *c, const struct tree_node *node, struct rule *out)
{
	static int (*const by_verb[VERBS])(struct compile *, const struct tree_node *,
		struct rule *) = {
		[VERB_DENY] = compile_deny,
		[VERB_REDIRECT] = compile_redirect,
		[VERB_ANSWER] = compile_answer,
		[VERB_REWRITE] = compile_rewrite,
		[VERB_TO] = compile_to,
		[VERB_REQUEST] = compile_request,
		[VERB_RESPONSE] = compile_response,
		[VERB_BASIC] = compile_basic,
		[VERB_RATE] = compile_rate,
		[VERB_LIMIT] = compile_limit,
	};
	return by_verb[out->verb](c, node, out);
}
