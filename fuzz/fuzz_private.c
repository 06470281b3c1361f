/* SPDX-License-Identifier: MIT */
/*
 * How private services and their endpoints are named: aliases, endpoints' ids, lists of who may ask, other host names.
 * They come from commands, clients and the store's file. The first byte says which. What is claimed: what was taken
 * reads again as itself from the form in which it is kept or shown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "policy/alias.h"
#include "policy/endpoint.h"
#include "policy/name_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static void check_alias(struct str text)
{
	struct policy_alias alias, again;
	struct error err = {0};
	char shown[POLICY_ALIAS_SIZE];
	if (policy_alias_parse(text, &alias, &err)) {
		CLAIM(err.text[0]);
		return;
	}
	CLAIM(policy_alias_is(&alias, alias.name, alias.tag));
	if (!*alias.tag)
		return;
	policy_alias_format(alias.name, alias.tag, "exit.example:9090", shown);
	CLAIM(policy_alias_parse(str_from(shown), &again, &err) == 0);
	CLAIM(strcmp(again.name, alias.name) == 0 && strcmp(again.tag, alias.tag) == 0);
}

static void check_id(struct str text)
{
	struct policy_endpoint_id id, again;
	struct error err = {0};
	char shown[2 * POLICY_ENDPOINT_ID_SIZE + 64];
	if (policy_endpoint_id_parse(text, &id, &err)) {
		CLAIM(err.text[0]);
		return;
	}
	snprintf(shown, sizeof(shown), "%s%s%s%s.%s", *id.service ? "/services/" : "", id.service,
		*id.service ? "/privateEndpointConnections/" : "", id.consumer, id.digits);
	CLAIM(policy_endpoint_id_parse(str_from(shown), &again, &err) == 0);
	CLAIM(strcmp(again.service, id.service) == 0);
	CLAIM(strcmp(again.consumer, id.consumer) == 0);
	CLAIM(strcmp(again.digits, id.digits) == 0);
}

/* Each member by itself is in it, and none but these. */
static void check_members(const char *list)
{
	size_t n = 0;
	struct str missing;
	for (const char *at = list; *at; at += n + (at[n] == ',')) {
		n = strcspn(at, ",");
		CLAIM(n && policy_list_has(list, (struct str){at, n}));
	}
	CLAIM(!policy_list_has(list, STR("")) && !policy_list_has(list, STR("a,b")));
	CLAIM(policy_list_within(list, list, &missing));
}

static void check_list(struct str text,
	int (*check)(struct str text, const char *what, char **list_out, struct error *err))
{
	struct error err = {0};
	char *list, *again;
	if (check(text, "the list", &list, &err)) {
		CLAIM(err.text[0]);
		return;
	}
	CLAIM(strlen(list) <= POLICY_LIST_MAX);
	check_members(list);
	CLAIM(check(str_from(list), "the list", &again, &err) == 0 && strcmp(list, again) == 0);
	policy_text_free(list);
	policy_text_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { ALIAS, ID, LIST, FQDNS, KINDS };
	if (size == 0)
		return 0;
	/* Of exactly that size, so that a byte too far shows. */
	char *copy = malloc(MAX(size - 1, 1));
	CLAIM(copy);
	memcpy(copy, data + 1, size - 1);
	struct str text = {copy, size - 1};
	int kind = data[0] % KINDS;
	if (kind == ALIAS)
		check_alias(text);
	else if (kind == ID)
		check_id(text);
	else
		check_list(text, kind == LIST ? policy_list_check : policy_fqdns_check);
	free(copy);
	return 0;
}
