/* SPDX-License-Identifier: MIT */
#include "net/flow_table.h"

#include <errno.h>
#include <string.h>

struct flow_table_host {
	struct network_entry entry; /* flow_table::hosts */
	struct flow_queue entries;
};

void flow_table_init(struct flow_table *t)
{
	*t = (struct flow_table){0};
	network_table_init(&t->hosts);
}

void flow_table_deinit(struct flow_table *t)
{
	table_deinit(&t->entries);
	network_table_deinit(&t->hosts);
}

static uint64_t entry_hash(const struct flow_table *t, const void *port, const struct address *peer,
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
	return keyed_hash(&t->hosts.key, &key, sizeof(key));
}

static bool same(const struct address *a, const struct address *b)
{
	return a->port == b->port && address_same_ip(a, b);
}

struct flow_table_entry *flow_table_find(const struct flow_table *t, const void *port,
	const struct address *peer, const struct address *local)
{
	table_for_each (it, &t->entries, entry_hash(t, port, peer, local)) {
		struct flow_table_entry *e = table_entry(it, struct flow_table_entry, node);
		if (e->port == port && same(&e->peer, peer) && same(&e->local, local))
			return e;
	}
	return NULL;
}

static struct flow_table_host *host_of(struct network_entry *e)
{
	return container_of(e, struct flow_table_host, entry);
}

/* NULL when out of memory. */
static struct flow_table_host *host_take(struct flow_table *t, const struct address *peer)
{
	struct network_entry *e = network_table_find(&t->hosts, peer);
	if (e)
		return host_of(e);
	e = network_table_add(&t->hosts, peer, sizeof(struct flow_table_host));
	if (!e)
		return NULL;
	flow_queue_init(&host_of(e)->entries);
	return host_of(e);
}

static void host_release(struct flow_table *t, struct flow_table_host *h)
{
	if (flow_queue_count(&h->entries))
		return;
	network_table_drop(&t->hosts, &h->entry);
}

int flow_table_add(struct flow_table *t, struct flow_table_entry *e, uint64_t now)
{
	e->host = host_take(t, &e->peer);
	if (!e->host)
		return -ENOMEM;
	if (table_add(&t->entries, &e->node, entry_hash(t, e->port, &e->peer, &e->local)) < 0) {
		host_release(t, e->host);
		return -ENOMEM;
	}
	flow_queue_add(&e->host->entries, &e->of_host, now);
	return 0;
}

void flow_table_remove(struct flow_table *t, struct flow_table_entry *e)
{
	table_remove(&t->entries, &e->node);
	flow_queue_remove(&e->host->entries, &e->of_host);
	host_release(t, e->host);
}

void flow_table_heard(struct flow_table_entry *e)
{
	flow_queue_heard(&e->host->entries, &e->of_host);
}

void flow_table_answered(struct flow_table_entry *e)
{
	flow_queue_answered(&e->host->entries, &e->of_host);
}

struct flow_table_entry *flow_table_victim(const struct flow_table *t, const struct address *peer,
	uint64_t now)
{
	struct network_entry *e = network_table_find(&t->hosts, peer);
	struct flow_place *p =
		e ? flow_queue_victim(&host_of(e)->entries, FLOW_TABLE_UNANSWERED_SHARE, now)
		  : NULL;
	return p ? container_of(p, struct flow_table_entry, of_host) : NULL;
}
