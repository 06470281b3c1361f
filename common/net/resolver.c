/* SPDX-License-Identifier: MIT */
#include "net/resolver.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/table.h"
#include "crypto/keyed_hash.h"
#include "loop/offload.h"

/* What took longer came from a server that does not answer: a round trip is at most half of it. */
#define SLOW_AFTER CLOCK_S

/* How soon a name's server can be expected to answer; the first waiting of these goes first. */
enum speed { SPEED_QUICK, SPEED_NEW, SPEED_SLOW, SPEEDS };

/* Under way at most, those of other speeds included, when a look-up of this one begins. */
static const unsigned ceilings[SPEEDS] = {
	[SPEED_QUICK] = RESOLVER_THREADS,
	[SPEED_NEW] = RESOLVER_THREADS - 8, /* 8 are enough for servers that answer in time */
	[SPEED_SLOW] = RESOLVER_THREADS / 2,
};

/* What a look-up works on; the offload's from submit until done. */
struct look_up {
	struct offload_job offload;
	struct resolver *resolver;
	struct resolver_name *name;
	void (*lookup)(const char *host, struct resolve_answer *out);
	char host[NI_MAXHOST];
	/* Written by the helper thread: */
	struct resolve_answer answer;
	uint64_t took; /* µs */
};

struct resolver_name {
	struct table_node node; /* resolver::names */
	struct list link;       /* resolver::by_use */
	struct list turn;       /* resolver::waiting, while its look-up waits for a thread */
	struct list queries;    /* who waits for its answer */
	struct look_up *next;   /* waiting or under way; NULL: none */
	size_t users;           /* queries that hold it */
	enum speed speed;
	char host[NI_MAXHOST];

	struct address list[RESOLVE_MAX];
	size_t n;
	uint32_t avoided;       /* a bit for each in `list` that did not connect, */
	uint64_t avoided_until; /* all of them */
	const char *why;        /* n == 0 */
	uint64_t confirmed;     /* when `list` came last */
	uint64_t fresh_until, usable_until;
	unsigned turns; /* lists given */
};

static_assert(RESOLVE_MAX <= 32, "a bit in `avoided` for each");

struct resolver {
	struct loop *loop;
	struct offload *offload;
	void (*lookup)(const char *host, struct resolve_answer *out);
	struct table names;
	struct hash_key key;
	struct list by_use;          /* of names; the one asked for last stands last */
	struct list waiting[SPEEDS]; /* of resolver_name, by turn */
	unsigned running;
};

/* ---- Names ---- */

static void name_free(struct resolver *r, struct resolver_name *name)
{
	table_remove(&r->names, &name->node);
	list_unlink(&name->link);
	list_unlink(&name->turn);
	free(name);
}

/* The name that was asked for longest ago makes room. */
static void make_room(struct resolver *r)
{
	if (r->names.n < RESOLVER_NAMES_MAX)
		return;
	list_for_each (it, &r->by_use) {
		struct resolver_name *name = list_entry(it, struct resolver_name, link);
		if (name->users || name->next)
			continue;
		name_free(r, name);
		return;
	}
}

static struct resolver_name *name_get(struct resolver *r, const char *host, size_t len)
{
	uint64_t hash = keyed_hash(&r->key, host, len);
	table_for_each (it, &r->names, hash) {
		struct resolver_name *name = table_entry(it, struct resolver_name, node);
		if (strcmp(name->host, host) != 0)
			continue;
		list_unlink(&name->link);
		list_append(&r->by_use, &name->link);
		return name;
	}
	make_room(r);
	struct resolver_name *name = calloc(1, sizeof *name);
	if (!name || table_add(&r->names, &name->node, hash) < 0) {
		free(name);
		return NULL;
	}
	memcpy(name->host, host, len + 1);
	list_init(&name->link);
	list_init(&name->turn);
	list_init(&name->queries);
	name->speed = SPEED_NEW;
	list_append(&r->by_use, &name->link);
	return name;
}

/* ---- Answers ---- */

/* The addresses of `family` that are avoided or not, each first in its turn; how many. */
static size_t gather(const struct resolver_name *name, uint8_t family, bool avoided,
	enum resolver_order order, struct address *out)
{
	size_t found[RESOLVE_MAX], n = 0;
	for (size_t i = 0; i < name->n; i++)
		if (name->list[i].family == family && (name->avoided >> i & 1) == avoided)
			found[n++] = i;
	size_t first = order == RESOLVER_IN_TURN && n ? name->turns % n : 0;
	for (size_t i = 0; i < n; i++)
		out[i] = name->list[found[(first + i) % n]];
	return n;
}

/* The order for one who asks; how many. */
static size_t arrange(const struct resolver_name *name, enum resolver_order order, uint16_t port,
	struct address out[RESOLVE_MAX])
{
	if (!name->n)
		return 0;
	uint8_t first = name->list[0].family;
	uint8_t other = first == ADDRESS_V4 ? ADDRESS_V6 : ADDRESS_V4;
	size_t n = 0;
	for (int avoided = 0; avoided <= 1; avoided++) {
		size_t begin = n;
		n += gather(name, first, avoided, order, out + n);
		n += gather(name, other, avoided, order, out + n);
		resolve_interleave(out + begin, n - begin);
	}
	n = MIN(n, RESOLVER_LIST_MAX);
	for (size_t i = 0; i < n; i++)
		out[i].port = port;
	return n;
}

static void give(struct resolver_query *query)
{
	struct resolver_name *name = query->name;
	struct address list[RESOLVE_MAX];
	if (loop_now(query->resolver->loop) >= name->avoided_until)
		name->avoided = 0;
	query->confirmed = name->confirmed;
	query->stale = loop_now(query->resolver->loop) >= name->fresh_until;
	size_t n = arrange(name, query->order, query->port, list);
	name->turns++;
	query->done(query, list, n, n ? NULL : name->why);
}

static void deliver(struct loop_task *task)
{
	give(container_of(task, struct resolver_query, deliver));
}

static bool is_avoided(const struct resolver_name *name, const struct address *address)
{
	for (size_t i = 0; i < name->n; i++)
		if (address_same_ip(&name->list[i], address))
			return name->avoided >> i & 1;
	return false;
}

static void take_answer(struct resolver_name *name, const struct resolve_answer *answer,
	uint64_t now)
{
	uint32_t avoided = 0;
	for (size_t i = 0; i < answer->n; i++)
		avoided |= (uint32_t)is_avoided(name, &answer->list[i]) << i;
	memcpy(name->list, answer->list, answer->n * sizeof *name->list);
	name->n = answer->n;
	name->avoided = avoided;
	name->why = answer->why;
	name->confirmed = now;
}

/* ---- Look-ups ---- */

static void start_waiting(struct resolver *r);

static void look_up_run(struct offload_job *offload)
{
	struct look_up *l = container_of(offload, struct look_up, offload);
	uint64_t began = clock_now();
	l->lookup(l->host, &l->answer);
	l->took = clock_now() - began;
}

static void look_up_done(struct offload_job *offload)
{
	struct look_up *l = container_of(offload, struct look_up, offload);
	if (atomic_load(&offload->cancelled)) {
		free(l); /* the resolver has gone */
		return;
	}
	struct resolver *r = l->resolver;
	struct resolver_name *name = l->name;
	const struct resolve_answer *answer = &l->answer;
	uint64_t now = loop_now(r->loop);
	bool outage = !answer->n && answer->temporary && name->n &&
		      now - name->confirmed < RESOLVER_OUTAGE;
	if (!outage)
		take_answer(name, answer, now);
	name->fresh_until = now + (answer->n ? RESOLVER_FRESH : RESOLVER_FAILED);
	name->usable_until = name->fresh_until + (name->n ? RESOLVER_STALE : 0);
	name->speed = l->took < SLOW_AFTER ? SPEED_QUICK : SPEED_SLOW;
	name->next = NULL;
	r->running--;
	free(l);
	start_waiting(r);
	/* Who is called may ask again, and release others. */
	struct list waiting;
	list_init(&waiting);
	list_splice(&waiting, &name->queries);
	name->users++;
	for (struct resolver_query *q; (q = list_first(&waiting, struct resolver_query, link));) {
		list_unlink(&q->link);
		give(q);
	}
	name->users--;
}

static void start_waiting(struct resolver *r)
{
	for (enum speed speed = 0; speed < SPEEDS; speed++) {
		struct resolver_name *name;
		while (r->running < ceilings[speed] &&
			(name = list_first(&r->waiting[speed], struct resolver_name, turn))) {
			list_unlink(&name->turn);
			r->running++;
			offload_submit(r->offload, r->loop, &name->next->offload);
		}
	}
}

/* 0 or -ENOMEM. */
static int name_look_up(struct resolver *r, struct resolver_name *name)
{
	if (name->next)
		return 0;
	struct look_up *l = name->next = calloc(1, sizeof *l);
	if (!l)
		return -ENOMEM;
	l->offload.run = look_up_run;
	l->offload.done = look_up_done;
	l->resolver = r;
	l->lookup = r->lookup;
	l->name = name;
	memcpy(l->host, name->host, sizeof l->host);
	list_append(&r->waiting[name->speed], &name->turn);
	start_waiting(r);
	return 0;
}

/* ---- For those who ask ---- */

/* The answer that is known, soon, or the one that comes. 0 or -ENOMEM. */
static int name_answer(struct resolver *r, struct resolver_name *name, struct resolver_query *query)
{
	uint64_t now = loop_now(r->loop);
	bool known = now < name->usable_until;
	if (now >= name->fresh_until && name_look_up(r, name) < 0 && !known)
		return -ENOMEM;
	if (known)
		loop_defer(r->loop, LOOP_PHASE_WRITE, &query->deliver);
	else
		list_append(&name->queries, &query->link);
	return 0;
}

int resolver_ask(struct resolver *r, struct resolver_query *query, const char *host)
{
	size_t len = strlen(host);
	query->name = NULL;
	if (len == 0 || len >= NI_MAXHOST)
		return -EINVAL;
	struct resolver_name *name = name_get(r, host, len);
	if (!name)
		return -ENOMEM;
	query->resolver = r;
	list_init(&query->link);
	loop_task_init(&query->deliver, deliver);
	if (name_answer(r, name, query) < 0)
		return -ENOMEM;
	query->name = name;
	name->users++;
	return 0;
}

void resolver_report(struct resolver_query *query, const struct address *address, bool connected)
{
	struct resolver_name *name = query->name;
	if (!name)
		return;
	for (size_t i = 0; i < name->n; i++) {
		if (!address_same_ip(&name->list[i], address))
			continue;
		if (!connected && !name->avoided)
			name->avoided_until = loop_now(query->resolver->loop) + RESOLVER_AVOIDED;
		uint32_t bit = UINT32_C(1) << i;
		name->avoided = connected ? name->avoided & ~bit : name->avoided | bit;
	}
}

bool resolver_doubt(struct resolver_query *query)
{
	struct resolver_name *name = query->name;
	if (!name)
		return false;
	/* Another answer may have come since. */
	if (name->n && name->confirmed == query->confirmed) {
		uint64_t until = name->confirmed + RESOLVER_FAILED;
		name->fresh_until = MIN(name->fresh_until, until);
		name->usable_until = MIN(name->usable_until, until);
	}
	/* It may wait for that one already: a dial doubts again when its time is up. */
	return list_linked(&query->link) ||
	       (query->stale && name_answer(query->resolver, name, query) == 0);
}

void resolver_release(struct resolver_query *query)
{
	struct resolver_name *name = query->name;
	if (!name)
		return;
	query->name = NULL;
	loop_task_cancel(&query->deliver);
	list_unlink(&query->link);
	name->users--;
	if (list_linked(&name->turn) && list_empty(&name->queries) && !name->n) {
		list_unlink(&name->turn);
		free(name->next);
		name->next = NULL;
	}
}

/* ---- Beginning and end ---- */

struct resolver *resolver_new(struct loop *loop,
	void (*lookup)(const char *host, struct resolve_answer *out))
{
	struct resolver *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->loop = loop;
	r->lookup = lookup ? lookup : resolve;
	hash_key_init(&r->key);
	list_init(&r->by_use);
	for (size_t i = 0; i < SPEEDS; i++)
		list_init(&r->waiting[i]);
	r->offload = offload_new(RESOLVER_THREADS);
	return r->offload ? r : resolver_free(r);
}

struct resolver *resolver_free(struct resolver *r)
{
	if (!r)
		return NULL;
	list_for_each_safe (it, &r->by_use) {
		struct resolver_name *name = list_entry(it, struct resolver_name, link);
		if (list_linked(&name->turn))
			free(name->next);
		else if (name->next)
			offload_cancel(&name->next->offload);
		name_free(r, name);
	}
	table_deinit(&r->names);
	offload_free(r->offload);
	free(r);
	return NULL;
}
