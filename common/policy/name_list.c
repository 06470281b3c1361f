/* SPDX-License-Identifier: MIT */
#include "policy/name_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/hostname.h"

/* Room for the longest member of either kind. */
#define MEMBER_SIZE HOSTNAME_SIZE
_Static_assert(POLICY_NAME_SIZE <= MEMBER_SIZE, "a name has room in a member");

/* A member as it is kept. 0, or -EINVAL with a sentence. */
typedef int member_check(struct str text, char out[MEMBER_SIZE], struct error *err);

static int check_name(struct str text, char out[MEMBER_SIZE], struct error *err)
{
	if (str_eq(text, STR(POLICY_LIST_ANY)))
		memcpy(out, POLICY_LIST_ANY, sizeof(POLICY_LIST_ANY));
	else if (str_eq_nocase(text, STR(POLICY_LIST_ALL)))
		memcpy(out, POLICY_LIST_ALL, sizeof(POLICY_LIST_ALL));
	else
		return policy_name_check(text, out, err);
	return 0;
}

static int check_host(struct str text, char out[MEMBER_SIZE], struct error *err)
{
	size_t n;
	return hostname_claim(text, out, &n, err);
}

/* The next member; false: there is none. `rest` begins with it, or with the comma before it. */
static bool next_member(struct str *rest, bool first, struct str *member_out)
{
	if (rest->n == 0)
		return false;
	if (!first) {
		rest->p++;
		rest->n--;
	}
	const char *comma = rest->n ? memchr(rest->p, ',', rest->n) : NULL;
	*member_out = (struct str){rest->p, comma ? (size_t)(comma - rest->p) : rest->n};
	rest->p += member_out->n;
	rest->n -= member_out->n;
	return true;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct members {
	char **v; /* owned, each too */
	size_t n;
};

static void members_free(struct members *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i]);
	free(m->v);
}

static int read_members(struct str text, member_check *check, struct members *m, struct error *err)
{
	char member[MEMBER_SIZE];
	struct str rest = text, given;
	for (bool first = true; next_member(&rest, first, &given); first = false) {
		int r = check(given, member, err);
		if (r)
			return r;
		m->v[m->n] = strdup(member);
		if (!m->v[m->n])
			return error_set(err, -ENOMEM, "no memory");
		m->n++;
	}
	return 0;
}

/* In order, each once. NULL: memory is out. */
static char *join(const struct members *m)
{
	size_t size = 1;
	for (size_t i = 0; i < m->n; i++)
		size += strlen(m->v[i]) + 1;
	auto_free char *text = malloc(size);
	if (!text)
		return NULL;
	char *at = text;
	for (size_t i = 0; i < m->n; i++) {
		if (i && strcmp(m->v[i - 1], m->v[i]) == 0)
			continue;
		if (i)
			*at++ = ',';
		size_t n = strlen(m->v[i]);
		memcpy(at, m->v[i], n);
		at += n;
	}
	return policy_text_new((struct str){text, (size_t)(at - text)});
}

static int check_list(struct str text, const char *what, member_check *check, char **list_out,
	struct error *err)
{
	if (text.n > POLICY_LIST_MAX)
		return error_set(err, -EINVAL, "the %s is longer than %d bytes", what,
			POLICY_LIST_MAX);
	size_t commas = 0;
	for (size_t i = 0; i < text.n; i++)
		commas += text.p[i] == ',';
	struct members m = {.v = calloc(commas + 1, sizeof(char *))};
	int r = m.v ? read_members(text, check, &m, err) : error_set(err, -ENOMEM, "no memory");
	if (!r && m.n)
		qsort(m.v, m.n, sizeof(char *), compare);
	char *list = r ? NULL : join(&m);
	members_free(&m);
	if (r == -EINVAL)
		error_prefix(err, "the %s", what);
	if (!r && !list)
		r = error_set(err, -ENOMEM, "no memory");
	if (!r)
		*list_out = list;
	return r;
}

int policy_list_check(struct str text, const char *what, char **list_out, struct error *err)
{
	char *list;
	int r = check_list(text, what, check_name, &list, err);
	if (r)
		return r;
	if (policy_list_has(list, STR(POLICY_LIST_ALL))) {
		policy_text_free(list);
		list = policy_text_new(STR(POLICY_LIST_ALL));
	}
	if (!list)
		return error_set(err, -ENOMEM, "no memory");
	*list_out = list;
	return 0;
}

int policy_fqdns_check(struct str text, const char *what, char **list_out, struct error *err)
{
	return check_list(text, what, check_host, list_out, err);
}

bool policy_list_has(const char *list, struct str member)
{
	struct str rest = str_from(list), each;
	for (bool first = true; next_member(&rest, first, &each); first = false)
		if (str_eq(each, member))
			return true;
	return false;
}

static bool covers(const char *list, struct str member)
{
	if (policy_list_has(list, STR(POLICY_LIST_ALL)) || policy_list_has(list, member))
		return true;
	return !str_eq(member, STR(POLICY_LIST_ALL)) && policy_list_has(list, STR(POLICY_LIST_ANY));
}

bool policy_list_within(const char *part, const char *whole, struct str *missing_out)
{
	struct str rest = str_from(part), each;
	for (bool first = true; next_member(&rest, first, &each); first = false)
		if (!covers(whole, each)) {
			*missing_out = each;
			return false;
		}
	return true;
}
