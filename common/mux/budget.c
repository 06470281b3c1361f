/* SPDX-License-Identifier: MIT */
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

static void sum_add(struct budget_sum *sum, struct budget_sum more)
{
	sum->held += more.held;
	sum->promised += more.promised;
}

static void sum_subtract(struct budget_sum *sum, struct budget_sum less)
{
	sum->held -= less.held;
	sum->promised -= less.promised;
}

static void budget_add(struct budget_account *a, struct budget_sum more)
{
	sum_add(&a->sum, more);
	sum_add(&a->budget->sum, more);
	if (a->share)
		sum_add(&a->share->sum, more);
}

static void budget_subtract(struct budget_account *a, struct budget_sum less)
{
	sum_subtract(&a->sum, less);
	sum_subtract(&a->budget->sum, less);
	if (a->share)
		sum_subtract(&a->share->sum, less);
}

void budget_account_deinit(struct budget_account *a)
{
	if (!a->budget)
		return;
	list_unlink(&a->link);
	budget_subtract(a, a->sum);
	a->budget = NULL;
}

void budget_account_join(struct budget_account *a, struct budget_share *share)
{
	if (a->share)
		sum_subtract(&a->share->sum, a->sum);
	a->share = share;
	if (share)
		sum_add(&share->sum, a->sum);
}

/* Of the session that the account belongs to. */
static const struct budget_sum *session_sum(const struct budget_account *a)
{
	return a->share ? &a->share->sum : &a->sum;
}

bool budget_holds(const struct budget_account *a, size_t n)
{
	const struct budget *b = a->budget;
	return session_sum(a)->held + n <= b->limit / 2 && b->sum.held + n <= b->limit;
}

bool budget_fits(const struct budget_account *a, size_t n)
{
	const struct budget *b = a->budget;
	const struct budget_sum *session = session_sum(a);
	return session->held + session->promised + n <= b->limit / 2 &&
	       b->sum.held + b->sum.promised + n <= b->limit;
}

/* What a session holds, and what of it one link: more links are no way to look lighter. */
struct weight {
	size_t session, link;
};

static struct weight budget_weigh(const struct budget_account *a)
{
	return (struct weight){session_sum(a)->held, a->sum.held};
}

static int weight_compare(struct weight x, struct weight y)
{
	if (x.session != y.session)
		return x.session < y.session ? -1 : 1;
	return x.link < y.link ? -1 : x.link > y.link;
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

void budget_settle(struct budget *b)
{
	/* Whoever cannot let go of anything now is passed over. */
	struct weight ceiling = {SIZE_MAX, SIZE_MAX};
	while (b->sum.held > b->limit) {
		struct budget_account *worst = budget_heaviest(b, ceiling);
		if (!worst)
			return;
		struct weight had = budget_weigh(worst);
		worst->relieve(worst);
		if (worst->sum.held >= had.link)
			ceiling = had;
	}
}

void budget_hold(struct budget_account *a, size_t n)
{
	struct budget *b = a->budget;
	budget_add(a, (struct budget_sum){.held = n});
	b->peak = MAX(b->peak, b->sum.held);
}

void budget_charge(struct budget_account *a, size_t n)
{
	budget_hold(a, n);
	budget_settle(a->budget);
}

void budget_release(struct budget_account *a, size_t n)
{
	budget_subtract(a, (struct budget_sum){.held = n});
}

void budget_promise(struct budget_account *a, size_t was, size_t now)
{
	budget_subtract(a, (struct budget_sum){.promised = was});
	budget_add(a, (struct budget_sum){.promised = now});
}
