/* SPDX-License-Identifier: MIT */
#include "rules/facts.h"

#include <errno.h>

#include "base/macros.h"
#include "rules/path.h"

static const struct {
	struct str name;
	enum fact fact;
	bool named; /* stands before a dot and a name */
} words[] = {
	{STR("method"), FACT_METHOD, false},
	{STR("scheme"), FACT_SCHEME, false},
	{STR("port"), FACT_PORT, false},
	{STR("host"), FACT_HOST, false},
	{STR("path"), FACT_PATH, false},
	{STR("address"), FACT_ADDRESS, false},
	{STR("header"), FACT_HEADER, true},
	{STR("cookie"), FACT_COOKIE, true},
	{STR("query"), FACT_QUERY, true},
	{STR("country"), FACT_COUNTRY, false},
	{STR("status"), FACT_STATUS, false},
	{STR("request-id"), FACT_REQUEST_ID, false},
};

bool fact_named(struct str text, enum fact *out, struct str *name_out)
{
	const char *dot = memchr(text.p, '.', text.n);
	struct str word = {text.p, dot ? (size_t)(dot - text.p) : text.n};
	struct str name = dot ? (struct str){dot + 1, text.n - word.n - 1} : STR_NULL;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!str_eq(words[i].name, word) || words[i].named != (name.n > 0))
			continue;
		*out = words[i].fact;
		*name_out = name;
		return true;
	}
	return false;
}

void facts_scratch_deinit(struct facts_scratch *s)
{
	s->patterns = pattern_scratch_free(s->patterns);
	buf_deinit(&s->path);
	buf_deinit(&s->value);
}

struct pattern_scratch *facts_patterns(struct facts *f)
{
	if (!f->scratch->patterns)
		f->scratch->patterns = pattern_scratch_new();
	f->undecided |= !f->scratch->patterns;
	if (f->scratch->patterns && !f->searches)
		pattern_scratch_begin(f->scratch->patterns);
	f->searches = true;
	return f->scratch->patterns;
}

/* Room of so many bytes that the next call takes again. NULL: memory is out. */
static char *room_of(struct facts *f, struct buf *b, size_t n)
{
	b->start = b->end = 0;
	if (buf_reserve(b, MAX(n, 1)) == 0)
		return (char *)buf_tail(b);
	f->undecided = true;
	return NULL;
}

struct str facts_path(struct facts *f)
{
	if (f->has_path)
		return f->path;
	f->has_path = true;
	f->path = f->head->path;
	if (path_is_plain(f->path))
		return f->path;
	char *room = room_of(f, &f->scratch->path, f->path.n);
	f->path = room ? (struct str){room, path_normalize(f->path, room)} : STR_NULL;
	return f->path;
}

bool facts_path_is_ambiguous(struct facts *f)
{
	struct str path = f->head->path;
	if (path_is_plain(path)) {
		f->has_path = true;
		f->path = path;
		return false;
	}
	char *room = room_of(f, &f->scratch->value, path.n);
	return !room || path_is_ambiguous(path, room);
}

struct str facts_country(struct facts *f)
{
	if (!f->has_country) {
		f->has_country = true;
		if (!f->countries || !country_find(f->countries, f->address, f->country))
			f->country[0] = 0;
	}
	return str_from(f->country);
}

/* ---- Facts of which there may be several ---- */

bool facts_may_have_header(struct facts *f, struct str name)
{
	uint64_t lengths = f->header_lengths;
	for (size_t i = 0; !f->header_lengths && i < f->head->n_fields; i++)
		lengths |= UINT64_C(1) << f->head->fields[i].name.n % 64;
	f->header_lengths = lengths;
	return lengths >> name.n % 64 & 1;
}

static bool next_header(const struct http1_head *h, struct str name, size_t *at, struct str *out)
{
	for (size_t i = *at; i < h->n_fields; i++) {
		struct str have = h->fields[i].name;
		/* Length and first letter tell most names apart. */
		if (have.n != name.n || ((have.p[0] ^ name.p[0]) & 0xdf) ||
			!str_eq_nocase(have, name))
			continue;
		*out = h->fields[i].value;
		*at = i + 1;
		return true;
	}
	return false;
}

/* RFC 6265, 4.2.1. The walk's place is an offset into all cookies, one field behind the other. */
static bool next_cookie(const struct http1_head *h, struct str name, size_t *at, struct str *out)
{
	size_t before = 0, field = 0;
	struct str line;
	while (next_header(h, STR("Cookie"), &field, &line)) {
		size_t i = *at > before ? *at - before : 0;
		while (i < line.n) {
			const char *end = memchr(line.p + i, ';', line.n - i);
			size_t stop = end ? (size_t)(end - line.p) : line.n;
			while (i < stop && (line.p[i] == ' ' || line.p[i] == '\t'))
				i++;
			struct str pair = {line.p + i, stop - i};
			i = stop + 1;
			if (pair.n <= name.n || pair.p[name.n] != '=' ||
				memcmp(pair.p, name.p, name.n) != 0)
				continue;
			*at = before + i;
			*out = (struct str){pair.p + name.n + 1, pair.n - name.n - 1};
			return true;
		}
		before += line.n + 1;
	}
	return false;
}

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* As forms write it (WHATWG URL, 5.1): percent-encoded, with a plus for a blank. */
static size_t decode_form(struct str s, char *to)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		bool escape = s.p[i] == '%' && s.n - i > 2 && hex_of(s.p[i + 1]) >= 0 &&
			      hex_of(s.p[i + 2]) >= 0;
		if (escape) {
			to[n++] = (char)(hex_of(s.p[i + 1]) << 4 | hex_of(s.p[i + 2]));
			i += 2;
		} else {
			to[n++] = s.p[i] == '+' ? ' ' : s.p[i];
		}
	}
	return n;
}

static bool next_query(struct facts *f, struct str name, size_t *at, struct str *out)
{
	struct str query = f->head->query;
	char *room = query.n ? room_of(f, &f->scratch->value, query.n) : NULL;
	size_t i = MAX(*at, 1); /* behind the '?' */
	while (room && i < query.n) {
		const char *end = memchr(query.p + i, '&', query.n - i);
		struct str pair = {query.p + i, (end ? (size_t)(end - query.p) : query.n) - i};
		i += pair.n + 1;
		const char *equals = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
		struct str key = {pair.p, equals ? (size_t)(equals - pair.p) : pair.n};
		if (key.n < name.n)
			continue;
		size_t n = decode_form(key, room);
		if (!str_eq((struct str){room, n}, name))
			continue;
		struct str value = equals ? (struct str){equals + 1, pair.n - key.n - 1} : STR_NULL;
		*out = (struct str){room, decode_form(value, room)};
		*at = i;
		return true;
	}
	return false;
}

static struct str single(struct facts *f, enum fact fact)
{
	switch (fact) {
	case FACT_METHOD:
		return f->head->method_name;
	case FACT_SCHEME:
		return f->secure ? STR("https") : STR("http");
	case FACT_HOST:
		return f->host;
	case FACT_PATH:
		return facts_path(f);
	case FACT_COUNTRY:
		return facts_country(f);
	case FACT_REQUEST_ID:
		return f->request_id;
	case FACT_PORT:
	case FACT_ADDRESS:
	case FACT_HEADER:
	case FACT_COOKIE:
	case FACT_QUERY:
	case FACT_STATUS:
		break;
	}
	return STR_NULL;
}

/* What is written into a buffer of the thread first. */
static struct str written(struct facts *f, enum fact fact)
{
	char text[ADDRESS_TEXT_SIZE] = "";
	size_t n = 0;
	if (fact == FACT_ADDRESS)
		n = address_format_ip(f->address, text);
	for (unsigned port = fact == FACT_PORT ? f->port : 0; port; port /= 10) {
		memmove(text + 1, text, n++);
		text[0] = (char)('0' + port % 10);
	}
	char *room = room_of(f, &f->scratch->value, sizeof(text));
	if (room)
		memcpy(room, text, n);
	return room ? (struct str){room, n} : STR_NULL;
}

bool facts_next(struct facts *f, enum fact fact, struct str name, size_t *at, struct str *value_out)
{
	if (fact == FACT_HEADER)
		return next_header(f->head, name, at, value_out);
	if (fact == FACT_COOKIE)
		return next_cookie(f->head, name, at, value_out);
	if (fact == FACT_QUERY)
		return next_query(f, name, at, value_out);
	if ((*at)++)
		return false;
	bool made = fact == FACT_ADDRESS || fact == FACT_PORT;
	*value_out = made ? written(f, fact) : single(f, fact);
	return value_out->n > 0;
}
