/* SPDX-License-Identifier: MIT */
/*
 * One pass over the target: words, and what parts them. A word before a '=' is a name; where it means a
 * secret, what follows is masked up to the next thing that ends a value of its kind.
 */
#include "server/base/access_query.h"

#include "base/macros.h"
#include "wire/secret_name.h"

static bool parts(char c)
{
	return c == '?' || c == '&' || c == ';';
}

/* Where the value ends that begins at `i`: of the path's, of the query's, of a URL's that is a value. */
static size_t value_end(struct str s, size_t i, bool path, bool nested)
{
	while (i < s.n) {
		size_t width;
		char c = percent_character(s, i, &width);
		bool seen = width == 1 || nested;
		if (seen && (c == '&' || c == ';' || (path && (c == '/' || c == '?'))))
			break;
		i += width;
	}
	return i;
}

struct out {
	char *room;
	size_t n;
};

/* What goes beyond the room is cut, which the log cuts anyway. */
static void put(struct out *o, struct str s)
{
	size_t n = MIN(s.n, ACCESS_TARGET_SIZE - o->n);
	memcpy(o->room + o->n, s.p, n);
	o->n += n;
}

/*
 * The next '=' behind a secret's name, from `i` to `limit`; its value is from `*from_out` to what is
 * returned, both the end of all if there is none.
 */
static size_t find(struct str s, size_t i, size_t limit, bool *path, bool *nested, size_t *from_out)
{
	size_t word = i, width;
	for (; i < limit; i += width) {
		char c = percent_character(s, i, &width);
		if (parts(c)) {
			*path &= !(c == '?' && width == 1);
			*nested = width > 1;
			word = i + width;
		} else if (c == '=') {
			bool inner = *nested || width > 1;
			if (secret_name((struct str){s.p + word, i - word})) {
				*from_out = i + width;
				return value_end(s, i + width, *path, inner);
			}
			*nested = inner;
			word = i + width;
		}
	}
	*from_out = s.n;
	return s.n;
}

static struct str masked(struct str s, size_t from, char *room)
{
	struct out o = {.room = room};
	bool path = s.p[from] == ';', nested = false, any = false;
	size_t done = 0;
	while (from < s.n) {
		/* What the log does not show is not looked at either. */
		size_t limit = MIN(s.n, done + ACCESS_TARGET_SIZE - o.n), value;
		size_t end = find(s, from, limit, &path, &nested, &value);
		if (value == end) { /* nothing to mask, or no more */
			from = end;
			continue;
		}
		any = true;
		put(&o, (struct str){s.p + done, value - done});
		put(&o, STR(ACCESS_MASKED));
		done = from = end;
	}
	if (!any)
		return s;
	put(&o, (struct str){s.p + done, s.n - done});
	return (struct str){room, o.n};
}

struct str access_target(struct str target, enum access_query how, char room[ACCESS_TARGET_SIZE])
{
	if (how == ACCESS_QUERY_KEEP || !target.n)
		return target;
	const char *query = memchr(target.p, '?', target.n);
	if (how == ACCESS_QUERY_DROP) {
		target.n = query ? (size_t)(query - target.p) : target.n;
		query = NULL;
	}
	size_t path_n = query ? (size_t)(query - target.p) : target.n;
	const char *parameters = memchr(target.p, ';', path_n);
	if (!query && !parameters)
		return target;
	return masked(target, (size_t)((parameters ? parameters : query) - target.p), room);
}
