/* SPDX-License-Identifier: MIT */
#include "server/base/charges.h"

#include "base/macros.h"

struct charge_host {
	struct network_entry entry; /* charges::hosts */
	struct list of_rank;        /* charges::ranks */
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

static struct charge_host *host_of(struct network_entry *e)
{
	return container_of(e, struct charge_host, entry);
}

static struct charge_host *host_take(struct charges *all, const struct address *peer)
{
	struct network_entry *e = network_table_find(&all->hosts, peer);
	if (e)
		return host_of(e);
	e = network_table_add(&all->hosts, peer, sizeof(struct charge_host));
	if (!e)
		return NULL;
	struct charge_host *host = host_of(e);
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
		network_table_drop(&all->hosts, &host->entry);
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
	network_table_init(&all->hosts);
	for (unsigned i = 0; i < CHARGE_RANKS; i++)
		list_init(&all->ranks[i]);
}

void charges_deinit(struct charges *all)
{
	if (!all->loop)
		return;
	loop_task_cancel(&all->relief);
	budget_account_deinit(&all->account);
	network_table_deinit(&all->hosts);
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
