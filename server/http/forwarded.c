/* SPDX-License-Identifier: MIT */
#include "server/http/forwarded.h"

#include <string.h>

#include "server/base/pseudonym.h"

#define BIT(id) (UINT64_C(1) << (id))

struct str forwarded_claim(const struct http1_head *h, enum http1_id id)
{
	if (!(h->seen & BIT(id)))
		return STR_NULL;
	for (const struct http1_field *f = h->fields + h->n_fields; f-- > h->fields;)
		if (f->id == id && !forwarded_is_twin(f))
			return f->value;
	return STR_NULL;
}

/* Takes the last element off a list; empty ones count, because who left them is not to be guessed. */
static struct str take_last(struct str *list)
{
	const char *comma = memrchr(list->p, ',', list->n);
	struct str item = *list;
	if (comma) {
		item = (struct str){comma + 1, (size_t)(list->p + list->n - comma - 1)};
		list->n = (size_t)(comma - list->p);
	} else {
		list->n = 0;
	}
	while (item.n > 0 && (item.p[0] == ' ' || item.p[0] == '\t'))
		item.p++, item.n--;
	while (item.n > 0 && (item.p[item.n - 1] == ' ' || item.p[item.n - 1] == '\t'))
		item.n--;
	return item;
}

unsigned forwarded_passes(const struct http1_head *h, const char *pseudonym)
{
	unsigned passed = 0;
	const struct http1_field *f = http1_find(h, HTTP1_CDN_LOOP);
	for (; f && f < h->fields + h->n_fields; f++) {
		struct str list = f->value, id;
		while (f->id == HTTP1_CDN_LOOP && http1_list_next(&list, &id))
			passed += id.n >= PSEUDONYM_LEN &&
				  memcmp(id.p, pseudonym, PSEUDONYM_LEN) == 0;
	}
	return passed;
}

bool forwarded_visitor(const struct http1_head *h, const struct address *peer,
	const struct cidr_list *trusted, struct address *visitor_out)
{
	*visitor_out = *peer;
	if (trusted->n == 0 || !cidr_list_has(trusted, peer))
		return false;
	if (!(h->seen & BIT(HTTP1_X_FORWARDED_FOR)))
		return true;
	unsigned hops = 0;
	for (const struct http1_field *f = h->fields + h->n_fields; f-- > h->fields;) {
		if (f->id != HTTP1_X_FORWARDED_FOR || forwarded_is_twin(f))
			continue;
		struct str list = f->value;
		while (list.n > 0) {
			struct str item = take_last(&list);
			struct address a;
			/* Some balancers write the port too. */
			if (!address_parse_ip(item, &a) && !address_parse(item, &a))
				return true;
			a.port = 0;
			*visitor_out = a;
			if (++hops == FORWARDED_HOPS_MAX || !cidr_list_has(trusted, &a))
				return true;
		}
	}
	return true;
}
