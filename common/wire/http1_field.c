/* SPDX-License-Identifier: MIT */
/*
 * Length and first letter tell all names of the table apart, so one probe and one comparison are
 * enough. Two names that met in one slot would be initialised twice, which the compiler refuses.
 */
#include "wire/http1_field.h"

#include "wire/http1_scan.h"

#define SLOTS          128 /* a power of two */
#define SLOT(n, first) (((n)*58 + (size_t)(first)) % SLOTS)

static const uint8_t slots[SLOTS] = {
#define SLOT_OF(id, name, first, flags) [SLOT(sizeof(name) - 1, first)] = HTTP1_##id,
	HTTP1_FIELDS(SLOT_OF)
#undef SLOT_OF
};

static const struct str names[HTTP1_N_IDS] = {
#define NAME_OF(id, name, first, flags) [HTTP1_##id] = {name, sizeof(name) - 1},
	HTTP1_FIELDS(NAME_OF)
#undef NAME_OF
};

const uint8_t http1_field_flags[HTTP1_N_IDS] = {
#define FLAGS_OF(id, name, first, flags) [HTTP1_##id] = (flags),
	HTTP1_FIELDS(FLAGS_OF)
#undef FLAGS_OF
		[HTTP1_X_FORWARDED_OTHER] = HTTP1_FORWARDING,
};

/*
 * Compares a prefix. Among token characters, setting 0x20 changes only letters to lower case, '^' to
 * '~', and '_' to a DEL, which is no token character.
 */
static bool same(const char *p, struct str lower, bool *twin_out)
{
	bool twin = false;
	for (size_t i = 0; i < lower.n; i++) {
		char c = p[i] | 0x20;
		if (c == lower.p[i])
			continue;
		if (c != 0x7f || lower.p[i] != '-')
			return false;
		twin = true;
	}
	*twin_out = twin;
	return true;
}

enum http1_id http1_field_id(struct str name)
{
	static const struct str family = {"x-forwarded-", 12};
	if (name.n == 0)
		return HTTP1_OTHER;
	bool twin;
	unsigned char first = (unsigned char)(name.p[0] | 0x20);
	enum http1_id id = slots[SLOT(name.n, first)];
	if (id != HTTP1_OTHER && names[id].n == name.n && same(name.p, names[id], &twin))
		return twin && !http1_is_forwarding(id) ? HTTP1_OTHER : id;
	if (first == 'x' && name.n > family.n && same(name.p, family, &twin))
		return HTTP1_X_FORWARDED_OTHER;
	return HTTP1_OTHER;
}

bool http1_list_next(struct str *list, struct str *item_out)
{
	while (list->n > 0) {
		const char *comma = memchr(list->p, ',', list->n);
		struct str item = {list->p, comma ? (size_t)(comma - list->p) : list->n};
		size_t used = item.n + (comma != NULL);
		list->p += used;
		list->n -= used;
		item = http1_trim(item);
		if (item.n > 0) {
			*item_out = item;
			return true;
		}
	}
	return false;
}
