/* SPDX-License-Identifier: MIT */
#include "cli/identity_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/exit_status.h"
#include "base/file_error.h"
#include "cli/identity_members.h"
#include "config/tree.h"
#include "config/value.h"

#define LIST_NAME "identities"

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

/* ---- A member ---- */

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
	int r = identity && json_array_append_new(list, identity) == 0
			? 0
			: error_set(f->err, STATUS_FAILED, "no memory");
	for (const struct tree_node *member = node->child; !r && member; member = member->next)
		r = read_member(f, member, identity);
	if (!r && !json_object_get(identity, "name"))
		r = wrong(f, node, "this identity has no name", "");
	return r;
}

static int read_root(const struct reading *f, const struct tree_node *root, json_t *list)
{
	int r = 0;
	const struct tree_node *node = root->child;
	if (!node)
		return wrong(f, root, "there is nothing in it: it begins with \"identities:\"", "");
	for (; !r && node; node = node->next) {
		if (strcmp(node->key, LIST_NAME) != 0 || node->kind != TREE_LIST)
			return wrong(f, node, "what belongs here is a list, \"identities:\"",
				node->key);
		for (const struct tree_node *each = node->child; !r && each; each = each->next)
			r = read_identity(f, each, list);
	}
	return r;
}

int identity_file_read(const char *path, json_t **out, struct error *err)
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
	json_t *list = json_array(), *document = list ? json_pack("{s:o}", LIST_NAME, list) : NULL;
	int r = document ? read_root(&f, root, list) : error_set(err, STATUS_FAILED, "no memory");
	tree_free(root);
	if (r)
		json_decref(document);
	else
		*out = document;
	return r;
}
