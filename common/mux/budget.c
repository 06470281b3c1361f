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
	budget_account_join(a, NULL);
	a->budget->used -= a->used;
	a->budget = NULL;
}

void budget_account_join(struct budget_account *a, struct budget_share *share)
{
	if (a->share)
		a->share->used -= a->used;
	a->share = share;
	if (share)
		share->used += a->used;
}

static size_t budget_held(const struct budget_account *a)
{
	return a->share ? a->share->used : a->used;
}

bool budget_fits(const struct budget_account *a, size_t n)
{
	return budget_held(a) + n <= a->budget->limit / 2 &&
	       a->budget->used + n <= a->budget->limit;
}

/* What a session holds, and what of it one link: more links are no way to look lighter. */
struct weight {
	size_t held, used;
};

static struct weight budget_weigh(const struct budget_account *a)
{
	return (struct weight){budget_held(a), a->used};
}

static int weight_compare(struct weight x, struct weight y)
{
	if (x.held != y.held)
		return x.held < y.held ? -1 : 1;
	return x.used < y.used ? -1 : x.used > y.used;
}

/* The account below `ceiling` that holds most; of two that hold as much, the one that moved least. */
static struct budget_account *budget_heaviest(struct budget *b, struct weight ceiling)
{
	struct budget_account *worst = NULL;
	list_for_each (it, &b->accounts) {
		struct budget_account *a = list_entry(it, struct budget_account, link);
		if (weight_compare(budget_weigh(a), ceiling) >= 0)
			continue;
		int heavier = worst ? weight_compare(budget_weigh(a), budget_weigh(worst)) : 1;
		if (heavier > 0 || (heavier == 0 && a->moved < worst->moved))
			worst = a;
	}
	return worst;
}

static void budget_add(struct budget_account *a, size_t n)
{
	a->used += n;
	a->budget->used += n;
	if (a->share)
		a->share->used += n;
}

void budget_charge(struct budget_account *a, size_t n)
{
	struct budget *b = a->budget;
	budget_add(a, n);
	/* Whoever holds nothing but granted credit has nothing to let go of: then the next one. */
	struct weight ceiling = {SIZE_MAX, SIZE_MAX};
	while (b->used > b->limit) {
		struct budget_account *worst = budget_heaviest(b, ceiling);
		if (!worst)
			return;
		struct weight had = budget_weigh(worst);
		worst->relieve(worst);
		if (worst->used >= had.used)
			ceiling = had;
	}
}

void budget_release(struct budget_account *a, size_t n)
{
	a->used -= n;
	a->budget->used -= n;
	if (a->share)
		a->share->used -= n;
}
