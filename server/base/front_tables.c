/* SPDX-License-Identifier: MIT */
#include "server/base/front_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "crypto/random.h"
#include "loop/offload.h"
#include "server/base/node.h"

#define NS_PER_S UINT64_C(1000000000)

static const struct rate_limit failures = {.every = 60 * NS_PER_S / FRONT_FAILURES,
	.burst = FRONT_FAILURES};

/* A power of two that is no less. */
static size_t cells_for(uint64_t entries)
{
	size_t n = CELL_TABLE_WAYS;
	while (n < entries)
		n *= 2;
	return n;
}

int front_tables_need(struct node *n, uint64_t rate_entries)
{
	if (!n->front_tables)
		n->front_tables = front_tables_new(cells_for(rate_entries));
	return n->front_tables ? 0 : -ENOMEM;
}

struct front_tables *front_tables_new(size_t rates)
{
	struct front_tables *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	atomic_init(&t->refs, 1);
	t->checks = offload_new(FRONT_CHECK_THREADS);
	if (!t->checks || cell_table_init(&t->rates, rates) < 0 ||
		cell_table_init(&t->passwords, FRONT_PASSWORDS) < 0 ||
		cell_table_init(&t->failures, FRONT_FAILING) < 0)
		return front_tables_free(t);
	random_bytes(t->secret, sizeof(t->secret));
	return t;
}

struct front_tables *front_tables_free(struct front_tables *t)
{
	if (t && t->checks)
		offload_free(t->checks);
	front_tables_release(t);
	return NULL;
}

struct front_tables *front_tables_hold(struct front_tables *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void front_tables_release(struct front_tables *t)
{
	if (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1) {
		cell_table_deinit(&t->rates);
		cell_table_deinit(&t->passwords);
		cell_table_deinit(&t->failures);
		explicit_bzero(t->secret, sizeof(t->secret));
		free(t);
	}
}

/* Each part is hashed for itself, so that nothing can move from one to the next. */
uint64_t front_password_key(const struct front_tables *t, const char *hash, struct str user,
	struct str password)
{
	uint8_t parts[3][MAC_SIZE], all[MAC_SIZE];
	mac_make(t->secret, hash, strlen(hash), parts[0]);
	mac_make(t->secret, user.p, user.n, parts[1]);
	mac_make(t->secret, password.p, password.n, parts[2]);
	mac_make(t->secret, parts, sizeof(parts), all);
	explicit_bzero(parts, sizeof(parts));
	return cell_table_key(&t->passwords, all, sizeof(all));
}

bool front_password_is_good(const struct front_tables *t, uint64_t key, uint64_t now)
{
	struct cell *cell;
	return cell_table_read(&t->passwords, key, &cell) > now;
}

void front_password_keep(struct front_tables *t, uint64_t key, uint64_t now)
{
	struct cell *cell;
	uint64_t was;
	do {
		was = cell_table_read(&t->passwords, key, &cell);
	} while (!cell_table_write(&t->passwords, key, cell, was, now + FRONT_PASSWORD_LIFE));
}

static uint64_t failure_key(const struct front_tables *t, const struct address *a)
{
	uint64_t network = address_network(a);
	return cell_table_key(&t->failures, &network, sizeof(network));
}

uint64_t front_failure_take(struct front_tables *t, const struct address *a, uint64_t now)
{
	return cell_rate_take(&t->failures, failure_key(t, a), &failures, now);
}

void front_failure_give(struct front_tables *t, const struct address *a)
{
	cell_rate_give(&t->failures, failure_key(t, a), &failures);
}
