/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A YAML file as a tree with line numbers. What the tree means is for its reader to say; here only
 * the shape is checked: one document, plain keys, none of them twice in one mapping, no anchors.
 */
#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

/* Far above any configuration, far below what would hurt. */
#define TREE_SIZE_MAX  (1 << 20) /* bytes */
#define TREE_DEPTH_MAX 12        /* mappings and lists inside each other */

enum tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree_node {
	enum tree_kind kind;
	unsigned line;           /* from 1 */
	char *key;               /* inside a mapping, else NULL */
	char *text;              /* of a scalar, without its quotes */
	struct tree_node *child; /* the first inside, in the file's order */
	struct tree_node *next;  /* the next beside it */
};

/*
 * Reads all of `fd`; `path` is for the sentences. An empty file is an empty mapping. -EINVAL with
 * file and line when it is not YAML of this shape.
 */
int tree_read(int fd, const char *path, struct tree_node **root_out, struct error *err);

/* The same of a text that is there already. With `list` it may be one list as well. */
int tree_parse(struct str text, const char *path, bool list, struct tree_node **root_out,
	struct error *err);

/* Wipes texts, which may be secrets. Returns NULL. */
struct tree_node *tree_free(struct tree_node *node);
