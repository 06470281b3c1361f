#include "server/roll.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"

#define ROLL_MIN 64 /* buckets */

struct roll_host {
	struct roll_host *next;
	uint64_t key, hash;
	struct list entries;
};

/* The two families may meet on one key, as in server/tally.c: rare, and only stricter. */
static uint64_t host_key(const struct address *a)
{
	uint64_t key = 0;
	memcpy(&key, a->bytes, a->family == ADDRESS_V6 ? 8 : 4);
	return key;
}

/* Strangers choose the words, but do not know where they fall. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static uint64_t mix_address(uint64_t hash, const struct address *a)
{
	uint64_t words[2];
	memcpy(words, a->bytes, sizeof(words));
	return mix(mix(hash, words[0]), words[1] ^ a->port);
}

static uint64_t entry_hash(const struct roll *r, const void *port, const struct address *peer,
	const struct address *local)
{
	uint64_t hash = mix(r->seed, (uintptr_t)port);
	return mix_address(mix_address(hash, peer), local);
}

static bool same(const struct address *a, const struct address *b)
{
	return a->port == b->port && address_same_ip(a, b);
}

static struct roll_host **host_find(const struct roll *r, uint64_t key)
{
	struct roll_host **at = &r->hosts[mix(r->seed, key) & (r->host_buckets - 1)];
	while (*at && (*at)->key != key)
		at = &(*at)->next;
	return at;
}

static int grow_hosts(struct roll *r)
{
	size_t size = r->host_buckets ? r->host_buckets * 2 : ROLL_MIN;
	struct roll_host **table = calloc(size, sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < r->host_buckets; i++) {
		for (struct roll_host *h = r->hosts[i], *next; h; h = next) {
			next = h->next;
			struct roll_host **bucket = &table[h->hash & (size - 1)];
			h->next = *bucket;
			*bucket = h;
		}
	}
	free(r->hosts);
	r->hosts = table;
	r->host_buckets = size;
	return 0;
}

static int grow_entries(struct roll *r)
{
	size_t size = r->n_buckets ? r->n_buckets * 2 : ROLL_MIN;
	struct roll_entry **table = calloc(size, sizeof(*table));
	if (!table)
		return -ENOMEM;
	if (!r->entries)
		random_bytes(&r->seed, sizeof(r->seed));
	for (size_t i = 0; i < r->n_buckets; i++) {
		for (struct roll_entry *e = r->entries[i], *next; e; e = next) {
			next = e->next;
			struct roll_entry **bucket = &table[e->hash & (size - 1)];
			e->next = *bucket;
			*bucket = e;
		}
	}
	free(r->entries);
	r->entries = table;
	r->n_buckets = size;
	return 0;
}

void roll_deinit(struct roll *r)
{
	free(r->entries);
	free(r->hosts);
	*r = (struct roll){0};
}

struct roll_entry *roll_find(const struct roll *r, const void *port, const struct address *peer,
	const struct address *local)
{
	if (!r->entries)
		return NULL;
	uint64_t hash = entry_hash(r, port, peer, local);
	struct roll_entry *e = r->entries[hash & (r->n_buckets - 1)];
	while (e && !(e->hash == hash && e->port == port && same(&e->peer, peer) &&
			    same(&e->local, local)))
		e = e->next;
	return e;
}

/* NULL when out of memory. */
static struct roll_host *host_take(struct roll *r, const struct address *peer)
{
	uint64_t key = host_key(peer);
	struct roll_host **at = host_find(r, key), *h = *at;
	if (h)
		return h;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->key = key;
	h->hash = mix(r->seed, key);
	list_init(&h->entries);
	*at = h;
	r->n_hosts++;
	return h;
}

int roll_add(struct roll *r, struct roll_entry *e)
{
	/* Longer chains are slower, not wrong. */
	if (r->n >= r->n_buckets && grow_entries(r) < 0 && !r->entries)
		return -ENOMEM;
	if (r->n_hosts >= r->host_buckets && grow_hosts(r) < 0 && !r->hosts)
		return -ENOMEM;
	e->host = host_take(r, &e->peer);
	if (!e->host)
		return -ENOMEM;
	e->hash = entry_hash(r, e->port, &e->peer, &e->local);
	struct roll_entry **bucket = &r->entries[e->hash & (r->n_buckets - 1)];
	e->next = *bucket;
	*bucket = e;
	list_init(&e->of_host);
	list_append(&e->host->entries, &e->of_host);
	r->n++;
	return 0;
}

void roll_remove(struct roll *r, struct roll_entry *e)
{
	struct roll_entry **at = &r->entries[e->hash & (r->n_buckets - 1)];
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	r->n--;
	list_unlink(&e->of_host);
	if (!list_empty(&e->host->entries))
		return;
	struct roll_host **host = host_find(r, e->host->key);
	*host = e->host->next;
	free(e->host);
	r->n_hosts--;
}

void roll_heard(struct roll_entry *e)
{
	struct list *entries = &e->host->entries;
	list_unlink(&e->of_host);
	list_append(entries, &e->of_host);
}

struct roll_entry *roll_oldest(const struct roll *r, const struct address *peer)
{
	struct roll_host *h = r->hosts ? *host_find(r, host_key(peer)) : NULL;
	return h ? list_first(&h->entries, struct roll_entry, of_host) : NULL;
}
