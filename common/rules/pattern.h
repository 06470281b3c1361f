/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a text is compared with: a text in which `*` stands for any run of characters, slashes included; or,
 * behind a `~`, a regular expression of PCRE2, which matches anywhere unless it says ^ or $.
 *
 * Whoever sends requests chooses the texts, so each search has a bound: a star tries each place once, and an
 * expression has PATTERN_MATCH_LIMIT steps. Beyond that it is neither a match nor none, and the caller refuses
 * what could not be judged.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "rules/arena.h"

#define PATTERN_CAPTURES    9     /* $1 to $9 */
#define PATTERN_MATCH_LIMIT 10000 /* PCRE2's count of backtracking: about 0.2 ms */
#define PATTERN_SIZE_MAX    1024  /* bytes of one pattern, as it is written */
#define PATTERN_HEAP_LIMIT  1024  /* KiB of memory for one search, where the JIT cannot be had */

/*
 * Of expressions whose author is not trusted either, who could choose one and the text for it: it is not made into
 * machine code, whose size and time to make have no bound, and each item that is tried is counted, as one step and
 * another for each 64 bytes of the text, which is as much as an item can look at.
 */
#define PATTERN_GUARDED_STEPS 20000       /* of all searches for one request: about 2 ms */
#define PATTERN_GUARDED_CODE  (16u << 10) /* bytes of one that is compiled */

/* From the cheapest on. */
enum pattern_kind {
	PATTERN_ANY,    /* "*" */
	PATTERN_EXACT,  /* no star */
	PATTERN_PREFIX, /* one star, at the end */
	PATTERN_SUFFIX, /* one star, at the beginning */
	PATTERN_GLOB,
	PATTERN_REGEX,
};

struct pattern {
	uint8_t kind;    /* enum pattern_kind */
	bool jit;        /* of a PATTERN_REGEX: it was made into machine code */
	bool guarded;    /* likewise: its steps are counted */
	uint16_t begin;  /* of a glob and an expression: bytes that each match begins with */
	struct str text; /* without the star of a prefix or a suffix */
	void *code;      /* of a PATTERN_REGEX; the arena's */
};

struct patterns {
	struct pattern *v; /* the cheapest first */
	size_t n;
};

/* What stars, or groups in parentheses, stood for: views into the text. A group that took no part is empty. */
struct captures {
	struct str v[PATTERN_CAPTURES];
	size_t n;
};

/* What a thread needs for expressions. NULL when memory is out; free takes NULL and returns NULL. */
struct pattern_scratch;
struct pattern_scratch *pattern_scratch_new(void);
struct pattern_scratch *pattern_scratch_free(struct pattern_scratch *s);
/* Another request: it has all steps of guarded expressions. */
void pattern_scratch_begin(struct pattern_scratch *s);

/*
 * 0, or -EINVAL or -ENOMEM with a sentence without its place. The text is copied. `guarded`: an expression's author
 * is not trusted.
 */
int pattern_compile(struct str text, bool guarded, struct arena *a, struct pattern *out,
	struct error *err);
/* How many captures it has. */
size_t pattern_captures(const struct pattern *p);

enum pattern_result { PATTERN_NO, PATTERN_YES, PATTERN_UNDECIDED };

/* `captures_out` may be NULL; it is set behind PATTERN_YES alone. */
enum pattern_result pattern_match(const struct pattern *p, struct str text,
	struct pattern_scratch *s, struct captures *captures_out);

/*
 * Whether a text may match, as far as its length and one byte of it say: most of what is asked is answered by
 * that. Of a glob that begins with a star, and an expression that does not begin with ^ and a text, nothing is
 * known.
 */
static inline bool pattern_may_match(const struct pattern *p, struct str text)
{
	size_t n = p->text.n;
	switch (p->kind) {
	case PATTERN_EXACT:
		return text.n == n && text.p[n - 1] == p->text.p[n - 1];
	case PATTERN_PREFIX:
		return text.n >= n && text.p[n - 1] == p->text.p[n - 1];
	case PATTERN_SUFFIX:
		return text.n >= n && text.p[text.n - 1] == p->text.p[n - 1];
	case PATTERN_GLOB:
		n = p->begin;
		return !n || (text.n >= n && text.p[n - 1] == p->text.p[n - 1]);
	case PATTERN_REGEX: /* they stand behind its ^ */
		n = p->begin;
		return !n || (text.n >= n && text.p[n - 1] == p->text.p[n]);
	default:
		return true;
	}
}

/* Whether any of them matches; captures are those of the first that does. */
enum pattern_result patterns_match(const struct patterns *list, struct str text,
	struct pattern_scratch *s, struct captures *captures_out);

/* Puts the cheapest first. */
void patterns_sort(struct patterns *list);
