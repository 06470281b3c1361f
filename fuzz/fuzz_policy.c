/* SPDX-License-Identifier: MIT */
/*
 * Texts of grants, names and times, as people and the store's file have them. The first byte says which. What is
 * claimed: a grant that was taken reads again as itself, and asks for nothing beyond itself; so do a name and
 * a moment.
 */
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "policy/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

/* In the place of a kind of grants */
enum { NAME = POLICY_GRANT_KINDS, MOMENT, DURATION, KINDS };

static void check_grant(enum policy_grant_kind kind, struct str text)
{
	struct policy_grants g = POLICY_GRANTS_NULL, again = POLICY_GRANTS_NULL;
	struct error err;
	char canonical[POLICY_GRANT_SIZE], same[POLICY_GRANT_SIZE];
	if (policy_grants_add(&g, kind, text, &err)) {
		CLAIM(err.text[0] && policy_grants_count(&g, kind) == 0);
		return;
	}
	struct str z = str_from(policy_grants_text(&g, kind, 0, canonical));
	CLAIM(policy_grants_add(&again, kind, z, &err) == 0);
	CLAIM(policy_grants_same(&g, &again));
	CLAIM(strcmp(policy_grants_text(&again, kind, 0, same), canonical) == 0);
	if (kind == POLICY_HOST) {
		CLAIM(policy_may_host(&g, z));
		CLAIM(policy_may_host(&g, STR("")) == str_eq(z, STR("*")));
	} else if (kind == POLICY_TCP_PORT) {
		struct option_range r = policy_grants_of(&g, kind).v[0].ports;
		CLAIM(policy_may_ports(&g, kind, r.first, r.last - r.first + 1u));
		CLAIM(r.first == 0 || !policy_may_ports(&g, kind, r.first, r.last - r.first + 2u));
	}
	policy_grants_deinit(&g);
	policy_grants_deinit(&again);
}

static void check_name(struct str text)
{
	char name[POLICY_NAME_SIZE], again[POLICY_NAME_SIZE];
	struct error err;
	if (policy_name_check(text, name, &err))
		return;
	CLAIM(strlen(name) == text.n);
	CLAIM(policy_name_check(str_from(name), again, &err) == 0 && strcmp(name, again) == 0);
	CLAIM(policy_pattern_covers(name, str_from(again)));
}

static void check_moment(struct str text)
{
	char z[POLICY_TIME_SIZE];
	uint64_t us, again;
	if (!policy_time_parse(text, &us))
		return;
	CLAIM(policy_time_parse(str_from(policy_time_format(us, z)), &again));
	CLAIM(again == us / 1000 * 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t us;
	if (size == 0)
		return 0;
	/* Of exactly that size, so that a byte too far shows. */
	char *copy = malloc(MAX(size - 1, 1));
	CLAIM(copy);
	memcpy(copy, data + 1, size - 1);
	struct str text = {copy, size - 1};
	int kind = POLICY_HOST + data[0] % (KINDS - POLICY_HOST);
	if (kind == NAME)
		check_name(text);
	else if (kind == MOMENT)
		check_moment(text);
	else if (kind == DURATION)
		policy_duration_parse(text, &us);
	else
		check_grant((enum policy_grant_kind)kind, text);
	free(copy);
	return 0;
}
