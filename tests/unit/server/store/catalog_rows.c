/* SPDX-License-Identifier: MIT */
#include "catalog_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/catalog_internal.h"

struct store_row identity_row(uint64_t id, const char *name)
{
	struct store_row row = {.kind = STORE_IDENTITY};
	assert_int_equal(policy_identity_init(&row.identity, name), 0);
	row.identity.id = id;
	return row;
}

struct store_row credential_row(uint64_t n, uint64_t identity)
{
	struct store_row row = {.kind = STORE_CREDENTIAL};
	memcpy(row.credential.key_id, &n, sizeof(n));
	memset(row.psk, (int)(n % 255 + 1), sizeof(row.psk));
	row.credential.identity = identity;
	row.credential.label = policy_text_new(STR(""));
	row.credential.expires_at = row.credential.revoked_at = POLICY_NONE;
	row.credential.last_used_at = POLICY_NONE;
	return row;
}

struct store_row service_row(uint64_t id, const char *name, uint64_t owner)
{
	struct store_row row = {.kind = STORE_SERVICE};
	assert_int_equal(policy_private_service_init(&row.service, name, owner, POLICY_TCP), 0);
	row.service.id = id;
	return row;
}

struct store_row endpoint_row(uint64_t id, uint64_t service, uint64_t consumer, const char *name)
{
	struct store_row row = {.kind = STORE_ENDPOINT};
	assert_int_equal(policy_endpoint_init(&row.endpoint, name, POLICY_HOW_NOT), 0);
	row.endpoint.id = id;
	row.endpoint.link = (uint32_t)id;
	row.endpoint.service = service;
	row.endpoint.consumer = consumer;
	return row;
}

struct store_row copy_of_service(const struct private_service *s)
{
	struct store_row row = {.kind = STORE_SERVICE};
	assert_int_equal(policy_private_service_copy(&row.service, &s->value), 0);
	return row;
}

struct store_row copy_of_endpoint(const struct endpoint *e)
{
	struct store_row row = {.kind = STORE_ENDPOINT};
	assert_int_equal(policy_endpoint_copy(&row.endpoint, &e->value), 0);
	return row;
}

void set_text(char **text, const char *to)
{
	policy_text_free(*text);
	*text = policy_text_new(str_from(to));
}

void apply_row(struct catalog *c, struct store_row row)
{
	assert_int_equal(catalog_apply(c, &row, 1), 0);
	store_row_deinit(&row);
}

void apply_gone(struct catalog *c, enum store_kind kind, uint64_t id)
{
	struct store_row row = {.kind = kind, .gone = true};
	if (kind == STORE_IDENTITY)
		row.identity.id = id;
	else if (kind == STORE_SERVICE)
		row.service.id = id;
	else if (kind == STORE_ENDPOINT)
		row.endpoint.id = id;
	else
		row.intention.id = id;
	assert_int_equal(catalog_apply(c, &row, 1), 0);
}

struct identity *catalog_row(struct catalog *c, uint64_t id)
{
	struct identity *i = catalog_find_id(c, id);
	assert_non_null(i);
	return i;
}
