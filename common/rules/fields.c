/* SPDX-License-Identifier: MIT */
/* The verbs request and response: fields of a head that are set, added or removed. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "rules/rule.h"
#include "wire/http1_field.h"

/* What this exit node says itself, or what says where a message ends: never a rule's. */
static bool is_reserved(const char *text, bool response)
{
	char folded[RULE_FIELD_MAX + 1] = "";
	struct str name = {folded, 0};
	/* A hyphen stands for an underscore as well (head_edit()): neither spelling gets by. */
	for (; text[name.n]; name.n++)
		folded[name.n] = text[name.n] == '_' ? '-' : text[name.n];
	static const char *const requests[] = {"cdn-loop", "max-forwards", "x-request-id", NULL};
	static const char *const responses[] = {"date", NULL};
	enum http1_id id = http1_field_id(name);
	bool frames = http1_field_flags[id] & (HTTP1_FRAME | HTTP1_HOP);
	if (frames || id == HTTP1_TRAILER || (!response && id == HTTP1_EXPECT))
		return true;
	if (!response && (id == HTTP1_X_FORWARDED_FOR || id == HTTP1_X_FORWARDED_HOST ||
				 id == HTTP1_X_FORWARDED_PROTO))
		return true;
	for (const char *const *r = response ? responses : requests; *r; r++)
		if (str_eq_nocase(name, str_from(*r)))
			return true;
	return false;
}

static int check_name(struct compile *c, const struct tree_node *at, const char *name,
	bool response)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	if (!*name || name[strspn(name, token)])
		return compile_fail(c, at, "\"%s\" is no name of a field", name);
	if (strlen(name) > RULE_FIELD_MAX)
		return compile_fail(c, at, "the name of a field has at most %d characters",
			RULE_FIELD_MAX);
	if (is_reserved(name, response))
		return compile_fail(c, at,
			"%s is this exit node's to write: rules neither set nor remove it", name);
	return 0;
}

static int add_op(struct compile *c, const struct tree_node *at, enum field_change change,
	const char *name, struct rule_fields *out)
{
	if (c->quota && !c->quota->fields--)
		return compile_fail(c, at, "the rules change too many fields");
	struct field_op *op = &out->v[out->n++];
	op->change = (uint8_t)change;
	op->name = arena_copy(c->arena, str_from(name));
	if (!op->name.p)
		return compile_fail_memory(c);
	if (change == FIELD_REMOVE)
		return 0;
	if (at->kind != TREE_SCALAR)
		return compile_fail(c, at, "%s takes a text", name);
	int r = template_compile(str_from(at->text), false, c->arena, &op->value, c->err);
	if (r)
		return compile_fail_at(c, at, r);
	if (compile_searches(c, at, template_lookups(&op->value)) < 0)
		return -EINVAL;
	struct buf plain = BUF_NULL;
	op->is_plain = template_is_plain(&op->value);
	if (op->is_plain && template_write(&op->value, TEMPLATE_FIELD, NULL, NULL, &plain) == 0)
		op->plain = arena_copy(c->arena,
			(struct str){(const char *)buf_head(&plain), buf_len(&plain)});
	buf_deinit(&plain);
	return op->is_plain && !op->plain.p ? compile_fail_memory(c) : 0;
}

static int compile_values(struct compile *c, const struct tree_node *map, bool response,
	struct rule_fields *out)
{
	enum field_change change = strcmp(map->key, "set") == 0 ? FIELD_SET : FIELD_ADD;
	if (map->kind != TREE_MAP)
		return compile_fail(c, map,
			"%s takes a mapping of names and values, as {X-Frame-Options: "
			"DENY}",
			map->key);
	for (const struct tree_node *i = map->child; i; i = i->next) {
		int r = check_name(c, i, i->key, response);
		if (!r)
			r = add_op(c, i, change, i->key, out);
		if (r)
			return r;
	}
	return 0;
}

static int compile_names(struct compile *c, const struct tree_node *node, bool response,
	struct rule_fields *out)
{
	int n = compile_texts(c, node, "remove");
	for (const struct tree_node *i = n < 0 ? NULL : compile_first(node); i;
		i = compile_next(node, i)) {
		int r = check_name(c, i, i->text, response);
		if (!r)
			r = add_op(c, i, FIELD_REMOVE, i->text, out);
		if (r)
			return r;
	}
	return MIN(n, 0);
}

int fields_compile(struct compile *c, const struct tree_node *node, bool response,
	struct rule_fields *out)
{
	static const char *const known[] = {"set", "add", "remove", NULL};
	size_t n = 0;
	int r = compile_members(c, node, known);
	*out = (struct rule_fields){.v = NULL};
	for (const struct tree_node *i = r ? NULL : node->child; i; i = i->next) {
		n += i->kind == TREE_SCALAR;
		for (const struct tree_node *k = i->child; k; k = k->next)
			n++;
	}
	out->v = arena_alloc(c->arena, n * sizeof(*out->v));
	if (!r && !out->v)
		return compile_fail_memory(c);
	for (const struct tree_node *i = r ? NULL : node->child; i && !r; i = i->next)
		r = strcmp(i->key, "remove") == 0 ? compile_names(c, i, response, out)
						  : compile_values(c, i, response, out);
	return r;
}
