/* SPDX-License-Identifier: MIT */
#pragma once
/* Who may come by `basic`: names with the hashes of their passwords, from a file as htpasswd makes it, or inline. */
#include "rules/condition.h"

#define USERS_MAX     4096 /* of one list */
#define USER_NAME_MAX 255  /* bytes of a name, as htpasswd has it */

struct user {
	struct str name;
	const char *hash;
};

struct users {
	struct user *v; /* sorted by name */
	size_t n;
};

/*
 * `node` is the path of a file, absolute, or a list of "name:hash". 0, or < 0 with a sentence. Of a
 * client's rules it is a list, with hashes of less cost.
 */
int users_compile(struct compile *c, const struct tree_node *node, struct users *out);

/* NULL: there is none of that name. */
const struct user *users_find(const struct users *u, struct str name);
