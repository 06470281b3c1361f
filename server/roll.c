#include "server/roll.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct roll_host {
	struct table_node node; /* roll::hosts */
	uint64_t network;
	struct flow_queue entries;
};

void roll_init(struct roll *r)
{
	*r = (struct roll){0};
	hash_key_init(&r->key);
}

void roll_deinit(struct roll *r)
{
	table_deinit(&r->entries);
	table_deinit(&r->hosts);
}

static uint64_t entry_hash(const struct roll *r, const void *port, const struct address *peer,
	const struct address *local)
{
	struct {
		const void *port;
		uint8_t peer[16], local[16];
		uint32_t peer_port, local_port;
	} key = {.port = port, .peer_port = peer->port, .local_port = local->port};
	_Static_assert(sizeof(key) == sizeof(void *) + 40, "no padding, which has no known value");
	memcpy(key.peer, peer->bytes, sizeof(key.peer));
	memcpy(key.local, local->bytes, sizeof(key.local));
	return keyed_hash(&r->key, &key, sizeof(key));
}

static bool same(const struct address *a, const struct address *b)
{
	return a->port == b->port && address_same_ip(a, b);
}

struct roll_entry *roll_find(const struct roll *r, const void *port, const struct address *peer,
	const struct address *local)
{
	table_for_each (it, &r->entries, entry_hash(r, port, peer, local)) {
		struct roll_entry *e = table_entry(it, struct roll_entry, node);
		if (e->port == port && same(&e->peer, peer) && same(&e->local, local))
			return e;
	}
	return NULL;
}

static struct roll_host *host_find(const struct roll *r, uint64_t network)
{
	table_for_each (it, &r->hosts, keyed_hash(&r->key, &network, sizeof(network))) {
		struct roll_host *h = table_entry(it, struct roll_host, node);
		if (h->network == network)
			return h;
	}
	return NULL;
}

/* NULL when out of memory. */
static struct roll_host *host_take(struct roll *r, const struct address *peer)
{
	uint64_t network = address_network(peer);
	struct roll_host *h = host_find(r, network);
	if (h)
		return h;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->network = network;
	flow_queue_init(&h->entries);
	if (table_add(&r->hosts, &h->node, keyed_hash(&r->key, &network, sizeof(network))) == 0)
		return h;
	free(h);
	return NULL;
}

static void host_release(struct roll *r, struct roll_host *h)
{
	if (flow_queue_count(&h->entries))
		return;
	table_remove(&r->hosts, &h->node);
	free(h);
}

int roll_add(struct roll *r, struct roll_entry *e, uint64_t now)
{
	e->host = host_take(r, &e->peer);
	if (!e->host)
		return -ENOMEM;
	if (table_add(&r->entries, &e->node, entry_hash(r, e->port, &e->peer, &e->local)) < 0) {
		host_release(r, e->host);
		return -ENOMEM;
	}
	flow_queue_add(&e->host->entries, &e->of_host, now);
	return 0;
}

void roll_remove(struct roll *r, struct roll_entry *e)
{
	table_remove(&r->entries, &e->node);
	flow_queue_remove(&e->host->entries, &e->of_host);
	host_release(r, e->host);
}

void roll_heard(struct roll_entry *e)
{
	flow_queue_heard(&e->host->entries, &e->of_host);
}

void roll_answered(struct roll_entry *e)
{
	flow_queue_answered(&e->host->entries, &e->of_host);
}

struct roll_entry *roll_victim(const struct roll *r, const struct address *peer, uint64_t now)
{
	struct roll_host *h = host_find(r, address_network(peer));
	struct flow_place *p =
		h ? flow_queue_victim(&h->entries, ROLL_UNANSWERED_SHARE, now) : NULL;
	return p ? container_of(p, struct roll_entry, of_host) : NULL;
}
