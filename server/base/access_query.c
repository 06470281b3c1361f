/* SPDX-License-Identifier: MIT */
/*
 * One pass over the target: words, and what parts them. A word before a '=' is a name; where it means a
 * secret, what follows is masked up to the next thing that ends a value of its kind.
 */
#include "server/base/access_query.h"

#include "base/macros.h"

/* Characters of a name that decide: longer ones are known by their end. */
#define NAME_MAX 32

/* In lower case, without what is neither mail nor digit: api_key, api-key and apiKey are one. */
static const struct str names[] = {
#define NAME(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}
	NAME("auth"),
	NAME("authorization"),
	NAME("code"),
	NAME("codeverifier"),
	NAME("credential"),
	NAME("credentials"),
	NAME("key"),
	NAME("oauthverifier"),
	NAME("otp"),
	NAME("pass"),
	NAME("pin"),
	NAME("pw"),
	NAME("samlresponse"),
	NAME("session"),
	NAME("sid"),
	NAME("sig"),
	NAME("ticket"),
};

/* A name that ends so: access_token, new_password, X-Amz-Signature, PHPSESSID. */
static const struct str endings[] = {
	NAME("accesskey"),
	NAME("apikey"),
	NAME("assertion"),
	NAME("authkey"),
	NAME("hmac"),
	NAME("jwt"),
	NAME("passcode"),
	NAME("passphrase"),
	NAME("passwd"),
	NAME("password"),
	NAME("privatekey"),
	NAME("psk"),
	NAME("pwd"),
	NAME("secret"),
	NAME("secretkey"),
	NAME("sessid"),
	NAME("sessionid"),
	NAME("sharedkey"),
	NAME("signature"),
	NAME("token"),
	NAME("tokenhint"),
#undef NAME
};

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character that begins at `i`, decoded; `*n_out`: by how many it is written. */
static char character(struct str s, size_t i, size_t *n_out)
{
	int high = i + 2 < s.n && s.p[i] == '%' ? hex(s.p[i + 1]) : -1;
	int low = high >= 0 ? hex(s.p[i + 2]) : -1;
	*n_out = low >= 0 ? 3 : 1;
	return low >= 0 ? (char)(high << 4 | low) : s.p[i];
}

/* The name's end in the tables' form; as much as there is room for. */
static size_t normalize(struct str name, char out[NAME_MAX])
{
	size_t n = 0, width;
	/* Three characters for one, and room for what is left out between. */
	if (name.n > 6 * NAME_MAX)
		name = (struct str){name.p + name.n - 6 * NAME_MAX, 6 * NAME_MAX};
	for (size_t i = 0; i < name.n; i += width) {
		char c = character(name, i, &width);
		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
			continue;
		if (n == NAME_MAX)
			memmove(out, out + 1, --n);
		out[n++] = c;
	}
	return n;
}

static bool is_secret(struct str name)
{
	char text[NAME_MAX];
	struct str s = {text, normalize(name, text)};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(s, names[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		struct str end = endings[i];
		if (s.n >= end.n && memcmp(text + s.n - end.n, end.p, end.n) == 0)
			return true;
	}
	return false;
}

static bool parts(char c)
{
	return c == '?' || c == '&' || c == ';';
}

/* Where the value ends that begins at `i`: of the path's, of the query's, of a URL's that is a value. */
static size_t value_end(struct str s, size_t i, bool path, bool nested)
{
	while (i < s.n) {
		size_t width;
		char c = character(s, i, &width);
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
		char c = character(s, i, &width);
		if (parts(c)) {
			*path &= !(c == '?' && width == 1);
			*nested = width > 1;
			word = i + width;
		} else if (c == '=') {
			bool inner = *nested || width > 1;
			if (is_secret((struct str){s.p + word, i - word})) {
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
