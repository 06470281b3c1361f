/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What rules ask of a request. What costs is made at the first question and kept: the path's form, the country.
 * A query parameter, a header field or a cookie may be there several times, and all of them are asked.
 */
#include "base/buf.h"
#include "rules/country.h"
#include "rules/pattern.h"
#include "wire/http1_head.h"

/* From the cheapest on, which is the order in which a rule asks. */
enum fact {
	FACT_METHOD,
	FACT_SCHEME,
	FACT_PORT, /* of the listener */
	FACT_HOST,
	FACT_PATH,
	FACT_ADDRESS,
	FACT_HEADER,
	FACT_COOKIE,
	FACT_QUERY,
	FACT_COUNTRY,
	FACT_STATUS,     /* of the response */
	FACT_REQUEST_ID, /* in values alone */
};

/* "header.NAME": the fact, and the name behind the dot, empty for those that have none. False: it is no fact. */
bool fact_named(struct str text, enum fact *out, struct str *name_out);

/* Whether it has to be looked for, in what may be as long as a head. */
static inline bool fact_is_searched(enum fact fact)
{
	return fact == FACT_HEADER || fact == FACT_COOKIE || fact == FACT_QUERY;
}

/* A thread's; zeroed memory is one. */
struct facts_scratch {
	struct pattern_scratch *patterns; /* made when first needed */
	struct buf path, value;
};
void facts_scratch_deinit(struct facts_scratch *s);

struct facts {
	/* Whose memory is the caller's */
	const struct http1_head *head;
	const struct address *address;
	struct str host; /* canonical */
	struct str request_id;
	const struct country_file *countries; /* NULL: there is none */
	struct facts_scratch *scratch;
	uint16_t port;
	bool secure;

	/* Set by what is asked */
	bool undecided; /* a pattern could not be judged within its limit, or memory was out */
	bool has_path, has_country;
	bool searches; /* steps of guarded expressions are this request's */
	uint64_t
		header_lengths; /* bit 1 << (length % 64) of each name there is; 0: not looked at */
	struct str path;
	char country[COUNTRY_SIZE]; /* "": unknown */
};

struct str facts_path(struct facts *f);
/* Whether two readers could see two paths (path_is_ambiguous()); also when memory is out. */
bool facts_path_is_ambiguous(struct facts *f);
struct str facts_country(struct facts *f);

/* Whether there may be a field of that name: false for most that are not there. */
bool facts_may_have_header(struct facts *f, struct str name);

/* NULL when memory is out, and `undecided` is set. */
struct pattern_scratch *facts_patterns(struct facts *f);

/*
 * The values of a fact, one call each: `*at` is 0 before the first, and belongs to the walk. False: there are no
 * more. A value lasts until the next call.
 */
bool facts_next(struct facts *f, enum fact fact, struct str name, size_t *at,
	struct str *value_out);
