/* SPDX-License-Identifier: MIT */
#include "server/store/catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "mux/rate.h"
#include "server/store/catalog_internal.h"

/* ---- Identities ---- */

static int order(struct str name, const struct identity *i)
{
	size_t n = strlen(i->name);
	int r = memcmp(name.p, i->name, name.n < n ? name.n : n);
	return r ? r : (name.n > n) - (name.n < n);
}

size_t catalog_position(const struct catalog *c, struct str name)
{
	size_t from = 0, to = c->n;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (order(name, c->identities[middle]) > 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

struct identity *catalog_find(const struct catalog *c, struct str name)
{
	size_t at = catalog_position(c, name);
	return at < c->n && order(name, c->identities[at]) == 0 ? c->identities[at] : NULL;
}

static int compare(const void *a, const void *b)
{
	return strcmp((*(struct identity *const *)a)->name, (*(struct identity *const *)b)->name);
}

int catalog_reserve(struct catalog *c, size_t more)
{
	if (c->n + more <= c->room)
		return 0;
	size_t room = 2 * (c->n + more);
	struct identity **identities = reallocarray(c->identities, room, sizeof(struct identity *));
	if (!identities)
		return -ENOMEM;
	c->identities = identities;
	c->room = room;
	return 0;
}

struct identity *identity_new(const char *name)
{
	struct identity *i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	memcpy(i->name, name, strnlen(name, POLICY_NAME_MAX));
	list_init(&i->credentials);
	list_init(&i->sessions);
	list_init(&i->link);
	list_init(&i->changed);
	atomic_init(&i->max_streams, IDENTITY_STREAMS_ANY);
	return i;
}

struct identity *identity_free(struct identity *i)
{
	if (!i)
		return NULL;
	policy_identity_deinit(&i->value);
	free(i->streams);
	rate_free(i->rate);
	free(i);
	return NULL;
}

struct identity *catalog_find_id(const struct catalog *c, uint64_t id)
{
	table_for_each (node, &c->by_id, id) {
		struct identity *i = table_entry(node, struct identity, by_id);
		if (i->value.id == id)
			return i;
	}
	return NULL;
}

void catalog_add_id(struct catalog *c, struct identity *i, uint64_t id)
{
	table_add(&c->by_id, &i->by_id, id); /* they count up, so they need no hash to spread */
}

void catalog_changed(struct catalog *c, struct identity *i)
{
	if (!list_linked(&i->changed))
		list_append(&c->changed, &i->changed);
}

struct identity *catalog_next_changed(struct catalog *c)
{
	struct identity *i = list_first(&c->changed, struct identity, changed);
	if (i)
		list_unlink(&i->changed);
	return i;
}

void catalog_bury_identity(struct catalog *c, struct identity *i)
{
	size_t at = catalog_position(c, str_from(i->name));
	memmove(c->identities + at, c->identities + at + 1,
		(--c->n - at) * sizeof(struct identity *));
	i->deleted = true;
	table_remove(&c->by_id, &i->by_id);
	list_for_each_safe (it, &i->credentials)
		catalog_bury_credential(c, list_entry(it, struct credential, of_identity));
	catalog_changed(c, i);
}

void catalog_append(struct catalog *c, struct identity *i)
{
	c->identities[c->n++] = i;
	list_append(&c->all, &i->link);
}

void catalog_sort(struct catalog *c, size_t sorted)
{
	/* Most changes bring one at the most, and a start all. */
	if (c->n - sorted > 1) {
		qsort(c->identities, c->n, sizeof(struct identity *), compare);
	} else if (c->n > sorted) {
		struct identity *i = c->identities[--c->n];
		size_t at = catalog_position(c, str_from(i->name));
		memmove(c->identities + at + 1, c->identities + at,
			(c->n - at) * sizeof(struct identity *));
		c->identities[at] = i;
		c->n++;
	}
}

/* ---- Credentials ---- */

static uint64_t key_hash(const uint8_t id[TOKEN_ID_SIZE])
{
	uint64_t hash; /* it is one already */
	memcpy(&hash, id, sizeof(hash));
	return hash;
}

struct credential *catalog_find_key(const struct catalog *c, const uint8_t id[TOKEN_ID_SIZE])
{
	table_for_each (node, &c->by_key, key_hash(id)) {
		struct credential *found = table_entry(node, struct credential, by_key);
		if (memcmp(found->value.key_id, id, TOKEN_ID_SIZE) == 0)
			return found;
	}
	return NULL;
}

struct credential *credential_new(void)
{
	struct credential *k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->use_stored = POLICY_NONE;
	list_init(&k->of_identity);
	list_init(&k->link);
	return k;
}

struct credential *credential_free(struct credential *k)
{
	if (!k)
		return NULL;
	policy_credential_deinit(&k->value);
	free(k);
	return NULL;
}

void catalog_add_credential(struct catalog *c, struct credential *k, struct identity *i)
{
	k->identity = i;
	list_append(&i->credentials, &k->of_identity);
	list_append(&c->all_credentials, &k->link);
	table_add(&c->by_key, &k->by_key, key_hash(k->value.key_id));
	c->n_credentials++;
}

void catalog_move_credential(struct catalog *c, struct credential *k, struct identity *i)
{
	if (k->identity == i)
		return;
	list_unlink(&k->of_identity);
	list_append(&i->credentials, &k->of_identity);
	catalog_changed(c, k->identity);
	k->identity = i;
}

void catalog_bury_credential(struct catalog *c, struct credential *k)
{
	k->deleted = true;
	list_unlink(&k->of_identity);
	table_remove(&c->by_key, &k->by_key);
	c->n_credentials--;
	psk_pool_remove(&c->psks, k->psk);
	k->psk = 0;
	catalog_changed(c, k->identity);
}

/* ---- The token that the server was given ---- */

int catalog_add_token(struct catalog *c, const struct token_key *key, bool open, struct error *err)
{
	const struct credential *same = catalog_find_key(c, key->id);
	if (same && same->identity == c->everybody)
		return 0; /* a row of the store, which may have revoked it */
	if (same)
		return error_set(err, -EINVAL, "the token is one of the identity %s",
			same->identity->name);
	struct credential *k = credential_new();
	if (k)
		k->psk = psk_pool_add(&c->psks, key->psk);
	if (!k || !k->psk || !(k->value.label = strdup(""))) {
		psk_pool_remove(&c->psks, k ? k->psk : 0);
		credential_free(k);
		return error_set(err, -ENOMEM, "no memory for a key");
	}
	memcpy(k->value.key_id, key->id, TOKEN_ID_SIZE);
	k->value.created_at = policy_now();
	k->value.expires_at = k->value.revoked_at = k->value.last_used_at = POLICY_NONE;
	c->everybody->open = open;
	catalog_add_credential(c, k, c->everybody);
	catalog_look(c, policy_now());
	return 0;
}

/* ---- All ---- */

int catalog_init(struct catalog *c)
{
	*c = (struct catalog){0};
	list_init(&c->all);
	list_init(&c->all_credentials);
	list_init(&c->changed);
	/* With buckets from the start, table_add() cannot fail. */
	if (table_grow(&c->by_id) < 0 || table_grow(&c->by_key) < 0 || catalog_reserve(c, 1) < 0)
		return -ENOMEM;
	struct identity *i = identity_new(POLICY_DEFAULT);
	if (!i || policy_identity_init_all(&i->value, POLICY_DEFAULT) < 0) {
		identity_free(i);
		return -ENOMEM;
	}
	catalog_append(c, i);
	c->everybody = i;
	return 0;
}

void catalog_deinit(struct catalog *c)
{
	if (!c->by_id.buckets)
		return;
	list_for_each_safe (it, &c->all_credentials)
		credential_free(list_entry(it, struct credential, link));
	list_for_each_safe (it, &c->all)
		identity_free(list_entry(it, struct identity, link));
	table_deinit(&c->by_id);
	table_deinit(&c->by_key);
	psk_pool_deinit(&c->psks);
	free(c->identities);
	*c = (struct catalog){0};
}

/* ---- What is good ---- */

static bool credential_is_good(const struct credential *k, uint64_t now)
{
	const struct identity *i = k->identity;
	return !k->deleted && !i->deleted && k->psk &&
	       policy_credential_state(&k->value, now) == POLICY_ACTIVE &&
	       policy_identity_state(&i->value, now) == POLICY_ACTIVE;
}

uint64_t catalog_look(struct catalog *c, uint64_t now)
{
	uint64_t next = POLICY_NONE;
	list_for_each (it, &c->all_credentials) {
		struct credential *k = list_entry(it, struct credential, link);
		uint64_t expires = MIN(k->value.expires_at, k->identity->value.expires_at);
		if (k->good != credential_is_good(k, now)) {
			k->good = !k->good;
			c->keys_changed = true;
			catalog_changed(c, k->identity);
		}
		if (k->good)
			next = MIN(next, expires);
	}
	return next;
}

struct keyring *catalog_keyring(const struct catalog *c)
{
	struct keyring_key *keys = calloc(c->n_credentials + 1, sizeof(*keys));
	size_t n = 0;
	if (!keys)
		return NULL;
	list_for_each (it, &c->all_credentials) {
		struct credential *k = list_entry(it, struct credential, link);
		if (k->good)
			keys[n++] = (struct keyring_key){.id = k->value.key_id,
				.psk = psk_pool_at(&c->psks, k->psk),
				.owner = k};
	}
	struct keyring *keyring = keyring_new(keys, n);
	free(keys);
	return keyring;
}
