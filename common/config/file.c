/* The YAML file: options by the names of the command line, a value or a list of values each. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
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
	return row->type == OPTION_LIST || row->type == OPTION_LINES || row->type == OPTION_PORTS;
}

static int unknown(const struct option_table *t, const char *path, const struct tree_node *node,
	struct error *err)
{
	const char *near = option_nearest(t, node->key, strlen(node->key));
	if (near && strcmp(near, OPTION_HELP_NAME) != 0)
		return error_set(err, -EINVAL, "%s:%u: unknown option %s; did you mean %s?", path,
			node->line, node->key, near);
	return error_set(err, -EINVAL, "%s:%u: unknown option %s; see tunnel help %s", path,
		node->line, node->key, t->command);
}

/* A secret in the file makes the file a secret. */
static int check_secret(const struct entry *e, struct error *err)
{
	struct error warning;
	int r = token_source_check_file(e->fd, e->path, &warning, err);
	return r == TOKEN_SOURCE_EXPOSED ? config_add_note(e->c, warning.text, err) : r;
}

static int apply_entry(const struct entry *e, const struct tree_node *node, struct error *err)
{
	const struct option_table *t = config_table(e->c);
	const struct option_row *row = option_find(t, node->key, strlen(node->key));
	if (!row)
		return unknown(t, e->path, node, err);
	if (strcmp(row->name, OPTION_FILE_NAME) == 0)
		return error_set(err, -EINVAL, "%s:%u: a file cannot name another one", e->path,
			node->line);
	if (node->kind == TREE_MAP || (node->kind == TREE_LIST && !takes_list(row)))
		return error_set(err, -EINVAL, "%s:%u: %s takes %s", e->path, node->line, row->name,
			takes_list(row) ? "a value or a list of values" : "one value");
	if (row->type == OPTION_SECRET) {
		int r = check_secret(e, err);
		if (r)
			return r;
	}
	const struct tree_node *item = node->kind == TREE_LIST ? node->child : node;
	for (; item; item = node->kind == TREE_LIST ? item->next : NULL) {
		if (item->kind != TREE_SCALAR)
			return error_set(err, -EINVAL, "%s:%u: a list inside %s must be of values",
				e->path, item->line, row->name);
		struct config_origin origin = {FROM_FILE, e->path, item->line};
		int r = config_apply(e->c, row, str_from(item->text), origin, err);
		if (r)
			return r;
	}
	return 0;
}

int config_read_file(struct config *c, const char *path, struct error *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return error_set(err, -errno, "the configuration file %s cannot be opened: %m",
			path);
	struct tree_node *root;
	int r = tree_read(fd, path, &root, err);
	if (r)
		return r;
	struct entry e = {c, path, fd};
	for (const struct tree_node *node = root->child; node && !r; node = node->next)
		r = apply_entry(&e, node, err);
	tree_free(root);
	return r;
}
