/* SPDX-License-Identifier: MIT */
#include "store/store_table.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

#define FIELD(member)                                 \
	.offset = offsetof(struct store_row, member), \
	.size = sizeof(((struct store_row *)NULL)->member)

static const struct store_column identity_columns[] = {
	{"id", STORE_NUMBER, FIELD(identity.id)},
	{"name", STORE_TEXT, FIELD(identity.name)},
	{"state", STORE_STATE, FIELD(identity.revoked)},
	{"operator", STORE_FLAG, FIELD(identity.is_operator)},
	{"description", STORE_TEXT, FIELD(identity.description)},
	{"max_sessions", STORE_OPTIONAL, FIELD(identity.max_sessions)},
	{"max_streams", STORE_OPTIONAL, FIELD(identity.max_streams)},
	{"max_endpoints", STORE_OPTIONAL, FIELD(identity.max_endpoints)},
	{"rate_up", STORE_OPTIONAL, FIELD(identity.rate_up)},
	{"rate_down", STORE_OPTIONAL, FIELD(identity.rate_down)},
	{"expires_at", STORE_OPTIONAL, FIELD(identity.expires_at)},
	{"created_at", STORE_NUMBER, FIELD(identity.created_at)},
	{"updated_at", STORE_NUMBER, FIELD(identity.updated_at)},
};

static const struct store_column credential_columns[] = {
	{"key_id", STORE_BYTES, FIELD(credential.key_id)},
	{"identity", STORE_NUMBER, FIELD(credential.identity)},
	{"psk", STORE_KEY, FIELD(psk)},
	{"label", STORE_TEXT, FIELD(credential.label)},
	{"created_at", STORE_NUMBER, FIELD(credential.created_at)},
	{"expires_at", STORE_OPTIONAL, FIELD(credential.expires_at)},
	{"revoked_at", STORE_OPTIONAL, FIELD(credential.revoked_at)},
	{"last_used_at", STORE_OPTIONAL, FIELD(credential.last_used_at)},
};

static const struct store_column intention_columns[] = {
	{"id", STORE_NUMBER, FIELD(intention.id)},
	{"uid", STORE_BYTES, FIELD(intention.uid)},
	{"source", STORE_TEXT, FIELD(intention.source)},
	{"destination", STORE_TEXT, FIELD(intention.destination)},
	{"action", STORE_ENUM, FIELD(intention.action), .min = POLICY_ALLOW, .max = POLICY_DENY},
	{"description", STORE_TEXT, FIELD(intention.description)},
	{"meta", STORE_TEXT, FIELD(intention.meta)},
	{"created_by", STORE_TEXT, FIELD(intention.created_by)},
	{"created_at", STORE_NUMBER, FIELD(intention.created_at)},
	{"updated_at", STORE_NUMBER, FIELD(intention.updated_at)},
};

static const struct store_column service_columns[] = {
	{"id", STORE_NUMBER, FIELD(service.id)},
	{"name", STORE_TEXT, FIELD(service.name)},
	{"display", STORE_TEXT, FIELD(service.display)},
	{"tag", STORE_TEXT, FIELD(service.tag)},
	{"owner", STORE_NUMBER, FIELD(service.owner)},
	{"kind", STORE_ENUM, FIELD(service.kind), .min = POLICY_TCP, .max = POLICY_UDP},
	{"visibility", STORE_TEXT, FIELD(service.visibility)},
	{"auto_approval", STORE_TEXT, FIELD(service.auto_approval)},
	{"fqdns", STORE_TEXT, FIELD(service.fqdns)},
	{"description", STORE_TEXT, FIELD(service.description)},
	{"e2e_key", STORE_KEY, FIELD(service.e2e_key)},
	{"managed", STORE_FLAG, FIELD(service.managed)},
	{"state", STORE_STATE, FIELD(service.deleted)},
	{"created_at", STORE_NUMBER, FIELD(service.created_at)},
	{"updated_at", STORE_NUMBER, FIELD(service.updated_at)},
};

static const struct store_column endpoint_columns[] = {
	{"id", STORE_NUMBER, FIELD(endpoint.id)},
	{"uid", STORE_BYTES, FIELD(endpoint.uid)},
	{"link", STORE_NUMBER32, FIELD(endpoint.link)},
	{"service", STORE_NUMBER, FIELD(endpoint.service)},
	{"consumer", STORE_NUMBER, FIELD(endpoint.consumer)},
	{"name", STORE_TEXT, FIELD(endpoint.name)},
	{"state", STORE_ENUM, FIELD(endpoint.state), .min = POLICY_PENDING,
		.max = POLICY_DISCONNECTED},
	{"how", STORE_ENUM, FIELD(endpoint.how), .min = POLICY_HOW_NOT, .max = POLICY_HOW_OWNER},
	{"description", STORE_TEXT, FIELD(endpoint.description)},
	{"message", STORE_TEXT, FIELD(endpoint.message)},
	{"decided_by", STORE_TEXT, FIELD(endpoint.decided_by)},
	{"e2e_key", STORE_KEY, FIELD(endpoint.e2e_key)},
	{"created_at", STORE_NUMBER, FIELD(endpoint.created_at)},
	{"updated_at", STORE_NUMBER, FIELD(endpoint.updated_at)},
	{"last_used_at", STORE_OPTIONAL, FIELD(endpoint.last_used_at)},
};

static const struct store_column root_columns[] = {
	{"id", STORE_NUMBER, FIELD(root.id)},
	{"certificate", STORE_TEXT, FIELD(root.certificate)},
	{"cross_signed", STORE_TEXT, FIELD(root.cross)},
	{"private_key", STORE_KEY, FIELD(root.key)},
	{"lifetime", STORE_NUMBER, FIELD(root.lifetime)},
	{"listed_until", STORE_OPTIONAL, FIELD(root.listed_until)},
	{"created_at", STORE_NUMBER, FIELD(root.created_at)},
	{"updated_at", STORE_NUMBER, FIELD(root.updated_at)},
};

const struct store_table store_tables[STORE_KINDS] = {
	[STORE_META] = {"meta", NULL, 0},
	[STORE_IDENTITY] = {"identities", identity_columns, ARRAY_LEN(identity_columns)},
	[STORE_CREDENTIAL] = {"credentials", credential_columns, ARRAY_LEN(credential_columns)},
	[STORE_INTENTION] = {"intentions", intention_columns, ARRAY_LEN(intention_columns)},
	[STORE_SERVICE] = {"private_services", service_columns, ARRAY_LEN(service_columns)},
	[STORE_ENDPOINT] = {"endpoints", endpoint_columns, ARRAY_LEN(endpoint_columns)},
	[STORE_ROOT] = {"roots", root_columns, ARRAY_LEN(root_columns)},
};

/* ---- One value ---- */

static bool is_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;
	for (size_t i = 0; i < n; i++)
		any |= p[i];
	return any == 0;
}

static struct store_value number(uint64_t v)
{
	return (struct store_value){.type = STORE_VALUE_NUMBER, .number = v};
}

static struct store_value text(const char *z)
{
	return (struct store_value){.type = STORE_VALUE_TEXT, .p = z, .n = strlen(z)};
}

struct store_value store_value_get(const struct store_column *c, const struct store_row *row)
{
	const void *field = (const char *)row + c->offset;
	const char *owned;
	bool none;
	switch (c->type) {
	case STORE_OPTIONAL:
		if (*(const uint64_t *)field == POLICY_NONE)
			break;
		return number(*(const uint64_t *)field);
	case STORE_NUMBER:
		return number(*(const uint64_t *)field);
	case STORE_NUMBER32:
		return number(*(const uint32_t *)field);
	case STORE_FLAG:
		return number(*(const bool *)field);
	case STORE_STATE:
		return number(*(const bool *)field ? 2 : 1);
	case STORE_ENUM:
		return number(*(const unsigned *)field);
	case STORE_TEXT:
		owned = *(char *const *)field;
		return text(owned ? owned : "");
	case STORE_BYTES:
	case STORE_KEY:
		none = c->type == STORE_KEY && is_zero(field, c->size);
		return (struct store_value){.type = STORE_VALUE_BYTES,
			.p = field,
			.n = none ? 0 : c->size};
	}
	return (struct store_value){.type = STORE_VALUE_NULL};
}

static int set_number(const struct store_column *c, void *field, const struct store_value *v)
{
	if (v->type != STORE_VALUE_NUMBER && (c->type != STORE_OPTIONAL || v->type))
		return -EINVAL;
	if (c->type == STORE_OPTIONAL && v->type == STORE_VALUE_NULL)
		*(uint64_t *)field = POLICY_NONE;
	else if (c->type == STORE_OPTIONAL || c->type == STORE_NUMBER)
		*(uint64_t *)field = v->number;
	else if (c->type == STORE_NUMBER32 && v->number <= UINT32_MAX)
		*(uint32_t *)field = (uint32_t)v->number;
	else if (c->type == STORE_NUMBER32)
		return -EINVAL;
	else if (c->type == STORE_ENUM && (v->number < c->min || v->number > c->max))
		return -EINVAL;
	else if (c->type == STORE_ENUM)
		*(unsigned *)field = (unsigned)v->number;
	else if (v->number - (c->type == STORE_STATE) > 1)
		return -EINVAL;
	else
		*(bool *)field = v->number - (c->type == STORE_STATE) == 1;
	return 0;
}

static int set_text(void *field, const struct store_value *v)
{
	if (v->type != STORE_VALUE_TEXT || (v->n && memchr(v->p, '\0', v->n)))
		return -EINVAL;
	char *copy = policy_text_new((struct str){v->p, v->n});
	if (!copy)
		return -ENOMEM;
	policy_text_free(*(char **)field);
	*(char **)field = copy;
	return 0;
}

int store_value_set(const struct store_column *c, struct store_row *row,
	const struct store_value *v)
{
	void *field = (char *)row + c->offset;
	switch (c->type) {
	case STORE_NUMBER:
	case STORE_NUMBER32:
	case STORE_OPTIONAL:
	case STORE_FLAG:
	case STORE_STATE:
	case STORE_ENUM:
		return set_number(c, field, v);
	case STORE_TEXT:
		return set_text(field, v);
	case STORE_BYTES:
	case STORE_KEY:
		break;
	}
	memset(field, 0, c->size);
	if (v->type != STORE_VALUE_BYTES || (v->n != c->size && (c->type != STORE_KEY || v->n)))
		return -EINVAL;
	if (v->n)
		memcpy(field, v->p, v->n);
	return 0;
}

/* ---- Keys ---- */

_Static_assert(TOKEN_ID_SIZE == STORE_KEY_SIZE, "the key of a credential is its key id");

/* Where the number is that is the key; NULL: it is the key id of a credential. */
static uint64_t *key_number(struct store_row *row)
{
	switch (row->kind) {
	case STORE_IDENTITY:
		return &row->identity.id;
	case STORE_INTENTION:
		return &row->intention.id;
	case STORE_SERVICE:
		return &row->service.id;
	case STORE_ENDPOINT:
		return &row->endpoint.id;
	case STORE_ROOT:
		return &row->root.id;
	case STORE_CREDENTIAL:
	case STORE_META:
	case STORE_KINDS:
		break;
	}
	return NULL;
}

void store_key_get(const struct store_row *row, uint8_t key_out[STORE_KEY_SIZE])
{
	const uint64_t *number = key_number((struct store_row *)(uintptr_t)row);
	uint64_t id = number ? htobe64(*number) : 0;
	memcpy(key_out, number ? (void *)&id : row->credential.key_id, STORE_KEY_SIZE);
}

void store_key_set(struct store_row *row, const uint8_t key[STORE_KEY_SIZE])
{
	uint64_t id, *number = key_number(row);
	memcpy(&id, key, sizeof id);
	if (number)
		*number = be64toh(id);
	else
		memcpy(row->credential.key_id, key, STORE_KEY_SIZE);
}

uint64_t *store_row_rev(struct store_row *row)
{
	switch (row->kind) {
	case STORE_IDENTITY:
		return &row->identity.rev;
	case STORE_CREDENTIAL:
		return &row->credential.rev;
	case STORE_INTENTION:
		return &row->intention.rev;
	case STORE_SERVICE:
		return &row->service.rev;
	case STORE_ENDPOINT:
		return &row->endpoint.rev;
	case STORE_ROOT:
		return &row->root.rev;
	case STORE_META:
	case STORE_KINDS:
		break;
	}
	return &row->rev;
}

bool store_row_same(const struct store_row *a, const struct store_row *b)
{
	uint8_t key_of_a[STORE_KEY_SIZE], key_of_b[STORE_KEY_SIZE];
	if (a->kind != b->kind)
		return false;
	store_key_get(a, key_of_a);
	store_key_get(b, key_of_b);
	return memcmp(key_of_a, key_of_b, STORE_KEY_SIZE) == 0;
}

void store_row_deinit(struct store_row *row)
{
	if (row->kind == STORE_IDENTITY)
		policy_identity_deinit(&row->identity);
	else if (row->kind == STORE_CREDENTIAL)
		policy_credential_deinit(&row->credential);
	else if (row->kind == STORE_INTENTION)
		policy_intention_deinit(&row->intention);
	else if (row->kind == STORE_SERVICE)
		policy_private_service_deinit(&row->service);
	else if (row->kind == STORE_ENDPOINT)
		policy_endpoint_deinit(&row->endpoint);
	else if (row->kind == STORE_ROOT)
		policy_root_deinit(&row->root);
	else
		policy_meta_deinit(&row->meta);
	explicit_bzero(row, sizeof *row);
}

/* ---- The digest ---- */

/*
 * Its type and its length stand before each, so that no two rows look the same; in one order of bytes, so that
 * the file may move to another machine.
 */
static int append(struct buf *b, const struct store_value *v)
{
	uint64_t head[2] = {htole64(v->type),
		htole64(v->type == STORE_VALUE_NUMBER ? v->number : v->n)};
	int r = buf_append(b, head, sizeof head);
	return r || !v->n ? r : buf_append(b, v->p, v->n);
}

static int append_grants(struct buf *b, const struct policy_grants *g)
{
	char grant[POLICY_GRANT_SIZE];
	int r = 0;
	for (enum policy_grant_kind kind = POLICY_HOST; kind < POLICY_GRANT_KINDS; kind++) {
		size_t n = policy_grants_count(g, kind);
		for (size_t i = 0; !r && i < n; i++) {
			struct store_value v[] = {number(kind),
				text(policy_grants_text(g, kind, i, grant))};
			r = append(b, &v[0]);
			r = r ? r : append(b, &v[1]);
		}
	}
	return r;
}

int store_digest(const struct store_row *row, uint64_t rev, const struct hash_key *salt,
	struct buf *scratch, uint64_t *digest_out)
{
	const struct store_table *t = &store_tables[row->kind];
	bool meta = row->kind == STORE_META;
	struct store_value head[] = {number(row->kind), number(rev),
		text(meta ? row->meta.name : ""),
		{.type = STORE_VALUE_BYTES, .p = row->meta.value, .n = row->meta.n}};
	buf_consume(scratch, buf_len(scratch));
	int r = 0;
	for (size_t i = 0; !r && i < (meta ? 4 : 2); i++)
		r = append(scratch, &head[i]);
	for (size_t i = 0; !r && i < t->n; i++) {
		struct store_value v = store_value_get(&t->columns[i], row);
		r = append(scratch, &v);
	}
	if (!r && row->kind == STORE_IDENTITY)
		r = append_grants(scratch, &row->identity.grants);
	if (!r)
		*digest_out = le64toh(keyed_hash(salt, buf_head(scratch), buf_len(scratch)));
	/* Keys of tokens were in it. */
	explicit_bzero(buf_head(scratch), buf_len(scratch));
	return r;
}
