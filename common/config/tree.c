/* SPDX-License-Identifier: MIT */
/* libyaml's events folded into the tree. */
#include "config/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <yaml.h>

#include "config/formatting.h"
#include "config/tree_cause.h"

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one; owned */
	const char *path;
	struct str text; /* all of the file */
	bool list;       /* it may be one list */
	struct error *err;
};

static int fail(struct reader *r, unsigned line, const char *what)
{
	return error_set(r->err, -EINVAL, "%s:%u: %s", r->path, line, what);
}

static unsigned line_of(const struct reader *r)
{
	return (unsigned)r->event.start_mark.line + 1;
}

static int advance(struct reader *r)
{
	yaml_event_delete(&r->event);
	if (yaml_parser_parse(&r->parser, &r->event))
		return 0;
	memset(&r->event, 0, sizeof r->event);
	const struct tree_problem problem = {
		.problem = r->parser.problem,
		.context = r->parser.context,
		.line = r->parser.problem_mark.line,
		.column = r->parser.problem_mark.column,
		.context_line = r->parser.context_mark.line,
	};
	return tree_explain(r->path, r->text, &problem, r->err);
}

static int read_node(struct reader *r, int depth, struct tree_node **out);

static struct tree_node *node_new(struct reader *r, enum tree_kind kind)
{
	struct tree_node *node = calloc(1, sizeof *node);
	if (node) {
		node->kind = kind;
		node->line = line_of(r);
	}
	return node;
}

/* An alias; an anchor or a tag before a value, which would be read without what it begins with. */
static char mark_of(const yaml_event_t *e)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	if (e->type == YAML_ALIAS_EVENT)
		return '*';
	if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
	}
	/* "!!str" is spelt out by the parser, and harmless. */
	return anchor ? '&' : tag && tag[0] == '!' ? '!' : 0;
}

static int read_key(struct reader *r, const struct tree_node *map, char **key_out)
{
	char mark = mark_of(&r->event);
	if (mark)
		return fail(r, line_of(r), tree_cause_of_mark(mark));
	if (r->event.type != YAML_SCALAR_EVENT)
		return fail(r, line_of(r), "a key must be a plain word");
	const char *key = (const char *)r->event.data.scalar.value;
	if (formatting_check_key(key, r->err)) {
		error_prefix(r->err, "%s:%u", r->path, line_of(r));
		return -EINVAL;
	}
	for (const struct tree_node *n = map->child; n; n = n->next)
		if (strcmp(n->key, key) == 0)
			return error_set(r->err, -EINVAL, "%s:%u: %s stands in line %u already",
				r->path, line_of(r), key, n->line);
	*key_out = strdup(key);
	if (!*key_out)
		return fail(r, line_of(r), "no memory");
	int e = advance(r);
	if (e) {
		free(*key_out);
		*key_out = NULL;
	}
	return e;
}

/* The current event opened the collection; returns behind its end. */
static int read_children(struct reader *r, struct tree_node *parent, int depth)
{
	struct tree_node **tail = &parent->child;
	yaml_event_type_t end =
		parent->kind == TREE_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
	int e = advance(r);
	while (!e && r->event.type != end) {
		char *key = NULL;
		if (parent->kind == TREE_MAP && (e = read_key(r, parent, &key)))
			break;
		e = read_node(r, depth + 1, tail);
		if (e) {
			free(key);
			break;
		}
		(*tail)->key = key;
		tail = &(*tail)->next;
	}
	return e ? e : advance(r);
}

/* How YAML writes nothing (core schema, 10.3.2); in quotes it is a text like any other. */
static bool is_null(const yaml_event_t *scalar)
{
	const char *text = (const char *)scalar->data.scalar.value;
	return scalar->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!strcmp(text, "~") || !strcasecmp(text, "null"));
}

static int read_node(struct reader *r, int depth, struct tree_node **out)
{
	if (depth > TREE_DEPTH_MAX)
		return fail(r, line_of(r), "nested too deeply");
	bool scalar = r->event.type == YAML_SCALAR_EVENT;
	bool map = r->event.type == YAML_MAPPING_START_EVENT;
	char mark = mark_of(&r->event);
	if (mark)
		return fail(r, line_of(r), tree_cause_of_mark(mark));

	struct tree_node *node = node_new(r, scalar ? TREE_SCALAR : map ? TREE_MAP : TREE_LIST);
	if (!node)
		return fail(r, line_of(r), "no memory");
	int e;
	if (!scalar) {
		e = read_children(r, node, depth);
	} else if (strlen((char *)r->event.data.scalar.value) != r->event.data.scalar.length) {
		e = fail(r, line_of(r), "a value has a NUL character in it");
	} else {
		node->text = strdup(is_null(&r->event) ? "" : (char *)r->event.data.scalar.value);
		e = node->text ? advance(r) : fail(r, line_of(r), "no memory");
	}
	if (e)
		tree_free(node);
	else
		*out = node;
	return e;
}

static int read_stream(struct reader *r, struct tree_node **root_out)
{
	struct tree_node *root = NULL;
	int e = advance(r); /* STREAM-START */
	if (!e)
		e = advance(r); /* DOCUMENT-START or STREAM-END */
	if (!e && r->event.type == YAML_STREAM_END_EVENT) {
		*root_out = node_new(r, TREE_MAP);
		return *root_out ? 0 : fail(r, 1, "no memory");
	}
	if (!e)
		e = advance(r);
	if (!e)
		e = read_node(r, 0, &root);
	if (!e && root->kind != TREE_MAP && !(r->list && root->kind == TREE_LIST))
		e = tree_explain_shape(r->path, r->text, root->line, r->err);
	if (!e)
		e = advance(r); /* behind DOCUMENT-END */
	if (!e && r->event.type != YAML_STREAM_END_EVENT)
		e = fail(r, line_of(r), "a second document begins");
	if (e)
		tree_free(root);
	else
		*root_out = root;
	return e;
}

int tree_parse(struct str text, const char *path, bool list, struct tree_node **root_out,
	struct error *err)
{
	struct reader r = {.path = path, .err = err, .text = text, .list = list};
	if (!yaml_parser_initialize(&r.parser))
		return error_set(err, -ENOMEM, "%s: no memory", path);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.p, text.n);
	int e = read_stream(&r, root_out);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return e;
}

int tree_read(int fd, const char *path, struct tree_node **root_out, struct error *err)
{
	unsigned char *text = malloc(TREE_SIZE_MAX + 1);
	size_t n = 0;
	ssize_t got = 1;
	if (!text)
		return error_set(err, -ENOMEM, "%s: no memory", path);
	while (got > 0 && n <= TREE_SIZE_MAX) {
		got = read(fd, text + n, TREE_SIZE_MAX + 1 - n);
		if (got > 0)
			n += (size_t)got;
	}
	int e = 0;
	if (got < 0)
		e = error_set(err, -errno, "%s cannot be read: %m", path);
	else if (n > TREE_SIZE_MAX)
		e = error_set(err, -EINVAL, "%s is larger than %d bytes", path, TREE_SIZE_MAX);
	if (!e)
		e = tree_parse((struct str){(char *)text, n}, path, false, root_out, err);
	explicit_bzero(text, n);
	free(text);
	return e;
}

struct tree_node *tree_free(struct tree_node *node)
{
	while (node) {
		struct tree_node *next = node->next;
		tree_free(node->child);
		if (node->text)
			explicit_bzero(node->text, strlen(node->text));
		free(node->text);
		free(node->key);
		free(node);
		node = next;
	}
	return NULL;
}
