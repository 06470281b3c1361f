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

static int grow(struct identity ***identities, size_t room)
{
	struct identity **grown = reallocarray(*identities, room, sizeof(struct identity *));
	if (!grown)
		return -ENOMEM;
	*identities = grown;
	return 0;
}

int catalog_reserve(struct catalog *c, size_t more)
{
	size_t n = MAX(c->n, c->n_by_id) + more;
	if (n <= c->room)
		return 0;
	if (grow(&c->identities, 2 * n) < 0 || grow(&c->by_id, 2 * n) < 0)
		return -ENOMEM;
	c->room = 2 * n;
	return 0;
}

struct identity *identity_new(void)
{
	struct identity *i = calloc(1, sizeof(*i));
	if (!i)
		return NULL;
	list_init(&i->private_services);
	list_init(&i->endpoints);
	list_init(&i->sessions);
	list_init(&i->client_changes);
	atomic_init(&i->max_streams, IDENTITY_STREAMS_ANY);
	atomic_init(&i->private_streams, 0);
	return i;
}

void identity_set(struct identity *i, struct policy_identity *value)
{
	if (i->name) {
		policy_text_free(value->name);
		value->name = i->value.name;
		i->value.name = NULL;
	}
	policy_identity_deinit(&i->value);
	i->value = *value;
	if (!i->name)
		i->name = i->value.name;
	*value = (struct policy_identity){0};
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

static size_t position_of_id(const struct catalog *c, uint64_t id)
{
	size_t from = 0, to = c->n_by_id;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (c->by_id[middle]->value.id < id)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

struct identity *catalog_find_id(const struct catalog *c, uint64_t id)
{
	size_t at = position_of_id(c, id);
	while (at < c->n_by_id && c->by_id[at]->value.id == id && c->by_id[at]->deleted)
		at++;
	return at < c->n_by_id && c->by_id[at]->value.id == id ? c->by_id[at] : NULL;
}

void catalog_add_id(struct catalog *c, struct identity *i)
{
	size_t at = position_of_id(c, i->value.id); /* they count up: most often the end */
	memmove(c->by_id + at + 1, c->by_id + at, (c->n_by_id - at) * sizeof(struct identity *));
	c->by_id[at] = i;
	c->n_by_id++;
}

void catalog_changed(struct catalog *c, struct identity *i)
{
	catalog_mark_identity(&c->private, i);
	if (i->changed)
		return;
	i->changed = true;
	i->next_changed = c->changed;
	c->changed = i;
}

struct identity *catalog_next_changed(struct catalog *c)
{
	struct identity *i = c->changed;
	if (i) {
		c->changed = i->next_changed;
		i->changed = false;
	}
	return i;
}

void catalog_bury_identity(struct catalog *c, struct identity *i)
{
	size_t at = catalog_position(c, str_from(i->name));
	memmove(c->identities + at, c->identities + at + 1,
		(--c->n - at) * sizeof(struct identity *));
	i->deleted = true;
	catalog_bury_private_of(&c->private, i);
	while (i->credentials)
		catalog_bury_credential(c, i->credentials);
	catalog_changed(c, i);
}

void catalog_append(struct catalog *c, struct identity *i)
{
	c->identities[c->n++] = i;
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
	return calloc(1, sizeof(struct credential));
}

struct credential *credential_free(struct credential *k)
{
	if (!k)
		return NULL;
	policy_credential_deinit(&k->value);
	free(k);
	return NULL;
}

static void put(struct credential **list, struct credential *k)
{
	k->next = *list;
	*list = k;
}

/* Of all identities, `default` alone may have more than a few. */
static void take(struct credential **list, struct credential *k)
{
	while (*list != k)
		list = &(*list)->next;
	*list = k->next;
}

void catalog_add_credential(struct catalog *c, struct credential *k, struct identity *i)
{
	k->identity = i;
	put(&i->credentials, k);
	table_add(&c->by_key, &k->by_key, key_hash(k->value.key_id));
	c->n_credentials++;
}

void catalog_move_credential(struct catalog *c, struct credential *k, struct identity *i)
{
	if (k->identity == i)
		return;
	take(&k->identity->credentials, k);
	put(&i->credentials, k);
	catalog_changed(c, k->identity);
	k->identity = i;
}

void catalog_bury_credential(struct catalog *c, struct credential *k)
{
	k->deleted = true;
	c->keys_changed |= k->good;
	k->good = false;
	take(&k->identity->credentials, k);
	put(&c->buried, k);
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
	if (!k || !k->psk) {
		psk_pool_remove(&c->psks, k ? k->psk : 0);
		credential_free(k);
		return error_set(err, -ENOMEM, "no memory for a key");
	}
	memcpy(k->value.key_id, key->id, TOKEN_ID_SIZE);
	k->value.label = policy_text_new(STR(""));
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
	/* With buckets from the start, table_add() cannot fail. */
	if (table_grow(&c->by_key) < 0 || catalog_reserve(c, 1) < 0 ||
		catalog_private_init(&c->private) < 0)
		return -ENOMEM;
	struct policy_identity value;
	struct identity *i = identity_new();
	if (!i || policy_identity_init_all(&value, POLICY_DEFAULT) < 0) {
		identity_free(i);
		return -ENOMEM;
	}
	identity_set(i, &value);
	catalog_append(c, i);
	c->everybody = i;
	return 0;
}

static void free_credentials(struct credential *k)
{
	while (k) {
		struct credential *next = k->next;
		credential_free(k);
		k = next;
	}
}

void catalog_deinit(struct catalog *c)
{
	if (!c->by_key.buckets)
		return;
	catalog_private_deinit(&c->private);
	for (size_t n = 0; n < c->n; n++)
		free_credentials(c->identities[n]->credentials);
	free_credentials(c->buried);
	if (c->everybody && !c->everybody->value.id)
		identity_free(c->everybody);
	for (size_t n = 0; n < c->n_by_id; n++)
		identity_free(c->by_id[n]);
	table_deinit(&c->by_key);
	psk_pool_deinit(&c->psks);
	catalog_intentions_deinit(&c->intentions);
	catalog_roots_deinit(&c->roots);
	free(c->identities);
	free(c->by_id);
	*c = (struct catalog){0};
}

/* ---- What is good ---- */

static bool credential_is_good(const struct credential *k, uint64_t now)
{
	const struct identity *i = k->identity;
	return k->psk && policy_credential_state(&k->value, now) == POLICY_ACTIVE &&
	       policy_identity_state(&i->value, now) == POLICY_ACTIVE;
}

static void look(struct catalog *c, struct credential *k, uint64_t now)
{
	if (k->good == credential_is_good(k, now))
		return;
	k->good = !k->good;
	c->keys_changed = true;
	catalog_changed(c, k->identity);
}

uint64_t catalog_look(struct catalog *c, uint64_t now)
{
	uint64_t next = POLICY_NONE;
	for (size_t n = 0; n < c->n; n++) {
		struct identity *i = c->identities[n];
		for (struct credential *k = i->credentials; k; k = k->next) {
			look(c, k, now);
			if (k->good)
				next = MIN(next, MIN(k->value.expires_at, i->value.expires_at));
		}
	}
	return next;
}

static struct keyring_key key_of(const struct catalog *c, struct credential *k)
{
	return (struct keyring_key){.id = k->value.key_id,
		.psk = psk_pool_at(&c->psks, k->psk),
		.owner = k};
}

struct keyring *catalog_keyring(const struct catalog *c)
{
	struct keyring_key *keys = calloc(c->n_credentials + 1, sizeof(*keys));
	size_t n_keys = 0;
	if (!keys)
		return NULL;
	for (size_t n = 0; n < c->n; n++)
		for (struct credential *k = c->identities[n]->credentials; k; k = k->next)
			if (k->good)
				keys[n_keys++] = key_of(c, k);
	struct keyring *keyring = keyring_new(keys, n_keys);
	free(keys);
	return keyring;
}
