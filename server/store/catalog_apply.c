/* SPDX-License-Identifier: MIT */
/*
 * Rows of the store come into force: first all that can fail, for each row, and then all that cannot, so that
 * a change is there as a whole or not at all.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "mux/rate.h"
#include "server/store/catalog_internal.h"
#include "server/store/identity_rate.h"
#include "store/store.h"

/* What a row will be. Owned until it is in force. */
struct staged {
	struct identity *identity;     /* one that is new; NULL: it is there */
	struct credential *credential; /* likewise */
	struct policy_identity identity_value;
	struct policy_credential credential_value;
	struct policy_intention *intention;
	struct private_service *service;
	struct endpoint *endpoint;
	struct policy_root *root;
	struct rate *rate; /* NULL: it needs none, or has one */
	uint32_t psk;
};

/* ---- What can fail ---- */

static struct identity *identity_of(const struct catalog *c, const struct policy_identity *value)
{
	struct identity *i = catalog_find_id(c, value->id);
	return i || strcmp(value->name, POLICY_DEFAULT) != 0 ? i : c->everybody;
}

static int stage_identity(const struct catalog *c, const struct policy_identity *value,
	struct staged *to)
{
	if (policy_identity_copy(&to->identity_value, value) < 0)
		return -ENOMEM;
	const struct identity *i = identity_of(c, value);
	if (identity_rate_stage(i, value, &to->rate) < 0)
		return -ENOMEM;
	if (i)
		return 0;
	to->identity = identity_new();
	return to->identity ? 0 : -ENOMEM;
}

static int stage_credential(struct catalog *c, const struct store_row *row, struct staged *to)
{
	const struct policy_credential *value = &row->credential;
	const struct credential *k = catalog_find_key(c, value->key_id);
	if (policy_credential_copy(&to->credential_value, value) < 0)
		return -ENOMEM;
	if (value->revoked_at == POLICY_NONE && !(k && k->psk)) {
		to->psk = psk_pool_add(&c->psks, row->psk);
		if (!to->psk)
			return -ENOMEM;
	}
	if (!k)
		to->credential = credential_new();
	return k || to->credential ? 0 : -ENOMEM;
}

static int stage(struct catalog *c, const struct store_row *row, struct staged *to)
{
	if (row->gone)
		return 0;
	if (row->kind == STORE_IDENTITY)
		return stage_identity(c, &row->identity, to);
	if (row->kind == STORE_CREDENTIAL)
		return stage_credential(c, row, to);
	if (row->kind == STORE_INTENTION)
		return catalog_intentions_stage(&row->intention, &to->intention);
	if (row->kind == STORE_SERVICE) {
		to->service = private_service_stage(&row->service);
		return to->service ? 0 : -ENOMEM;
	}
	if (row->kind == STORE_ENDPOINT) {
		to->endpoint = endpoint_stage(&row->endpoint);
		return to->endpoint ? 0 : -ENOMEM;
	}
	if (row->kind == STORE_ROOT)
		return catalog_roots_stage(&row->root, &to->root);
	return 0;
}

static void unstage(struct catalog *c, struct staged *staged)
{
	identity_free(staged->identity);
	credential_free(staged->credential);
	policy_identity_deinit(&staged->identity_value);
	policy_credential_deinit(&staged->credential_value);
	catalog_intention_free(staged->intention);
	private_service_release(staged->service);
	endpoint_release(staged->endpoint);
	catalog_root_free(staged->root);
	rate_free(staged->rate);
	psk_pool_remove(&c->psks, staged->psk);
}

/* ---- What cannot ---- */

static void apply_identity(struct catalog *c, struct staged *staged)
{
	struct policy_identity *value = &staged->identity_value;
	struct identity *i = identity_of(c, value);
	if (!i) {
		i = staged->identity;
		staged->identity = NULL;
		catalog_append(c, i);
	}
	bool had_id = i->value.id;
	identity_set(i, value);
	if (!had_id)
		catalog_add_id(c, i);
	atomic_store_explicit(&i->max_streams,
		(unsigned)MIN(i->value.max_streams, IDENTITY_STREAMS_ANY), memory_order_relaxed);
	identity_rate_apply(i, &staged->rate);
	c->max_id = MAX(c->max_id, i->value.id);
	c->rev = MAX(c->rev, i->value.rev);
	catalog_changed(c, i);
}

static void apply_credential(struct catalog *c, struct staged *staged)
{
	struct policy_credential *value = &staged->credential_value;
	struct credential *k = catalog_find_key(c, value->key_id);
	struct identity *i = catalog_find_id(c, value->identity);
	if (!i)
		return; /* the store has none without an identity */
	if (k) {
		/* It was used since the row was made of it. */
		value->last_used_at = k->value.last_used_at;
		policy_credential_deinit(&k->value);
	} else {
		k = staged->credential;
	}
	k->value = *value;
	*value = (struct policy_credential){0};
	if (k == staged->credential)
		catalog_add_credential(c, k, i);
	else
		catalog_move_credential(c, k, i);
	staged->credential = NULL;
	if (staged->psk || k->value.revoked_at != POLICY_NONE) {
		psk_pool_remove(&c->psks, k->psk);
		k->psk = staged->psk;
		staged->psk = 0;
	}
	c->rev = MAX(c->rev, k->value.rev);
	catalog_changed(c, i);
}

/* Those of whom it says something may be used now, or not any more; a name of it may be of nobody. */
static void intention_changed(struct catalog *c, const struct policy_intention *i)
{
	bool from_all = strcmp(i->source, POLICY_ANY) == 0;
	bool to_all = strcmp(i->destination, POLICY_ANY) == 0;
	const struct identity *from = from_all ? NULL : catalog_find(c, str_from(i->source));
	const struct private_service *to =
		to_all ? NULL : catalog_find_service(c, str_from(i->destination));
	if ((from || from_all) && (to || to_all))
		catalog_mark_between(&c->private, from, to);
}

static void apply_intention(struct catalog *c, struct staged *staged)
{
	struct policy_intention *i = staged->intention;
	c->rev = MAX(c->rev, i->rev);
	catalog_intentions_put(&c->intentions, i);
	staged->intention = NULL;
	intention_changed(c, i);
}

static void apply_service(struct catalog *c, struct staged *staged)
{
	struct private_service *s = staged->service;
	struct identity *owner = catalog_find_id(c, s->value.owner);
	if (!owner)
		return; /* the store has none without an owner */
	c->rev = MAX(c->rev, s->value.rev);
	staged->service = NULL;
	catalog_put_service(&c->private, s, owner);
}

static void apply_endpoint(struct catalog *c, struct staged *staged)
{
	struct endpoint *e = staged->endpoint;
	struct private_service *s = catalog_find_service_row(c, e->value.service);
	struct identity *consumer = catalog_find_id(c, e->value.consumer);
	if (!s || !consumer)
		return; /* likewise */
	c->rev = MAX(c->rev, e->value.rev);
	staged->endpoint = NULL;
	catalog_put_endpoint(&c->private, e, s, consumer);
}

static void apply_root(struct catalog *c, struct staged *staged)
{
	c->rev = MAX(c->rev, staged->root->rev);
	catalog_roots_put(&c->roots, staged->root);
	staged->root = NULL;
}

static void intention_gone(struct catalog *c, uint64_t id)
{
	const struct policy_intention *i = catalog_find_intention_row(&c->intentions, id);
	if (!i)
		return;
	intention_changed(c, i);
	catalog_intentions_remove(&c->intentions, id);
}

static void apply_gone(struct catalog *c, const struct store_row *row)
{
	if (row->kind == STORE_IDENTITY) {
		struct identity *i = catalog_find_id(c, row->identity.id);
		if (i && i != c->everybody)
			catalog_bury_identity(c, i);
	} else if (row->kind == STORE_CREDENTIAL) {
		struct credential *k = catalog_find_key(c, row->credential.key_id);
		if (k)
			catalog_bury_credential(c, k);
	} else if (row->kind == STORE_INTENTION) {
		intention_gone(c, row->intention.id);
	} else if (row->kind == STORE_SERVICE) {
		struct private_service *s = catalog_find_service_row(c, row->service.id);
		if (s)
			catalog_bury_service(&c->private, s);
	} else if (row->kind == STORE_ENDPOINT) {
		struct endpoint *e = catalog_find_endpoint_row(c, row->endpoint.id);
		if (e)
			catalog_bury_endpoint(&c->private, e);
	} else if (row->kind == STORE_ROOT) {
		catalog_roots_remove(&c->roots, row->root.id);
	}
}

/* Rows of one kind: identities before what is theirs, private services before the endpoints at them. */
static void apply(struct catalog *c, const struct store_row *rows, struct staged *staged, size_t n,
	enum store_kind kind)
{
	static void (*const of_kind[STORE_KINDS])(struct catalog * c, struct staged * staged) = {
		[STORE_IDENTITY] = apply_identity,
		[STORE_CREDENTIAL] = apply_credential,
		[STORE_INTENTION] = apply_intention,
		[STORE_SERVICE] = apply_service,
		[STORE_ENDPOINT] = apply_endpoint,
		[STORE_ROOT] = apply_root,
	};
	for (size_t i = 0; i < n; i++)
		if (!rows[i].gone && rows[i].kind == kind)
			of_kind[kind](c, &staged[i]);
}

static void apply_all(struct catalog *c, const struct store_row *rows, struct staged *staged,
	size_t n)
{
	size_t sorted;
	for (size_t i = 0; i < n; i++) {
		uint64_t next_link = store_row_next_link(&rows[i]);
		c->private.next_link = MAX(c->private.next_link, next_link);
		if (rows[i].gone)
			apply_gone(c, &rows[i]);
	}
	catalog_tidy(&c->private);
	sorted = c->n;
	apply(c, rows, staged, n, STORE_IDENTITY);
	catalog_sort(c, sorted);
	for (enum store_kind kind = STORE_CREDENTIAL; kind < STORE_KINDS; kind++)
		apply(c, rows, staged, n, kind);
	catalog_tidy(&c->private);
}

int catalog_apply(struct catalog *c, const struct store_row *rows, size_t n)
{
	struct staged *staged = calloc(n + 1, sizeof(*staged));
	int r = staged ? catalog_reserve(c, n) : -ENOMEM;
	if (r == 0)
		r = catalog_intentions_reserve(&c->intentions, n);
	if (r == 0)
		r = catalog_private_reserve(&c->private, n);
	if (r == 0)
		r = catalog_roots_reserve(&c->roots, n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = stage(c, &rows[i], &staged[i]);
	if (r == 0)
		apply_all(c, rows, staged, n);
	for (size_t i = 0; staged && i < n; i++)
		unstage(c, &staged[i]);
	free(staged);
	return r;
}

void catalog_stored(struct catalog *c, const struct store_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct store_row *row = &rows[i];
		c->rev = MAX(c->rev, row->rev);
		if (row->kind == STORE_IDENTITY) {
			struct identity *found = catalog_find_id(c, row->identity.id);
			if (found)
				found->value.rev = row->rev;
		} else if (row->kind == STORE_CREDENTIAL) {
			struct credential *found = catalog_find_key(c, row->credential.key_id);
			if (found)
				found->value.rev = row->rev;
		} else if (row->kind == STORE_INTENTION) {
			catalog_intentions_stored(&c->intentions, row->intention.id, row->rev);
		} else if (row->kind == STORE_SERVICE) {
			struct private_service *found =
				catalog_find_service_row(c, row->service.id);
			if (found)
				found->value.rev = row->rev;
		} else if (row->kind == STORE_ROOT) {
			catalog_roots_stored(&c->roots, row->root.id, row->rev);
		} else if (row->kind == STORE_ENDPOINT) {
			struct endpoint *found = catalog_find_endpoint_row(c, row->endpoint.id);
			if (found)
				found->value.rev = row->rev;
		}
	}
}
