/* SPDX-License-Identifier: MIT */
#include "server/acme/acme_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/worker.h"
#include "wire/address.h"

#define NAME_CHARS 230 /* of a name whose files' names are short enough */

static uint64_t hash_of(const struct acme *a, struct str name)
{
	return keyed_hash(&a->hash_key, name.p, name.n);
}

struct acme_name *acme_name_find(const struct acme *a, struct str name)
{
	table_for_each (it, &a->table, hash_of(a, name)) {
		struct acme_name *n = table_entry(it, struct acme_name, node);
		if (str_eq(str_from(n->name), name))
			return n;
	}
	return NULL;
}

struct acme_name *acme_name_new(struct acme *a, const char *text)
{
	struct acme_name *n = calloc(1, sizeof(*n));
	struct str name = str_from(text);
	if (!n || table_add(&a->table, &n->node, hash_of(a, name)) < 0) {
		free(n);
		return NULL;
	}
	snprintf(n->name, sizeof(n->name), "%s", text);
	list_init(&n->link);
	list_append(&a->names, &n->link);
	return n;
}

bool acme_name_eligible(const struct acme *a, const char *name)
{
	const struct option_list *wanted = &a->opts->acme_names;
	struct address literal;
	struct str text = str_from(name);
	bool wild = *name == '*';
	if (!text.n || text.n > NAME_CHARS || !memchr(text.p, '.', text.n) ||
		address_parse_ip(text, &literal) || (wild && !a->opts->acme_dns_hook))
		return false;
	/* Wildcards are ordered where they are named. */
	bool is_wanted = !wanted->n && !wild;
	for (size_t i = 0; i < wanted->n && !is_wanted; i++)
		is_wanted = strcmp(wanted->v[i], name) == 0 ||
			    (!wild && hostname_covers(str_from(wanted->v[i]), text));
	return is_wanted;
}

/* A wildcard that was ordered, and still lasts, is for the name as well. */
static bool is_below_wildcard(const struct acme *a, const struct acme_name *n, int64_t now)
{
	char wildcard[HOSTNAME_SIZE + 2];
	const char *dot = strchr(n->name, '.');
	snprintf(wildcard, sizeof(wildcard), "*%s", dot ? dot : "");
	const struct acme_name *w = *n->name == '*' ? NULL : acme_name_find(a, str_from(wildcard));
	return w && w->issued && w->facts.dates.to > now;
}

bool acme_name_covered(const struct acme *a, const struct acme_name *n, int64_t now)
{
	const struct tls_server *tls = a->node->workers[0]->tls;
	return !n->own &&
	       ((tls && tls_server_covers(tls, str_from(n->name))) || is_below_wildcard(a, n, now));
}

bool acme_renews(const struct acme *a, const struct tls_dates *d)
{
	/* There is one name in each. */
	const struct acme_name *n = a ? acme_name_find(a, str_from(d->names)) : NULL;
	return n && n->issued && n->facts.dates.to == d->to &&
	       (!acme_name_wanted(n) || !n->kept.failures);
}

/* ---- Files of certificates ---- */

static int add_path(const struct acme *a, const struct acme_name *n, struct acme_paths *out)
{
	out->v[out->n] = acme_files_certificate_path(&a->files, n->name);
	if (!out->v[out->n])
		return -ENOMEM;
	out->n++;
	out->n_own += n->own;
	return 0;
}

int acme_paths(const struct acme *a, struct acme_paths *out)
{
	*out = (struct acme_paths){.v = calloc(a->table.n + 1, sizeof(char *))};
	int r = out->v ? 0 : -ENOMEM;
	for (int own = 1; own >= 0 && r == 0; own--)
		list_for_each (it, &a->names) {
			const struct acme_name *n = list_entry(it, struct acme_name, link);
			if (n->issued && n->own == own && r == 0)
				r = add_path(a, n, out);
		}
	return r;
}

void acme_paths_free(struct acme_paths *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i]);
	free(p->v);
	*p = (struct acme_paths){0};
}
