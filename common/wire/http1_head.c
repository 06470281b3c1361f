/* SPDX-License-Identifier: MIT */
#include "wire/http1_head.h"

#include <errno.h>
#include <stdlib.h>

#include "wire/http1_scan.h"

int http1_head_init(struct http1_head *h, size_t fields_max)
{
	struct http1_field *fields = calloc(fields_max + 1, sizeof(*fields));
	if (!fields)
		return -ENOMEM;
	*h = (struct http1_head){.fields_max = fields_max, .fields = fields};
	return 0;
}

void http1_head_deinit(struct http1_head *h)
{
	free(h->fields);
	*h = (struct http1_head){0};
}

const struct http1_field *http1_find(const struct http1_head *h, enum http1_id id)
{
	if (id == HTTP1_OTHER || !(h->seen & UINT64_C(1) << id))
		return NULL;
	const struct http1_field *f = h->fields;
	while (f->id != id)
		f++;
	return f;
}

bool http1_lists(const struct http1_head *h, enum http1_id id, struct str token)
{
	const struct http1_field *end = h->fields + h->n_fields;
	for (const struct http1_field *f = http1_find(h, id); f && f < end; f++) {
		struct str list = f->value, item;
		while (f->id == id && http1_list_next(&list, &item))
			if (str_eq_nocase(item, token))
				return true;
	}
	return false;
}

/* h2c, h2, their drafts, HTTP/2.0 */
static bool is_http(struct str protocol)
{
	const char *slash = memchr(protocol.p, '/', protocol.n);
	struct str name = {protocol.p, slash ? (size_t)(slash - protocol.p) : protocol.n};
	return str_eq_nocase(name, STR("http")) ||
	       (name.n >= 2 && str_eq_nocase((struct str){name.p, 2}, STR("h2")));
}

/* RFC 9110, 7.8: a token, or two with a slash between them. */
static bool is_protocol(struct str s)
{
	const char *slash = memchr(s.p, '/', s.n);
	size_t n = slash ? (size_t)(slash - s.p) : s.n;
	return http1_is_token((struct str){s.p, n}) &&
	       (!slash || http1_is_token((struct str){slash + 1, s.n - n - 1}));
}

bool http1_upgrade_next(struct str *list, struct str *protocol_out)
{
	while (http1_list_next(list, protocol_out))
		if (is_protocol(*protocol_out) && !is_http(*protocol_out))
			return true;
	return false;
}
