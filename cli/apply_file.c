/* SPDX-License-Identifier: MIT */
#include "cli/apply_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/exit_status.h"
#include "base/file_error.h"
#include "base/macros.h"
#include "cli/identity_members.h"
#include "config/tree.h"
#include "config/value.h"

struct reading {
	const char *path;
	struct error *err;
};

static int wrong(const struct reading *f, const struct tree_node *node, const char *what,
	const char *name)
{
	return error_set(f->err, STATUS_USAGE, "%s:%u: %s%s%s", f->path, node->line, name,
		*name ? ": " : "", what);
}

static int no_memory(const struct reading *f)
{
	return error_set(f->err, STATUS_FAILED, "no memory");
}

/* ---- An identity ---- */

/* A value, or each of a list, into the option's field. */
static int read_values(const struct reading *f, const struct option_row *row,
	const struct tree_node *node, struct admin_options *o)
{
	bool list = row->type == OPTION_LIST;
	if (node->kind == TREE_MAP || (node->kind == TREE_LIST && !list))
		return wrong(f, node,
			list ? "a value or a list belongs here" : "one value belongs here",
			node->key);
	const struct tree_node *value = node->kind == TREE_LIST ? node->child : node;
	for (; value; value = node->kind == TREE_LIST ? value->next : NULL) {
		struct error err;
		if (value->kind != TREE_SCALAR)
			return wrong(f, value, "a list inside the list", node->key);
		if (value_set(row, o, str_from(value->text), &err))
			return wrong(f, value, err.text, node->key);
	}
	return 0;
}

static int read_member(const struct reading *f, const struct tree_node *node, json_t *identity)
{
	const struct option_row *row = identity_row(node->key);
	struct admin_options o = {0};
	if (strcmp(node->key, "name") == 0) {
		if (node->kind != TREE_SCALAR)
			return wrong(f, node, "a name is one word", node->key);
		return json_object_set_new(identity, "name", json_string(node->text))
			       ? wrong(f, node, "it is not UTF-8", node->key)
			       : 0;
	}
	if (!row)
		return wrong(f, node,
			"an identity has nothing of that name; see tunnel token create --help=all",
			node->key);
	int r = read_values(f, row, node, &o);
	if (!r && identity_put(identity, row, &o))
		r = wrong(f, node, "it is not UTF-8", node->key);
	value_clear(row, &o);
	return r;
}

static int read_identity(const struct reading *f, const struct tree_node *node, json_t *list)
{
	if (node->kind != TREE_MAP)
		return wrong(f, node, "an identity is written \"name: NAME\" and what it may", "");
	json_t *identity = json_object();
	int r = identity && json_array_append_new(list, identity) == 0 ? 0 : no_memory(f);
	for (const struct tree_node *member = node->child; !r && member; member = member->next)
		r = read_member(f, member, identity);
	if (!r && !json_object_get(identity, "name"))
		r = wrong(f, node, "this identity has no name", "");
	return r;
}

/* ---- An intention ---- */

static int put_text(const struct reading *f, const struct tree_node *node, json_t *to)
{
	if (node->kind != TREE_SCALAR)
		return wrong(f, node, "one value belongs here", node->key);
	return json_object_set_new(to, node->key, json_string(node->text))
		       ? wrong(f, node, "it is not UTF-8", node->key)
		       : 0;
}

static int read_meta(const struct reading *f, const struct tree_node *node, json_t *intention)
{
	json_t *meta = json_object();
	int r = node->kind == TREE_MAP ? 0
				       : wrong(f, node, "pairs belong here, key: value", node->key);
	for (const struct tree_node *pair = node->child; !r && pair; pair = pair->next)
		r = put_text(f, pair, meta);
	if (json_object_set_new(intention, node->key, meta) && !r)
		r = no_memory(f);
	return r;
}

static int read_intention(const struct reading *f, const struct tree_node *node, json_t *list)
{
	static const char *const texts[] = {"source", "destination", "action", "description"};
	if (node->kind != TREE_MAP)
		return wrong(f, node, "an intention is written \"source: NAME\" and so on", "");
	json_t *intention = json_object();
	int r = intention && json_array_append_new(list, intention) == 0 ? 0 : no_memory(f);
	for (const struct tree_node *member = node->child; !r && member; member = member->next) {
		size_t i = 0;
		while (i < ARRAY_LEN(texts) && strcmp(texts[i], member->key) != 0)
			i++;
		if (i < ARRAY_LEN(texts))
			r = put_text(f, member, intention);
		else if (strcmp(member->key, "meta") == 0)
			r = read_meta(f, member, intention);
		else
			r = wrong(f, member,
				"an intention has nothing of that name: source, destination, "
				"action, description, meta",
				member->key);
	}
	if (!r && (!json_object_get(intention, "source") ||
			  !json_object_get(intention, "destination")))
		r = wrong(f, node, "source and destination belong to each intention", "");
	return r;
}

/* ---- The lists ---- */

static const struct {
	const char *name;
	int (*read)(const struct reading *f, const struct tree_node *node, json_t *list);
} lists[] = {
	{"identities", read_identity},
	{"intentions", read_intention},
};

static int read_list(const struct reading *f, const struct tree_node *node, json_t *document)
{
	size_t i = 0;
	while (i < ARRAY_LEN(lists) && strcmp(lists[i].name, node->key) != 0)
		i++;
	if (i == ARRAY_LEN(lists) || node->kind != TREE_LIST)
		return wrong(f, node,
			"what belongs here is a list, \"identities:\" or \"intentions:\"",
			node->key);
	json_t *list = json_array();
	if (json_object_set_new(document, node->key, list))
		return no_memory(f);
	int r = 0;
	for (const struct tree_node *each = node->child; !r && each; each = each->next)
		r = lists[i].read(f, each, list);
	return r;
}

static int read_root(const struct reading *f, const struct tree_node *root, json_t *document)
{
	int r = 0;
	const struct tree_node *node = root->child;
	if (!node)
		return wrong(f, root,
			"there is nothing in it: it begins with \"identities:\" or "
			"\"intentions:\"",
			"");
	for (; !r && node; node = node->next)
		r = read_list(f, node, document);
	return r;
}

int apply_file_read(const char *path, json_t **out, struct error *err)
{
	bool standard = strcmp(path, "-") == 0;
	struct reading f = {.path = standard ? "standard input" : path, .err = err};
	auto_close int fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	struct tree_node *root = NULL;
	if (fd < 0) {
		file_error(err, -errno, path, FILE_READ, "--file: %s cannot be opened", path);
		return STATUS_USAGE;
	}
	if (tree_read(fd, f.path, &root, err))
		return STATUS_USAGE;
	json_t *document = json_object();
	int r = document ? read_root(&f, root, document) : no_memory(&f);
	tree_free(root);
	if (r)
		json_decref(document);
	else
		*out = document;
	return r;
}
