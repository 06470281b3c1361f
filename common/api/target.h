/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The target of a request (RFC 3986): the segments of its path and the parameters of its query, decoded. What it
 * matches are paths as OpenAPI writes them: "/api/v1/identities/{name}".
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

#define API_TARGET_MAX   2048 /* bytes; the longest name is 63, of cursors and prefixes likewise */
#define API_SEGMENTS_MAX 8    /* "/api/v1/identities/NAME/tokens/KEYID" has six */
#define API_QUERY_MAX    8    /* parameters of a query; the longest list has five */

struct api_target {
	char *text; /* owned; what the others point into */
	const char *segments[API_SEGMENTS_MAX];
	unsigned n_segments;
	struct {
		const char *name, *value;
	} query[API_QUERY_MAX];
	unsigned n_query;
};

/*
 * 0; -EINVAL with a sentence: it is too long, does not begin with a slash, has a faulty %-sequence, a NUL, more
 * segments or parameters than anything has, or a parameter twice; -ENOMEM.
 */
int api_target_parse(struct api_target *t, const char *text, struct error *err);
/* Accepts zeroed memory. */
void api_target_deinit(struct api_target *t);

/* Whether the path is one of the pattern. A "{parameter}" takes one segment that is not empty. */
bool api_target_matches(const struct api_target *t, const char *pattern);

/* The segment for the n-th "{parameter}" of the pattern that it matches, from 0. */
const char *api_target_parameter(const struct api_target *t, const char *pattern, unsigned n);

/* The value of a parameter of the query; NULL: it has none. */
const char *api_target_query(const struct api_target *t, const char *name);
