/* SPDX-License-Identifier: MIT */
#include "server/store/keyring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct keyring_entry *entry_free(struct keyring_entry *e)
{
	if (e)
		token_key_free(e->key);
	free(e);
	return NULL;
}

static struct keyring_entry *entry_new(const struct keyring *k, const char *identity)
{
	size_t n = strlen(identity) + 1;
	struct keyring_entry *e = calloc(1, sizeof *e + n);
	if (!e)
		return NULL;
	memcpy(e->name, identity, n);
	e->identity = e->name;
	for (size_t i = k->n; i-- > 0;)
		if (strcmp(k->entries[i]->identity, identity) == 0)
			e->identity = k->entries[i]->identity;
	e->key = token_key_new();
	return e->key ? e : entry_free(e);
}

/* Takes the entry over, also on failure. */
static int append(struct keyring *k, struct keyring_entry *e, struct error *err)
{
	struct keyring_entry **entries = reallocarray(k->entries, k->n + 1, sizeof *entries);
	if (!entries) {
		entry_free(e);
		return error_set(err, -ENOMEM, "no memory for a token's key");
	}
	k->entries = entries;
	k->entries[k->n++] = e;
	return 0;
}

int keyring_add(struct keyring *k, const char *identity, const struct secret *token,
	const uint8_t salt[TOKEN_SALT_SIZE], struct error *err)
{
	if (k->n > 0 && k->entries[0]->open)
		return error_set(err, -EINVAL, "a server without tokens cannot take one as well");
	struct keyring_entry *e = entry_new(k, identity);
	int r = e ? token_key_derive(token->bytes, token->n, salt, e->key) : -ENOMEM;
	if (r) {
		entry_free(e);
		if (r == -EINVAL)
			return error_set(err, r, "the token of %s is empty", identity);
		return error_set(err, r, "no memory for the key of %s", identity);
	}
	const struct keyring_entry *same = keyring_find(k, e->key->id);
	if (same) {
		error_set(err, -EINVAL, "%s has the same token as %s", identity, same->identity);
		entry_free(e);
		return -EINVAL;
	}
	return append(k, e, err);
}

int keyring_add_open(struct keyring *k, struct error *err)
{
	if (k->n > 0)
		return error_set(err, -EINVAL, "a server with tokens cannot take everybody");
	struct keyring_entry *e = entry_new(k, KEYRING_DEFAULT);
	if (!e)
		return error_set(err, -ENOMEM, "no memory for a key");
	token_key_open_mode(e->key);
	e->open = true;
	return append(k, e, err);
}

void keyring_deinit(struct keyring *k)
{
	for (size_t i = 0; i < k->n; i++)
		entry_free(k->entries[i]);
	free(k->entries);
	*k = KEYRING_NULL;
}

const struct keyring_entry *keyring_find(const struct keyring *k, const uint8_t id[TOKEN_ID_SIZE])
{
	const struct keyring_entry *found = NULL;
	/* To the end even after a hit: where it was is nobody's business either. */
	for (size_t i = 0; i < k->n; i++)
		if (token_id_equal(k->entries[i]->key->id, id))
			found = k->entries[i];
	return found;
}
