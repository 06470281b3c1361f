/* SPDX-License-Identifier: MIT */
#include "wire/alpn.h"

#include <string.h>

/* Takes the first name off the rest of a list; false: there was none. */
static bool next_name(struct str *rest, struct str *name_out)
{
	if (!rest->p)
		return false;
	const char *comma = rest->n ? memchr(rest->p, ',', rest->n) : NULL;
	*name_out = (struct str){rest->p, comma ? (size_t)(comma - rest->p) : rest->n};
	*rest = comma ? (struct str){comma + 1, rest->n - name_out->n - 1} : STR_NULL;
	return true;
}

bool alpn_is_list(struct str text)
{
	struct str rest = text, name;
	if (!text.n || text.n > ALPN_LIST_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] >= 0x7f)
			return false;
	for (int i = 0; next_name(&rest, &name); i++)
		if (!name.n || alpn_find(text, name) != i)
			return false;
	return true;
}

size_t alpn_for_tls(struct str list, uint8_t out[ALPN_TLS_MAX])
{
	struct str name;
	size_t n = 0;
	while (next_name(&list, &name)) {
		out[n++] = (uint8_t)name.n;
		memcpy(out + n, name.p, name.n);
		n += name.n;
	}
	return n;
}

int alpn_find(struct str list, struct str name)
{
	struct str one;
	for (int i = 0; next_name(&list, &one); i++)
		if (str_eq(one, name))
			return i;
	return -1;
}

struct str alpn_at(struct str list, unsigned index)
{
	struct str name;
	while (next_name(&list, &name))
		if (!index--)
			return name;
	return STR_NULL;
}
