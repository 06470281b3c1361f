/* SPDX-License-Identifier: MIT */
#include "rules/template.h"

#include <errno.h>

#include "base/macros.h"
#include "rules/path.h"

/* One part off the text. 0, or < 0 with a sentence. */
static int take_fact(struct str *text, struct arena *a, struct template_part *out,
	struct error *err)
{
	const char *end = memchr(text->p, '}', text->n);
	if (!end)
		return error_set(err, -EINVAL,
			"${ has no } behind it; a dollar sign is written $$");
	struct str inside = {text->p + 2, (size_t)(end - text->p) - 2}, name;
	enum fact fact;
	if (!fact_named(inside, &fact, &name) || fact == FACT_STATUS)
		return error_set(err, -EINVAL,
			"${%.*s} is no fact: host, path, method, scheme, port, address, country, "
			"request-id, header.NAME, cookie.NAME, query.NAME",
			STR_ARG(inside));
	*out = (struct template_part){.fact = true, .which = (uint8_t)fact};
	out->text = arena_copy(a, name);
	*text = (struct str){end + 1, text->n - inside.n - 3};
	return out->text.p ? 0 : error_set(err, -ENOMEM, "no memory");
}

static int take_part(struct str *text, bool captures, struct arena *a, struct template_part *out,
	struct error *err)
{
	const char *dollar = memchr(text->p, '$', text->n);
	size_t plain = dollar ? (size_t)(dollar - text->p) : text->n;
	char next = plain + 1 < text->n ? text->p[plain + 1] : 0;
	if (plain || next == '$') {
		/* Of $$ one stays. */
		size_t n = plain ? plain : 1;
		out->text = arena_copy(a, (struct str){text->p, n});
		n = plain ? plain : 2;
		*text = (struct str){text->p + n, text->n - n};
		return out->text.p ? 0 : error_set(err, -ENOMEM, "no memory");
	}
	if (next == '{')
		return take_fact(text, a, out, err);
	if (next < '1' || next > '9')
		return error_set(err, -EINVAL,
			"a dollar sign begins ${a fact} or a capture, $1 to $9; one that is meant "
			"as "
			"it stands is written $$");
	if (!captures)
		return error_set(err, -EINVAL,
			"$%c stands for a part of the path, and can be used in a path alone", next);
	*out = (struct template_part){.capture = true, .which = (uint8_t)(next - '1')};
	*text = (struct str){text->p + 2, text->n - 2};
	return 0;
}

int template_compile(struct str text, bool captures, struct arena *a, struct template *out,
	struct error *err)
{
	size_t most = 1;
	for (size_t i = 0; i < text.n; i++) {
		most += text.p[i] == '$' ? 2 : 0;
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			return error_set(err, -EINVAL,
				"a value of one line is meant, without control characters");
	}
	*out = (struct template){.parts = arena_alloc(a, most * sizeof(*out->parts))};
	if (!out->parts)
		return error_set(err, -ENOMEM, "no memory");
	while (text.n) {
		struct template_part *part = &out->parts[out->n++];
		int r = take_part(&text, captures, a, part, err);
		if (r)
			return r;
		if (part->capture)
			out->captures = MAX(out->captures, (uint8_t)(part->which + 1));
	}
	return 0;
}

bool template_is_plain(const struct template *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->parts[i].fact || t->parts[i].capture)
			return false;
	return true;
}

size_t template_lookups(const struct template *t)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n; i++)
		n += t->parts[i].fact && fact_is_searched((enum fact)t->parts[i].which);
	return n;
}

/* What a visitor wrote, in a field's value: query parameters come decoded, so there may be line ends in them. */
static int write_field(struct str s, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	int r = buf_reserve(out, 3 * s.n);
	char *to = (char *)buf_tail(out), *begin = to;
	for (size_t i = 0; i < s.n && !r; i++) {
		uint8_t c = (uint8_t)s.p[i];
		if (c >= ' ' && c != 0x7f) {
			*to++ = (char)c;
			continue;
		}
		*to++ = '%';
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	if (!r)
		buf_commit(out, (size_t)(to - begin));
	return r;
}

static int write_path(struct str s, struct buf *out)
{
	int r = buf_reserve(out, PATH_ENCODED_MAX(s.n));
	if (!r && s.n)
		buf_commit(out, path_encode(s, (char *)buf_tail(out)));
	return r;
}

int template_write(const struct template *t, enum template_for use, struct facts *f,
	const struct captures *c, struct buf *out)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct template_part *part = &t->parts[i];
		struct str value = STR_NULL;
		size_t at = 0;
		if (part->capture)
			value = c && part->which < c->n ? c->v[part->which] : STR_NULL;
		else if (part->fact)
			facts_next(f, (enum fact)part->which, part->text, &at, &value);
		else
			value = part->text;
		int r = use == TEMPLATE_PATH ? write_path(value, out) : write_field(value, out);
		if (r)
			return r;
		if (buf_len(out) > TEMPLATE_TEXT_MAX)
			return -EMSGSIZE;
	}
	return 0;
}
