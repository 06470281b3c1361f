/* SPDX-License-Identifier: MIT */
#include "rules/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

struct pattern_scratch {
	pcre2_match_data *data;
	pcre2_match_context *context;
	unsigned steps; /* that guarded expressions have left */
};

#define STEP_BYTES 64

/* PCRE2 calls it before each item of a guarded expression is tried. */
static int count_step(pcre2_callout_block *at, void *arg)
{
	struct pattern_scratch *s = arg;
	size_t cost = 1 + at->subject_length / STEP_BYTES;
	if (s->steps < cost)
		return PCRE2_ERROR_MATCHLIMIT;
	s->steps -= (unsigned)cost;
	return 0;
}

struct pattern_scratch *pattern_scratch_new(void)
{
	struct pattern_scratch *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->data = pcre2_match_data_create(PATTERN_CAPTURES + 1, NULL);
	s->context = pcre2_match_context_create(NULL);
	if (!s->data || !s->context)
		return pattern_scratch_free(s);
	pcre2_set_match_limit(s->context, PATTERN_MATCH_LIMIT);
	pcre2_set_depth_limit(s->context, PATTERN_MATCH_LIMIT);
	pcre2_set_heap_limit(s->context, PATTERN_HEAP_LIMIT);
	pcre2_set_callout(s->context, count_step, s);
	pattern_scratch_begin(s);
	return s;
}

struct pattern_scratch *pattern_scratch_free(struct pattern_scratch *s)
{
	if (s) {
		pcre2_match_data_free(s->data);
		pcre2_match_context_free(s->context);
	}
	free(s);
	return NULL;
}

void pattern_scratch_begin(struct pattern_scratch *s)
{
	s->steps = PATTERN_GUARDED_STEPS;
}

/* ---- Compiling ---- */

static void code_end(void *code)
{
	pcre2_code_free(code);
}

/*
 * How many bytes behind its ^ every match of an expression begins with. Whatever stands behind them may make the
 * last one optional, unless it is known not to; an alternative may begin otherwise.
 */
static size_t literal_begin(struct str text)
{
	static const char plain[] =
		"/-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	if (text.n < 2 || text.p[0] != '^' || memchr(text.p, '|', text.n))
		return 0;
	size_t n = strspn(text.p + 1, plain);
	char next = text.p[1 + n];
	bool whole = next == 0 || next == '[' || next == '.' || next == '$';
	return whole || !n ? n : n - 1;
}

/* Bytes, not characters: a request's path is bytes, and UTF-8 that is none would end the search with an error. */
static int compile_regex(struct str text, bool guarded, struct arena *a, struct pattern *out,
	struct error *err)
{
	int code;
	PCRE2_SIZE at;
	pcre2_code *regex = pcre2_compile((PCRE2_SPTR)text.p, text.n,
		PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY |
			(guarded ? PCRE2_AUTO_CALLOUT : 0),
		&code, &at, NULL);
	if (!regex) {
		PCRE2_UCHAR why[128];
		pcre2_get_error_message(code, why, sizeof(why));
		return error_set(err, -EINVAL,
			"the expression %.*s is none of PCRE2's: at character %zu: %s",
			STR_ARG(text), at + 1, (const char *)why);
	}
	size_t size = 0, machine = 0;
	pcre2_pattern_info(regex, PCRE2_INFO_SIZE, &size);
	if (guarded && size > PATTERN_GUARDED_CODE) {
		pcre2_code_free(regex);
		return error_set(err, -EINVAL,
			"the expression %.*s takes %zu bytes when it is compiled, and at most %u "
			"are taken: write fewer or smaller repetitions",
			STR_ARG(text), size, PATTERN_GUARDED_CODE);
	}
	/* Where the system forbids memory that is made and run, it is interpreted. */
	out->jit = !guarded && pcre2_jit_compile(regex, PCRE2_JIT_COMPLETE) == 0;
	if (out->jit)
		pcre2_pattern_info(regex, PCRE2_INFO_JITSIZE, &machine);
	out->guarded = guarded;
	out->kind = PATTERN_REGEX;
	out->code = regex;
	out->begin = (uint16_t)literal_begin(text);
	if (arena_own(a, regex, size + machine, code_end))
		return error_set(err, -ENOMEM, "no memory");
	return 0;
}

static size_t stars(struct str text)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '*';
	return n;
}

/* Two stars beside each other would capture nothing that one does not. */
static bool has_twins(struct str text)
{
	return memmem(text.p, text.n, "**", 2) != NULL;
}

int pattern_compile(struct str text, bool guarded, struct arena *a, struct pattern *out,
	struct error *err)
{
	if (!text.n)
		return error_set(err, -EINVAL, "an empty pattern matches nothing: leave it out");
	if (text.n > PATTERN_SIZE_MAX)
		return error_set(err, -EINVAL, "a pattern has at most %d bytes, and this one %zu",
			PATTERN_SIZE_MAX, text.n);
	struct str copy = arena_copy(a, text);
	if (!copy.p)
		return error_set(err, -ENOMEM, "no memory");
	if (copy.p[0] == '~') {
		out->text = (struct str){copy.p + 1, copy.n - 1};
		return compile_regex(out->text, guarded, a, out, err);
	}
	if (has_twins(copy))
		return error_set(err, -EINVAL,
			"** is no more than *, which stands for slashes as well: write one star");
	size_t n = stars(copy);
	*out = (struct pattern){.kind = PATTERN_GLOB, .text = copy};
	if (!n) {
		out->kind = PATTERN_EXACT;
	} else if (n == 1 && copy.n == 1) {
		out->kind = PATTERN_ANY;
	} else if (n == 1 && copy.p[copy.n - 1] == '*') {
		out->kind = PATTERN_PREFIX;
		out->text.n--;
	} else if (n == 1 && copy.p[0] == '*') {
		out->kind = PATTERN_SUFFIX;
		out->text.p++;
		out->text.n--;
	} else {
		out->begin = (uint16_t)strcspn(copy.p, "*");
	}
	return 0;
}

size_t pattern_captures(const struct pattern *p)
{
	uint32_t n = 0;
	switch ((enum pattern_kind)p->kind) {
	case PATTERN_EXACT:
		return 0;
	case PATTERN_ANY:
	case PATTERN_PREFIX:
	case PATTERN_SUFFIX:
		return 1;
	case PATTERN_GLOB:
		return stars(p->text);
	case PATTERN_REGEX:
		pcre2_pattern_info(p->code, PCRE2_INFO_CAPTURECOUNT, &n);
		break;
	}
	return n;
}

static int compare(const void *a, const void *b)
{
	const struct pattern *x = a, *y = b;
	return (int)x->kind - (int)y->kind;
}

void patterns_sort(struct patterns *list)
{
	if (list->n > 1)
		qsort(list->v, list->n, sizeof(*list->v), compare);
}

/* ---- Matching ---- */

static void capture(struct captures *c, size_t i, struct str s)
{
	if (!c || i >= PATTERN_CAPTURES)
		return;
	c->v[i] = s;
	c->n = MAX(c->n, i + 1);
}

static bool begins(struct str text, struct str with)
{
	return text.n >= with.n && memcmp(text.p, with.p, with.n) == 0;
}

/* The next piece of a glob, up to a star or its end. */
static struct str piece_of(struct str glob)
{
	const char *star = glob.n ? memchr(glob.p, '*', glob.n) : NULL;
	return star ? (struct str){glob.p, (size_t)(star - glob.p)} : glob;
}

/*
 * Every piece between two stars is taken where it stands first: what is left for the others is then the most
 * there can be, so no other place has to be tried. The last piece stands at the end.
 */
static bool match_glob(struct str glob, struct str text, struct captures *c)
{
	struct str piece = piece_of(glob);
	if (!begins(text, piece))
		return false;
	text = (struct str){text.p + piece.n, text.n - piece.n};
	glob = (struct str){glob.p + piece.n, glob.n - piece.n};
	for (size_t i = 0; glob.n; i++) {
		struct str behind = {glob.p + 1, glob.n - 1};
		piece = piece_of(behind);
		bool last = piece.n == behind.n;
		const char *at;
		if (last)
			at = text.n >= piece.n ? text.p + text.n - piece.n : NULL;
		else
			at = memmem(text.p, text.n, piece.p, piece.n);
		if (!at || (last && piece.n && memcmp(at, piece.p, piece.n) != 0))
			return false;
		size_t taken = (size_t)(at - text.p);
		capture(c, i, (struct str){text.p, taken});
		text = (struct str){at + piece.n, text.n - taken - piece.n};
		glob = (struct str){behind.p + piece.n, behind.n - piece.n};
	}
	return true;
}

static enum pattern_result match_regex(const struct pattern *p, struct str text,
	struct pattern_scratch *s, struct captures *c)
{
	PCRE2_SPTR subject = (PCRE2_SPTR)(text.n ? text.p : "");
	int n = p->jit ? pcre2_jit_match(p->code, subject, text.n, 0, 0, s->data, s->context)
		       : pcre2_match(p->code, subject, text.n, 0, 0, s->data, s->context);
	if (n == PCRE2_ERROR_NOMATCH)
		return PATTERN_NO;
	if (n < 0)
		return PATTERN_UNDECIDED;
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->data);
	/* 0: there are more groups than the scratch has places, and all of these are filled. */
	size_t groups = n ? (size_t)n : PATTERN_CAPTURES + 1;
	for (size_t i = 1; i < groups; i++) {
		bool set = at[2 * i] != PCRE2_UNSET && at[2 * i] <= at[2 * i + 1];
		capture(c, i - 1,
			set ? (struct str){text.p + at[2 * i], at[2 * i + 1] - at[2 * i]}
			    : STR_NULL);
	}
	return PATTERN_YES;
}

enum pattern_result pattern_match(const struct pattern *p, struct str text,
	struct pattern_scratch *s, struct captures *captures_out)
{
	struct captures *c = captures_out;
	size_t rest = text.n - p->text.n;
	if (c)
		c->n = 0;
	switch ((enum pattern_kind)p->kind) {
	case PATTERN_ANY:
		capture(c, 0, text);
		return PATTERN_YES;
	case PATTERN_EXACT:
		return str_eq(p->text, text) ? PATTERN_YES : PATTERN_NO;
	case PATTERN_PREFIX:
		if (!begins(text, p->text))
			return PATTERN_NO;
		capture(c, 0, (struct str){text.p + p->text.n, rest});
		return PATTERN_YES;
	case PATTERN_SUFFIX:
		if (text.n < p->text.n || memcmp(text.p + rest, p->text.p, p->text.n) != 0)
			return PATTERN_NO;
		capture(c, 0, (struct str){text.p, rest});
		return PATTERN_YES;
	case PATTERN_GLOB:
		return match_glob(p->text, text, c) ? PATTERN_YES : PATTERN_NO;
	case PATTERN_REGEX:
		break;
	}
	return match_regex(p, text, s, c);
}

enum pattern_result patterns_match(const struct patterns *list, struct str text,
	struct pattern_scratch *s, struct captures *captures_out)
{
	enum pattern_result undecided = PATTERN_NO;
	for (size_t i = 0; i < list->n; i++) {
		if (!pattern_may_match(&list->v[i], text))
			continue;
		enum pattern_result r = pattern_match(&list->v[i], text, s, captures_out);
		if (r == PATTERN_YES)
			return r;
		if (r == PATTERN_UNDECIDED)
			undecided = r;
	}
	return undecided;
}
