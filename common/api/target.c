/* SPDX-License-Identifier: MIT */
#include "api/target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 0 to 15, or -1. */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 'a' ^ 'A';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes in place; forms (`plus`) write a space as '+'. False: a faulty sequence, or a NUL. */
static bool decode(char *text, bool plus)
{
	char *to = text;
	for (const char *from = text; *from; from++) {
		if (*from == '%') {
			int high = hex_digit(from[1]);
			int low = high < 0 ? -1 : hex_digit(from[2]);
			if (low < 0 || (high == 0 && low == 0))
				return false;
			*to++ = (char)(high << 4 | low);
			from += 2;
		} else {
			*to++ = plus && *from == '+' ? ' ' : *from;
		}
	}
	*to = 0;
	return true;
}

static int parse_path(struct api_target *t, char *path, struct error *err)
{
	char *rest = path + 1; /* behind the first slash */
	for (char *segment; (segment = strsep(&rest, "/"));) {
		if (t->n_segments == API_SEGMENTS_MAX)
			return error_set(err, -EINVAL, "the path has too many segments");
		if (!decode(segment, false))
			return error_set(err, -EINVAL,
				"the path is not percent-encoded as it must be");
		t->segments[t->n_segments++] = segment;
	}
	return 0;
}

static int parse_query(struct api_target *t, char *query, struct error *err)
{
	for (char *pair; (pair = strsep(&query, "&"));) {
		if (!*pair)
			continue;
		if (t->n_query == API_QUERY_MAX)
			return error_set(err, -EINVAL, "the query has too many parameters");
		char *value = pair;
		strsep(&value, "=");
		value = value ? value : pair + strlen(pair);
		if (!decode(pair, true) || !decode(value, true))
			return error_set(err, -EINVAL,
				"the query is not percent-encoded as it must be");
		if (api_target_query(t, pair))
			return error_set(err, -EINVAL, "the query has a parameter twice");
		t->query[t->n_query].name = pair;
		t->query[t->n_query++].value = value;
	}
	return 0;
}

int api_target_parse(struct api_target *t, const char *text, struct error *err)
{
	*t = (struct api_target){0};
	if (*text != '/' || strlen(text) > API_TARGET_MAX)
		return error_set(err, -EINVAL,
			"the target must begin with / and have at most %d bytes", API_TARGET_MAX);
	t->text = strdup(text);
	if (!t->text)
		return error_set(err, -ENOMEM, "the server is out of memory");
	char *query = t->text;
	strsep(&query, "?");
	int r = parse_path(t, t->text, err);
	return r == 0 && query ? parse_query(t, query, err) : r;
}

void api_target_deinit(struct api_target *t)
{
	free(t->text);
	*t = (struct api_target){0};
}

/* The next segment of a pattern, which moves on behind it; n = 0 and p NULL behind the last. */
static struct str next_segment(const char **pattern)
{
	if (!**pattern)
		return STR_NULL;
	const char *begin = *pattern + 1;
	*pattern = strchrnul(begin, '/');
	return (struct str){begin, (size_t)(*pattern - begin)};
}

bool api_target_matches(const struct api_target *t, const char *pattern)
{
	for (unsigned i = 0; i < t->n_segments; i++) {
		struct str segment = next_segment(&pattern);
		if (!segment.p)
			return false;
		if (*segment.p == '{' ? !*t->segments[i]
				      : !str_eq(segment, str_from(t->segments[i])))
			return false;
	}
	return !*pattern;
}

const char *api_target_parameter(const struct api_target *t, const char *pattern, unsigned n)
{
	for (unsigned i = 0; i < t->n_segments; i++)
		if (*next_segment(&pattern).p == '{' && n-- == 0)
			return t->segments[i];
	return NULL;
}

const char *api_target_query(const struct api_target *t, const char *name)
{
	for (unsigned i = 0; i < t->n_query; i++)
		if (strcmp(t->query[i].name, name) == 0)
			return t->query[i].value;
	return NULL;
}
