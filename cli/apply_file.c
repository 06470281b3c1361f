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

/* ---- Private services, endpoints, intentions ---- */

enum kind {
	TEXT,
	TEXTS, /* an array, or a text with commas between */
	FLAG,
	MAP,
};

/* By the names of options, or as JSON has them. */
struct member {
	const char *name, *member;
	enum kind kind;
};

static int not_utf8(const struct reading *f, const struct tree_node *node)
{
	return wrong(f, node, "it is not UTF-8", node->key);
}

static int put_text(const struct reading *f, const struct tree_node *node, const char *member,
	json_t *to)
{
	if (node->kind != TREE_SCALAR)
		return wrong(f, node, "one value belongs here", node->key);
	return json_object_set_new(to, member, json_string(node->text)) ? not_utf8(f, node) : 0;
}

static int put_map(const struct reading *f, const struct tree_node *node, const char *member,
	json_t *to)
{
	json_t *map = json_object();
	int r = node->kind == TREE_MAP ? 0
				       : wrong(f, node, "pairs belong here, key: value", node->key);
	for (const struct tree_node *pair = node->child; !r && pair; pair = pair->next)
		r = put_text(f, pair, pair->key, map);
	if (json_object_set_new(to, member, map) && !r)
		r = no_memory(f);
	return r;
}

static int put_texts(const struct reading *f, const struct tree_node *node, const char *member,
	json_t *to)
{
	json_t *array = json_array();
	bool list = node->kind == TREE_LIST;
	int r = node->kind == TREE_MAP ? wrong(f, node, "a value or a list belongs here", node->key)
				       : 0;
	for (const struct tree_node *value = list ? node->child : node; !r && value;
		value = list ? value->next : NULL) {
		if (value->kind != TREE_SCALAR)
			r = wrong(f, value, "a list inside the list", node->key);
		else if (*value->text && json_array_append_new(array, json_string(value->text)))
			r = not_utf8(f, node);
	}
	if (json_object_set_new(to, member, array) && !r)
		r = no_memory(f);
	return r;
}

static int put_flag(const struct reading *f, const struct tree_node *node, const char *member,
	json_t *to)
{
	bool set = node->kind == TREE_SCALAR && strcmp(node->text, "true") == 0;
	if (!set && (node->kind != TREE_SCALAR || strcmp(node->text, "false") != 0))
		return wrong(f, node, "true or false belongs here", node->key);
	return json_object_set_new(to, member, json_boolean(set)) ? no_memory(f) : 0;
}

static int put_member(const struct reading *f, const struct tree_node *node,
	const struct member *member, json_t *to)
{
	switch (member->kind) {
	case TEXT:
		return put_text(f, node, member->member, to);
	case TEXTS:
		return put_texts(f, node, member->member, to);
	case FLAG:
		return put_flag(f, node, member->member, to);
	case MAP:
		return put_map(f, node, member->member, to);
	}
	return no_memory(f);
}

/* What an item of a list may have; the last member has no name. */
struct item {
	const char *shape, *unknown, *missing; /* sentences, or ends of them */
	const char *needs[2];                  /* members that it must have */
	struct member members[10];
};

static const struct item service = {
	.shape = "a private service is written \"name: NAME\" and so on",
	.unknown = "a private service has nothing of that name: name, owner, kind, visibility, "
		   "auto-approve, fqdns, managed, description",
	.missing = "this private service has no name",
	.needs = {"name", "name"},
	.members = {{"name", "name", TEXT}, {"owner", "owner", TEXT}, {"kind", "kind", TEXT},
		{"visibility", "visibility", TEXTS}, {"auto-approve", "autoApproval", TEXTS},
		{"fqdns", "fqdns", TEXTS}, {"managed", "managed", FLAG},
		{"description", "description", TEXT}},
};
static const struct item endpoint = {
	.shape = "an endpoint is written \"consumer: NAME\" and so on",
	.unknown = "an endpoint has nothing of that name: consumer, service, name, status, "
		   "description",
	.missing = "consumer and service belong to each endpoint",
	.needs = {"consumer", "service"},
	.members = {{"consumer", "consumer", TEXT}, {"service", "service", TEXT},
		{"name", "name", TEXT}, {"status", "status", TEXT},
		{"description", "description", TEXT}},
};
static const struct item intention = {
	.shape = "an intention is written \"source: NAME\" and so on",
	.unknown = "an intention has nothing of that name: source, destination, action, "
		   "description, meta",
	.missing = "source and destination belong to each intention",
	.needs = {"source", "destination"},
	.members = {{"source", "source", TEXT}, {"destination", "destination", TEXT},
		{"action", "action", TEXT}, {"description", "description", TEXT},
		{"meta", "meta", MAP}},
};

static const struct member *find_member(const struct item *item, const char *name)
{
	for (const struct member *m = item->members; m->name; m++)
		if (strcmp(m->name, name) == 0 || strcmp(m->member, name) == 0)
			return m;
	return NULL;
}

static int read_item(const struct reading *f, const struct tree_node *node, const struct item *item,
	json_t *list)
{
	if (node->kind != TREE_MAP)
		return wrong(f, node, item->shape, "");
	json_t *object = json_object();
	int r = object && json_array_append_new(list, object) == 0 ? 0 : no_memory(f);
	for (const struct tree_node *each = node->child; !r && each; each = each->next) {
		const struct member *m = find_member(item, each->key);
		r = m ? put_member(f, each, m, object) : wrong(f, each, item->unknown, each->key);
	}
	if (!r && (!json_object_get(object, item->needs[0]) ||
			  !json_object_get(object, item->needs[1])))
		r = wrong(f, node, item->missing, "");
	return r;
}

/* ---- The lists ---- */

static const struct {
	const char *name;
	const struct item *item; /* NULL: an identity */
} lists[] = {
	{"identities", NULL},
	{"services", &service},
	{"endpoints", &endpoint},
	{"intentions", &intention},
};

#define LISTS "\"identities:\", \"services:\", \"endpoints:\" or \"intentions:\""

static int read_list(const struct reading *f, const struct tree_node *node, json_t *document)
{
	size_t i = 0;
	while (i < ARRAY_LEN(lists) && strcmp(lists[i].name, node->key) != 0)
		i++;
	if (i == ARRAY_LEN(lists) || node->kind != TREE_LIST)
		return wrong(f, node, "what belongs here is a list, " LISTS, node->key);
	json_t *list = json_array();
	if (json_object_set_new(document, node->key, list))
		return no_memory(f);
	int r = 0;
	for (const struct tree_node *each = node->child; !r && each; each = each->next)
		r = lists[i].item ? read_item(f, each, lists[i].item, list)
				  : read_identity(f, each, list);
	return r;
}

static int read_root(const struct reading *f, const struct tree_node *root, json_t *document)
{
	int r = 0;
	const struct tree_node *node = root->child;
	if (!node)
		return wrong(f, root, "there is nothing in it: it begins with " LISTS, "");
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
