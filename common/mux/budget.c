#include "base/macros.h"
#include "mux/budget.h"

void budget_init(struct budget *b, size_t limit)
{
	*b = (struct budget){.limit = limit};
	list_init(&b->accounts);
}

void budget_account_init(struct budget_account *a, struct budget *b,
	void (*relieve)(struct budget_account *))
{
	*a = (struct budget_account){.budget = b, .relieve = relieve};
	list_init(&a->link);
	list_append(&b->accounts, &a->link);
}

void budget_account_deinit(struct budget_account *a)
{
	if (!a->budget)
		return;
	list_unlink(&a->link);
	a->budget->used -= a->used;
	a->budget = NULL;
}

bool budget_fits(const struct budget_account *a, size_t n)
{
	return a->used + n <= a->budget->limit / 2 && a->budget->used + n <= a->budget->limit;
}

/* The account below `ceiling` that holds most; of two that hold as much, the one that moved least. */
static struct budget_account *budget_heaviest(struct budget *b, size_t ceiling)
{
	struct budget_account *worst = NULL;
	list_for_each (it, &b->accounts) {
		struct budget_account *a = list_entry(it, struct budget_account, link);
		if (a->used >= ceiling)
			continue;
		if (!worst || a->used > worst->used ||
			(a->used == worst->used && a->moved < worst->moved))
			worst = a;
	}
	return worst;
}

void budget_charge(struct budget_account *a, size_t n)
{
	struct budget *b = a->budget;
	a->used += n;
	b->used += n;
	/* Whoever holds nothing but granted credit has nothing to let go of: then the next one. */
	size_t ceiling = SIZE_MAX;
	while (b->used > b->limit) {
		struct budget_account *worst = budget_heaviest(b, ceiling);
		if (!worst)
			return;
		size_t had = worst->used;
		worst->relieve(worst);
		if (worst->used >= had)
			ceiling = had;
	}
}

void budget_release(struct budget_account *a, size_t n)
{
	a->used -= n;
	a->budget->used -= n;
}
