/* SPDX-License-Identifier: MIT */
#include "wire/http_condition.h"

#include "wire/http_date.h"

struct str http_condition_field(const struct http1_head *h, struct str name, size_t *at)
{
	while (*at < h->n_fields) {
		const struct http1_field *f = &h->fields[(*at)++];
		if (f->id == HTTP1_OTHER && str_eq_nocase(f->name, name))
			return f->value;
	}
	return STR_NULL;
}

static struct str first(const struct http1_head *h, struct str name)
{
	size_t at = 0;
	return http_condition_field(h, name, &at);
}

/* Takes the next entity tag off a list, whose tags may have commas in them. False: no tag follows. */
static bool next_tag(struct str *list, bool *weak_out, struct str *tag_out)
{
	const char *p = list->p, *end = p + list->n;
	while (p < end && (*p == ',' || *p == ' ' || *p == '\t'))
		p++;
	*weak_out = end - p >= 2 && p[0] == 'W' && p[1] == '/';
	p += *weak_out * 2;
	const char *close =
		end - p >= 2 && *p == '"' ? memchr(p + 1, '"', (size_t)(end - p - 1)) : NULL;
	if (!close)
		return false;
	*tag_out = (struct str){p, (size_t)(close - p) + 1};
	*list = (struct str){close + 1, (size_t)(end - close - 1)};
	return true;
}

/* RFC 9110, 8.8.3.2; ours is strong, so that a weak one equals it only where weak ones are compared. */
static bool lists(struct str list, struct str etag, bool weakly)
{
	bool weak;
	struct str tag;
	if (str_eq(list, STR("*")))
		return true;
	while (next_tag(&list, &weak, &tag))
		if (str_eq(tag, etag) && (weakly || !weak))
			return true;
	return false;
}

enum answer { ABSENT, NO, YES };

static enum answer names_tag(const struct http1_head *h, struct str name, struct str etag,
	bool weakly)
{
	enum answer answer = ABSENT;
	struct str value;
	for (size_t at = 0; (value = http_condition_field(h, name, &at)).p && answer != YES;)
		answer = lists(value, etag, weakly) ? YES : NO;
	return answer;
}

static enum answer modified_since(const struct http1_head *h, struct str name, int64_t modified)
{
	int64_t date;
	struct str value = first(h, name);
	if (!value.p || !http_date_parse(value, &date))
		return ABSENT;
	return modified > date ? YES : NO;
}

enum http_condition http_condition_evaluate(const struct http1_head *h,
	const struct http_validators *v)
{
	enum answer same = names_tag(h, STR("if-match"), v->etag, false);
	if (same == ABSENT && modified_since(h, STR("if-unmodified-since"), v->modified) == YES)
		same = NO;
	if (same == NO)
		return HTTP_CONDITION_FAILED;
	enum answer had = names_tag(h, STR("if-none-match"), v->etag, true);
	if (had == ABSENT && modified_since(h, STR("if-modified-since"), v->modified) == NO)
		had = YES;
	return had == YES ? HTTP_CONDITION_NOT_MODIFIED : HTTP_CONDITION_HOLDS;
}

bool http_condition_range(const struct http1_head *h, const struct http_validators *v)
{
	int64_t date;
	struct str value = first(h, STR("if-range"));
	if (!value.p)
		return true;
	if (http_date_parse(value, &date))
		return date == v->modified && v->modified < v->now;
	return str_eq(value, v->etag);
}
