#include "server/base/charges.h"

#include <stdlib.h>

struct charge_host {
	struct table_node node; /* charges::hosts */
	struct list of_rank;    /* charges::ranks */
	uint64_t network;
	size_t held;
	struct list idle, busy; /* of struct charge, what moved longest ago is first */
};

static unsigned rank_of(size_t bytes)
{
	unsigned rank = 0;
	while (bytes >>= 1)
		rank++;
	return rank < CHARGE_RANKS ? rank : CHARGE_RANKS - 1;
}

static struct charge_host *host_take(struct charges *all, const struct address *peer)
{
	uint64_t network = address_network(peer);
	uint64_t hash = keyed_hash(&all->key, &network, sizeof(network));
	table_for_each (it, &all->hosts, hash) {
		struct charge_host *host = table_entry(it, struct charge_host, node);
		if (host->network == network)
			return host;
	}
	struct charge_host *host = calloc(1, sizeof(*host));
	if (!host || table_add(&all->hosts, &host->node, hash) < 0) {
		free(host);
		return NULL;
	}
	host->network = network;
	list_init(&host->idle);
	list_init(&host->busy);
	list_init(&host->of_rank);
	return host;
}

static void host_set_held(struct charges *all, struct charge_host *host, size_t held)
{
	unsigned was = rank_of(host->held), rank = rank_of(held);
	host->held = held;
	if (!held) {
		list_unlink(&host->of_rank);
		table_remove(&all->hosts, &host->node);
		free(host);
	} else if (rank != was || !list_linked(&host->of_rank)) {
		list_unlink(&host->of_rank);
		list_append(&all->ranks[rank], &host->of_rank);
	}
}

/* False: nobody holds anything. */
static bool evict_one(struct charges *all)
{
	struct charge_host *host = NULL;
	for (unsigned rank = CHARGE_RANKS; rank && !host; rank--)
		host = list_first(&all->ranks[rank - 1], struct charge_host, of_rank);
	if (!host)
		return false;
	struct charge *c = list_first(&host->idle, struct charge, link);
	if (!c)
		c = list_first(&host->busy, struct charge, link);
	c->evict(c);
	return true;
}

static bool over(const struct charges *all)
{
	const struct budget *b = all->account.budget;
	return all->account.sum.held > b->limit / 2 || b->sum.held > b->limit;
}

static void charges_relieve(struct loop_task *task)
{
	struct charges *all = container_of(task, struct charges, relief);
	struct budget_account *a = &all->account;
	while (a->sum.held > a->budget->limit / 2 && evict_one(all))
		;
	budget_settle(a->budget);
}

/* For the budget: links' bytes are out of memory, and nobody holds more than visitors do. */
static void account_relieve(struct budget_account *a)
{
	evict_one(container_of(a, struct charges, account));
}

void charges_init(struct charges *all, struct loop *loop, struct budget *budget)
{
	*all = (struct charges){.loop = loop};
	budget_account_init(&all->account, budget, account_relieve);
	loop_task_init(&all->relief, charges_relieve);
	hash_key_init(&all->key);
	for (unsigned i = 0; i < CHARGE_RANKS; i++)
		list_init(&all->ranks[i]);
}

void charges_deinit(struct charges *all)
{
	if (!all->loop)
		return;
	loop_task_cancel(&all->relief);
	budget_account_deinit(&all->account);
	table_deinit(&all->hosts);
}

void charge_init(struct charge *c, void (*evict)(struct charge *c))
{
	*c = (struct charge){.evict = evict};
	list_init(&c->link);
}

void charge_set(struct charges *all, struct charge *c, const struct address *peer, size_t bytes,
	bool busy)
{
	if (!bytes && !c->bytes)
		return;
	/* Without memory for the host it is not charged; there are worse worries then. */
	if (!c->host && !(c->host = host_take(all, peer)))
		return;
	struct charge_host *host = c->host;
	size_t was = c->bytes;
	list_unlink(&c->link);
	c->bytes = bytes;
	c->busy = busy;
	if (bytes)
		list_append(busy ? &host->busy : &host->idle, &c->link);
	else
		c->host = NULL;
	if (bytes == was)
		return;
	host_set_held(all, host, host->held - was + bytes);
	if (bytes < was) {
		budget_release(&all->account, was - bytes);
		return;
	}
	budget_hold(&all->account, bytes - was);
	if (over(all))
		loop_defer(all->loop, LOOP_PHASE_WRITE, &all->relief);
}
