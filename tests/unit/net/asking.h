/* SPDX-License-Identifier: MIT */
#pragma once
/* A resolver whose look-up is the test's own, and so is the clock. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "net/dial.h"
#include "net/listener.h"
#include "net/resolver.h"

static atomic_uint_fast64_t skipped; /* µs */

uint64_t clock_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * CLOCK_S + (uint64_t)t.tv_nsec / 1000 + skipped;
}

static struct loop *loop;
static struct resolver *resolver;

/* What the name servers know; behind the lock, as helper threads ask. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static char
	known[128]; /* the answer for every name: "6a+4b", families and last bytes; "": no name */
static bool outage;
static bool silent; /* names that begin with "silent" have no answer yet */
static unsigned asked, stuck;

static inline struct address address_of(const char *text)
{
	if (text[1] <= '9') /* of loopback */
		return (struct address){.family = ADDRESS_V4,
			.bytes = {127, 0, 0, (uint8_t)(text[1] - '0')}};
	return (struct address){.family = (uint8_t)(text[0] - '0'), .bytes = {(uint8_t)text[1]}};
}

static inline void fake(const char *host, struct resolve_answer *out)
{
	pthread_mutex_lock(&lock);
	asked++;
	if (strncmp(host, "silent", 6) == 0) {
		stuck++;
		pthread_cond_broadcast(&changed);
		while (silent)
			pthread_cond_wait(&changed, &lock);
		stuck--;
	}
	*out = (struct resolve_answer){.temporary = outage, .why = "no such name"};
	for (const char *p = known; *p && !outage; p += p[2] ? 3 : 2)
		out->list[out->n++] = address_of(p);
	pthread_mutex_unlock(&lock);
}

static inline void know(const char *answer)
{
	pthread_mutex_lock(&lock);
	snprintf(known, sizeof known, "%s", answer);
	pthread_mutex_unlock(&lock);
}

static inline void set_silent(bool to)
{
	pthread_mutex_lock(&lock);
	silent = to;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static inline void wait_until_stuck(unsigned n)
{
	pthread_mutex_lock(&lock);
	while (stuck < n)
		pthread_cond_wait(&changed, &lock);
	unsigned found = stuck;
	pthread_mutex_unlock(&lock);
	assert_int_equal(found, n);
}

static inline int setup(void **state)
{
	know("4a");
	outage = false;
	asked = 0;
	loop = loop_new();
	resolver = resolver_new(loop, fake);
	return loop && resolver ? 0 : -1;
}

static inline int teardown(void **state)
{
	set_silent(false);
	resolver = resolver_free(resolver);
	loop = loop_free(loop);
	return 0;
}

/* ---- Asking ---- */

struct ask {
	struct resolver_query query;
	unsigned answers;
	char list[64]; /* as `known` */
	uint16_t port;
};

static unsigned answered;

static inline void done(struct resolver_query *query, const struct address *list, size_t n,
	const char *why)
{
	struct ask *a = container_of(query, struct ask, query);
	char *p = a->list;
	assert_true((n == 0) == (why != NULL));
	for (size_t i = 0; i < n; i++)
		p += sprintf(p, "%s%d%c", i ? "+" : "", list[i].family, list[i].bytes[0]);
	*p = '\0';
	a->port = n ? list[0].port : 0;
	a->answers++;
	answered++;
}

static inline void ask(struct ask *a, const char *host)
{
	enum resolver_order order = a->query.order;
	memset(a, 0, sizeof *a);
	a->query.order = order;
	a->query.done = done;
	a->query.port = 80;
	assert_int_equal(resolver_ask(resolver, &a->query, host), 0);
	assert_int_equal(a->answers, 0);
}

static inline void turn_until(unsigned n)
{
	while (answered < n)
		loop_turn(loop);
}

/* Asks, waits for the answer and returns it. */
static inline const char *answer_to(struct ask *a, const char *host)
{
	answered = 0;
	ask(a, host);
	turn_until(1);
	resolver_release(&a->query);
	return a->list;
}

/* A turn that does not wait. */
static inline void tick(struct loop_timer *timer)
{
}

static inline void turn_once(void)
{
	struct loop_timer timer;
	loop_timer_init(&timer, loop, tick);
	loop_timer_set(&timer, 1);
	loop_turn(loop);
	loop_timer_cancel(&timer);
}

static inline void later(uint64_t us)
{
	skipped += us;
	turn_once();
	turn_once();
}
