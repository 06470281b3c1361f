/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The one form of a path that rules see (RFC 3986, 6.2.2), so that no spelling of a path passes by a rule that
 * names it: what is percent-encoded is decoded, since that is what an upstream does with it, but for a slash, a
 * backslash, a percent sign and control characters, which would become something else; dot segments are resolved
 * (5.2.4); case is kept.
 */
#include <stdbool.h>

#include "base/str.h"

/*
 * Whether two readers could take the path for two different ones: an encoded slash, backslash or NUL, a
 * backslash, an empty segment, a segment of dots in any spelling, a percent sign that encodes nothing, or the
 * first byte of UTF-8 that no character has (%c0, %c1). `room` is for path.n bytes and holds nothing afterwards.
 */
bool path_is_ambiguous(struct str path, char *room);

/* Whether the path is as it came in its one form already, and not ambiguous: that of most requests is. */
bool path_is_plain(struct str path);

/* Writes the form to `out`, which has room for path.n bytes; returns its length. */
size_t path_normalize(struct str path, char *out);

/*
 * The other way: as a URL has it. A percent sign that begins an escape stays one. `out` has room for
 * PATH_ENCODED_MAX(n) bytes; returns the length.
 */
#define PATH_ENCODED_MAX(n) (3 * (n))
size_t path_encode(struct str text, char *out);
