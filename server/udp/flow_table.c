#include "server/udp/flow_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct flow_table_host {
	struct table_node node; /* flow_table::hosts */
	uint64_t network;
	struct flow_queue entries;
};

void flow_table_init(struct flow_table *r)
{
	*r = (struct flow_table){0};
	hash_key_init(&r->key);
}

void flow_table_deinit(struct flow_table *r)
{
	table_deinit(&r->entries);
	table_deinit(&r->hosts);
}

static uint64_t entry_hash(const struct flow_table *r, const void *port, const struct address *peer,
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

struct flow_table_entry *flow_table_find(const struct flow_table *r, const void *port,
	const struct address *peer, const struct address *local)
{
	table_for_each (it, &r->entries, entry_hash(r, port, peer, local)) {
		struct flow_table_entry *e = table_entry(it, struct flow_table_entry, node);
		if (e->port == port && same(&e->peer, peer) && same(&e->local, local))
			return e;
	}
	return NULL;
}

static struct flow_table_host *host_find(const struct flow_table *r, uint64_t network)
{
	table_for_each (it, &r->hosts, keyed_hash(&r->key, &network, sizeof(network))) {
		struct flow_table_host *h = table_entry(it, struct flow_table_host, node);
		if (h->network == network)
			return h;
	}
	return NULL;
}

/* NULL when out of memory. */
static struct flow_table_host *host_take(struct flow_table *r, const struct address *peer)
{
	uint64_t network = address_network(peer);
	struct flow_table_host *h = host_find(r, network);
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

static void host_release(struct flow_table *r, struct flow_table_host *h)
{
	if (flow_queue_count(&h->entries))
		return;
	table_remove(&r->hosts, &h->node);
	free(h);
}

int flow_table_add(struct flow_table *r, struct flow_table_entry *e, uint64_t now)
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

void flow_table_remove(struct flow_table *r, struct flow_table_entry *e)
{
	table_remove(&r->entries, &e->node);
	flow_queue_remove(&e->host->entries, &e->of_host);
	host_release(r, e->host);
}

void flow_table_heard(struct flow_table_entry *e)
{
	flow_queue_heard(&e->host->entries, &e->of_host);
}

void flow_table_answered(struct flow_table_entry *e)
{
	flow_queue_answered(&e->host->entries, &e->of_host);
}

struct flow_table_entry *flow_table_victim(const struct flow_table *r, const struct address *peer,
	uint64_t now)
{
	struct flow_table_host *h = host_find(r, address_network(peer));
	struct flow_place *p =
		h ? flow_queue_victim(&h->entries, FLOW_TABLE_UNANSWERED_SHARE, now) : NULL;
	return p ? container_of(p, struct flow_table_entry, of_host) : NULL;
}
