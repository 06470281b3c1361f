/* SPDX-License-Identifier: MIT */
#include "wire/http_range.h"

#include "base/macros.h"
#include "wire/http1_field.h"

/* Any number of digits, but at least one; what 64 bits do not hold is more than anything has. */
static bool position(struct str s, uint64_t *out)
{
	uint64_t v = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned d = (unsigned char)s.p[i] - '0';
		if (d > 9)
			return false;
		v = v > (UINT64_MAX - 9) / 10 ? UINT64_MAX : v * 10 + d;
	}
	*out = v;
	return s.n > 0;
}

/* "-500": so many at the end. */
static enum http_range suffix(struct str digits, uint64_t size, uint64_t *first_out,
	uint64_t *n_out)
{
	uint64_t n;
	if (!position(digits, &n))
		return HTTP_RANGE_NONE;
	if (n == 0)
		return HTTP_RANGE_UNSATISFIABLE;
	if (size == 0)
		return HTTP_RANGE_NONE; /* all of nothing, for which Content-Range has no words */
	*n_out = MIN(n, size);
	*first_out = size - *n_out;
	return HTTP_RANGE_PART;
}

enum http_range http_range_parse(struct str value, uint64_t size, uint64_t *first_out,
	uint64_t *n_out)
{
	struct str unit = STR("bytes="), spec, more;
	if (value.n < unit.n || !str_eq_nocase((struct str){value.p, unit.n}, unit))
		return HTTP_RANGE_NONE;
	struct str list = {value.p + unit.n, value.n - unit.n};
	if (!http1_list_next(&list, &spec) || http1_list_next(&list, &more))
		return HTTP_RANGE_NONE;
	const char *dash = memchr(spec.p, '-', spec.n);
	if (!dash)
		return HTTP_RANGE_NONE;
	struct str from = {spec.p, (size_t)(dash - spec.p)};
	struct str to = {dash + 1, spec.n - from.n - 1};
	if (!from.n)
		return suffix(to, size, first_out, n_out);
	uint64_t first, last = UINT64_MAX;
	if (!position(from, &first) || (to.n && !position(to, &last)) || last < first)
		return HTTP_RANGE_NONE;
	if (first >= size)
		return HTTP_RANGE_UNSATISFIABLE;
	*first_out = first;
	*n_out = MIN(last, size - 1) - first + 1;
	return HTTP_RANGE_PART;
}
