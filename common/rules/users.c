/* SPDX-License-Identifier: MIT */
#include "rules/users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "base/macros.h"
#include "crypto/password.h"

#define USERS_FIRST 16 /* places of a list at first */

static int by_name(const void *a, const void *b)
{
	const struct user *x = a, *y = b;
	int r = memcmp(x->name.p, y->name.p, MIN(x->name.n, y->name.n));
	return r ? r : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

/* While they are read the list is the heap's, of powers of two. 0 or -ENOMEM. */
static int grow(struct users *u)
{
	if (u->n & (u->n - 1) || (u->n && u->n < USERS_FIRST))
		return 0;
	struct user *v = reallocarray(u->v, u->n ? 2 * u->n : USERS_FIRST, sizeof(*v));
	u->v = v ? v : u->v;
	return v ? 0 : -ENOMEM;
}

/* "name:hash", without its line end. 0, or < 0 with a sentence without its place. */
static int add(struct compile *c, struct str line, struct users *out)
{
	const char *colon = memchr(line.p, ':', line.n);
	if (!colon || colon == line.p || colon - line.p > USER_NAME_MAX)
		return error_set(c->err, -EINVAL, "a user is written name:hash, as htpasswd does");
	struct str name = {line.p, (size_t)(colon - line.p)};
	struct str hash = {colon + 1, line.n - name.n - 1};
	int r = password_hash_check(hash, c->quota ? &password_cost_client : &password_cost_own,
		c->err);
	if (r) {
		error_prefix(c->err, "user %.*s", STR_ARG(name));
		return r;
	}
	if (out->n == USERS_MAX)
		return error_set(c->err, -EINVAL, "a list has at most %d users", USERS_MAX);
	if (grow(out))
		return error_set(c->err, -ENOMEM, "no memory");
	out->v[out->n] = (struct user){arena_copy(c->arena, name), arena_copy(c->arena, hash).p};
	const struct user *made = &out->v[out->n++];
	return made->name.p && made->hash ? 0 : error_set(c->err, -ENOMEM, "no memory");
}

static int compile_inline(struct compile *c, const struct tree_node *node, struct users *out)
{
	for (const struct tree_node *i = node->child; i; i = i->next) {
		if (i->kind != TREE_SCALAR)
			return compile_fail(c, i, "a user is written name:hash, as htpasswd does");
		int r = add(c, str_from(i->text), out);
		if (r)
			return compile_fail_at(c, i, r);
	}
	return 0;
}

static int read_file(struct compile *c, const char *path, FILE *f, struct users *out)
{
	auto_free char *line = NULL;
	size_t size = 0;
	ssize_t n;
	for (unsigned number = 1; (n = getline(&line, &size, f)) >= 0; number++) {
		while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			n--;
		if (!n || line[0] == '#')
			continue;
		int r = add(c, (struct str){line, (size_t)n}, out);
		if (r) {
			error_prefix(c->err, "%s:%u", path, number);
			return r;
		}
	}
	return ferror(f) ? error_set(c->err, -EIO, "%s cannot be read", path) : 0;
}

static int compile_file(struct compile *c, const struct tree_node *node, struct users *out)
{
	if (node->text[0] != '/')
		return compile_fail(c, node,
			"users is the whole path of a file, from the slash on, or a list of "
			"name:hash");
	FILE *f = fopen(node->text, "re");
	if (!f) {
		int r = file_error(c->err, -errno, node->text, FILE_READ,
			"the users' file %s cannot be opened", node->text);
		return compile_fail_at(c, node, r);
	}
	int r = read_file(c, node->text, f, out);
	fclose(f);
	return r;
}

static int check_twins(struct compile *c, const struct tree_node *node, const struct users *u)
{
	for (size_t i = 1; i < u->n; i++)
		if (by_name(&u->v[i - 1], &u->v[i]) == 0)
			return compile_fail(c, node, "user %.*s is there twice",
				STR_ARG(u->v[i].name));
	return 0;
}

static int keep(struct compile *c, const struct tree_node *node, const struct users *found,
	struct users *out)
{
	if (!found->n)
		return compile_fail(c, node, "there is no user in the list: nobody could come in");
	qsort(found->v, found->n, sizeof(*found->v), by_name);
	out->v = arena_alloc(c->arena, found->n * sizeof(*out->v));
	if (!out->v)
		return compile_fail_memory(c);
	memcpy(out->v, found->v, found->n * sizeof(*out->v));
	out->n = found->n;
	return check_twins(c, node, out);
}

int users_compile(struct compile *c, const struct tree_node *node, struct users *out)
{
	if (node->kind == TREE_MAP)
		return compile_fail(c, node, "users is the path of a file, or a list of name:hash");
	if (c->quota && node->kind != TREE_LIST)
		return compile_fail(c, node,
			"users of a client's rules are a list of name:hash, as they are checked "
			"where its files are not");
	struct users found = {0};
	int r = node->kind == TREE_LIST ? compile_inline(c, node, &found)
					: compile_file(c, node, &found);
	if (!r)
		r = keep(c, node, &found, out);
	free(found.v);
	return r;
}

const struct user *users_find(const struct users *u, struct str name)
{
	const struct user key = {.name = name};
	return bsearch(&key, u->v, u->n, sizeof(*u->v), by_name);
}
