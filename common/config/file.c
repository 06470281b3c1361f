/* SPDX-License-Identifier: MIT */
/* The YAML file: options by the names of the command line, a value or a list of values each. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "config/apply.h"
#include "config/token_source.h"
#include "config/tree.h"

/* What one entry is read with. */
struct entry {
	struct config *c;
	const char *path;
	int fd;
};

static bool takes_list(const struct option_row *row)
{
	return row->type == OPTION_LIST || row->type == OPTION_LINES || row->type == OPTION_PORTS ||
	       row->type == OPTION_RANGES;
}

/* "Remote" is remote, whatever else has that name. */
static bool is_meant(const char *near, const char *typed)
{
	return near && strcasecmp(near, typed) == 0;
}

static int unknown(const struct entry *e, const struct option_table *t,
	const struct tree_node *node, struct error *err)
{
	const char *habit = option_habit(config_table(e->c), node->key, strlen(node->key));
	const char *near = option_nearest_key(t, node->key, strlen(node->key));
	if (habit && !is_meant(near, node->key))
		return error_set(err, -EINVAL, "%s:%u: unknown option %s: %s", e->path, node->line,
			node->key, habit);
	struct option_at inner = option_find(config_table(e->c), node->key, strlen(node->key));
	if (inner.group && !inner.row->begins && t == config_table(e->c))
		return error_set(err, -EINVAL, "%s:%u: %s belongs inside an entry of %s", e->path,
			node->line, node->key, inner.group->name);
	if (near)
		return error_set(err, -EINVAL, "%s:%u: unknown option %s; did you mean %s?",
			e->path, node->line, node->key, near);
	return error_set(err, -EINVAL, "%s:%u: unknown option %s; see tunnel help %s", e->path,
		node->line, node->key, config_table(e->c)->command);
}

/* A secret in the file makes the file a secret. */
static int check_secret(const struct entry *e, struct error *err)
{
	struct error warning;
	int r = token_source_check_file(e->fd, e->path, &warning, err);
	return r == TOKEN_SOURCE_EXPOSED ? config_add_note(e->c, warning.text, err) : r;
}

static int apply_values(const struct entry *e, struct option_at at, const struct tree_node *node,
	bool lists, struct error *err)
{
	if (node->kind == TREE_MAP || (node->kind == TREE_LIST && !lists))
		return error_set(err, -EINVAL, "%s:%u: %s takes %s%s%s%s", e->path, node->line,
			option_in_file(at), lists ? "a value or a list of values" : "one value",
			node->kind == TREE_MAP ? ", and no map" : "",
			node->kind == TREE_MAP && at.row->metavar ? ": " : "",
			node->kind == TREE_MAP && at.row->metavar ? at.row->metavar : "");
	const struct tree_node *item = node->kind == TREE_LIST ? node->child : node;
	for (; item; item = node->kind == TREE_LIST ? item->next : NULL) {
		if (item->kind != TREE_SCALAR)
			return error_set(err, -EINVAL, "%s:%u: a list inside %s must be of values",
				e->path, item->line, option_in_file(at));
		struct config_origin origin = {.source = FROM_FILE,
			.file = e->path,
			.line = item->line};
		int r = config_apply(e->c, at, str_from(item->text), origin, err);
		if (r)
			return r;
	}
	return 0;
}

/* One element: its key first, wherever it stands, since it is what begins one. */
static int apply_element(const struct entry *e, const struct option_row *group,
	const struct tree_node *map, struct error *err)
{
	const struct option_row *key = option_key(group);
	const struct tree_node *first = map->kind == TREE_MAP ? map->child : NULL;
	while (first && option_find_key(group->group, first->key, strlen(first->key)) != key)
		first = first->next;
	if (!first)
		return error_set(err, -EINVAL, "%s:%u: an entry of %s is a map with %s in it",
			e->path, map->line, group->name, key->name);
	int r = apply_values(e, (struct option_at){key, group}, first, false, err);
	for (const struct tree_node *node = map->child; node && !r; node = node->next) {
		const struct option_row *row =
			option_find_key(group->group, node->key, strlen(node->key));
		if (!row || row->begins)
			r = unknown(e, group->group, node, err);
		else if (row == key && node != first)
			r = error_set(err, -EINVAL, "%s:%u: %s stands in line %u already", e->path,
				node->line, key->name, first->line);
		else if (row != key)
			r = apply_values(e, (struct option_at){row, group}, node, takes_list(row),
				err);
	}
	return r;
}

static int apply_group(const struct entry *e, const struct option_row *group,
	const struct tree_node *node, struct error *err)
{
	if (node->kind != TREE_LIST)
		return error_set(err, -EINVAL, "%s:%u: %s takes a list of maps, each with %s in it",
			e->path, node->line, group->name, option_key(group)->name);
	int r = 0;
	for (const struct tree_node *item = node->child; item && !r; item = item->next)
		r = apply_element(e, group, item, err);
	return r;
}

/* At the top a group's key does for elements without settings. */
static struct option_at find(const struct option_table *t, const char *name)
{
	struct option_at at = {option_find_key(t, name, strlen(name)), NULL};
	struct option_at inner = option_find(t, name, strlen(name));
	if (!at.row && inner.group && inner.row == option_key(inner.group))
		return inner;
	return at;
}

static int apply_entry(const struct entry *e, const struct tree_node *node, struct error *err)
{
	const struct option_table *t = config_table(e->c);
	struct option_at at = find(t, node->key);
	if (!at.row)
		return unknown(e, t, node, err);
	if (strcmp(at.row->name, OPTION_FILE_NAME) == 0)
		return error_set(err, -EINVAL, "%s:%u: a file cannot name another one", e->path,
			node->line);
	if (at.row->type == OPTION_GROUP)
		return apply_group(e, at.row, node, err);
	if (at.row->type == OPTION_SECRET && node->kind == TREE_SCALAR) {
		int r = check_secret(e, err);
		if (r)
			return r;
	}
	return apply_values(e, at, node, at.group || takes_list(at.row), err);
}

int config_read_file(struct config *c, const char *path, size_t *unknown_out, struct error *err)
{
	*unknown_out = 0;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return file_error(err, -errno, path, FILE_READ,
			"the configuration file %s cannot be opened", path);
	struct tree_node *root;
	int r = tree_read(fd, path, &root, err);
	if (r)
		return r;
	struct entry e = {c, path, fd};
	for (const struct tree_node *node = root->child; node; node = node->next) {
		const char *near =
			option_nearest_key(config_table(c), node->key, strlen(node->key));
		*unknown_out += !find(config_table(c), node->key).row && !is_meant(near, node->key);
	}
	for (const struct tree_node *node = root->child; node && !r; node = node->next)
		r = apply_entry(&e, node, err);
	tree_free(root);
	return r;
}
