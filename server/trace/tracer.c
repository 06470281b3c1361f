/* SPDX-License-Identifier: MIT */
#include "server/trace/tracer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "server/base/options.h"
#include "server/trace/otlp_headers.h"
#include "server/trace/otlp_json.h"
#include "server/trace/otlp_post.h"
#include "tls/tls.h"

#define SEND_INTERVAL (5 * CLOCK_S)  /* of a batch that does not get full */
#define RETRY_DELAY   (5 * CLOCK_S)  /* after a failure */
#define SAY_INTERVAL  (60 * CLOCK_S) /* between two lines about a collector */

struct tracer {
	struct otlp_target target;
	struct tls_client *tls; /* NULL: plain HTTP */
	char *headers;          /* owned: otlp_headers_read(); NULL: none */
	uint32_t ratio;         /* of 2^32 */
	bool visitors;          /* are believed */
	pthread_t thread;

	pthread_mutex_t lock; /* of all below; held for a copy of a span, or of a batch */
	pthread_cond_t wake;
	struct span queue[TRACER_QUEUE];
	size_t head, n;
	uint64_t dropped;
	bool ending, over; /* the thread is to end; has ended */
	bool abandoned;    /* nobody waits for it: it frees all this itself */

	/* The thread's own */
	struct span batch[TRACER_BATCH];
	struct log_limit said;
	bool failing;
};

/* ---- A request ---- */

static void random_id(struct random_pool *random, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i += 4)
		random_pool_mask(random, out + i);
}

static bool chosen(const struct tracer *t, struct random_pool *random)
{
	uint32_t dice;
	random_id(random, (uint8_t *)&dice, sizeof(dice));
	return t->ratio && dice <= t->ratio;
}

struct span *tracer_begin(const struct tracer *t, struct str traceparent, bool believed,
	struct random_pool *random, bool *anew_out)
{
	struct trace_context came;
	bool named = trace_context_parse(traceparent, &came);
	bool goes_on = named && (believed || t->visitors);
	*anew_out = !goes_on;
	if (goes_on ? !(came.flags & TRACE_FLAG_SAMPLED) : !chosen(t, random))
		return NULL;
	struct span *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->origin = goes_on ? SPAN_CHILD : named ? SPAN_LINKED : SPAN_ROOT;
	if (named)
		s->came = came;
	if (goes_on)
		memcpy(s->context.trace, came.trace, sizeof(s->context.trace));
	else
		random_id(random, s->context.trace, sizeof(s->context.trace));
	s->context.flags = TRACE_FLAG_SAMPLED;
	random_id(random, s->context.span, sizeof(s->context.span));
	return s;
}

void tracer_end(struct tracer *t, const struct span *s)
{
	pthread_mutex_lock(&t->lock);
	if (t->n < TRACER_QUEUE)
		t->queue[(t->head + t->n++) % TRACER_QUEUE] = *s;
	else
		t->dropped++;
	if (t->n == TRACER_BATCH)
		pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
}

uint64_t tracer_dropped(struct tracer *t)
{
	pthread_mutex_lock(&t->lock);
	uint64_t n = t->dropped;
	pthread_mutex_unlock(&t->lock);
	return n;
}

/* ---- The thread ---- */

static uint64_t wall_offset(void)
{
	struct timespec wall;
	clock_gettime(CLOCK_REALTIME, &wall);
	uint64_t now = (uint64_t)wall.tv_sec * CLOCK_S + (uint64_t)wall.tv_nsec / 1000;
	return now - clock_now();
}

/* Under the lock: until there is a batch, the time is over, or it ends. */
static void wait_for(struct tracer *t, uint64_t time, size_t enough)
{
	uint64_t until = clock_now() + time;
	struct timespec at = {.tv_sec = (time_t)(until / CLOCK_S),
		.tv_nsec = (long)(until % CLOCK_S * 1000)};
	while (!t->ending && t->n < enough)
		if (pthread_cond_timedwait(&t->wake, &t->lock, &at) == ETIMEDOUT)
			return;
}

static void say_failed(struct tracer *t, const char *why, bool kept)
{
	char more[LOG_LIMIT_MORE];
	t->failing = true;
	if (log_limit_pass(&t->said, clock_now(), SAY_INTERVAL, 1, more))
		log_warn("spans cannot be sent to --otlp %s: %s; %s (dropped so far: %llu)%s",
			t->target.text, why,
			kept ? "they are tried again, and dropped when more than 4,096 of them wait"
			     : "these are dropped",
			(unsigned long long)tracer_dropped(t), more);
}

/* Whether the batch is done with: it has arrived, or never will. */
static bool send_batch(struct tracer *t, size_t n)
{
	struct error err;
	size_t size;
	char *text = otlp_json(t->batch, n, wall_offset(), &size);
	int r = text ? otlp_post(&t->target, t->tls, t->headers, text, size, &err)
		     : error_set(&err, -ENOMEM, "out of memory");
	free(text);
	if (r == 0 && t->failing)
		log_info("spans are sent to --otlp %s again", t->target.text);
	t->failing &= r != 0;
	if (r)
		say_failed(t, err.text, r < 0);
	return r >= 0;
}

/* Under the lock, which is let go meanwhile. False: it failed, and waits. */
static bool work(struct tracer *t)
{
	size_t n = t->n < TRACER_BATCH ? t->n : TRACER_BATCH;
	for (size_t i = 0; i < n; i++)
		t->batch[i] = t->queue[(t->head + i) % TRACER_QUEUE];
	pthread_mutex_unlock(&t->lock);
	bool done = n == 0 || send_batch(t, n);
	bool refused = done && t->failing;
	pthread_mutex_lock(&t->lock);
	if (done) {
		t->head = (t->head + n) % TRACER_QUEUE;
		t->n -= n;
		t->dropped += refused ? n : 0;
	}
	return done;
}

static void destroy(struct tracer *t)
{
	tls_client_unref(t->tls);
	otlp_headers_free(t->headers);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static void *tracer_thread(void *arg)
{
	struct tracer *t = arg;
	pthread_mutex_lock(&t->lock);
	while (!t->ending) {
		wait_for(t, SEND_INTERVAL, TRACER_BATCH);
		while (t->n && !t->ending)
			if (!work(t)) {
				/* More spans than a batch are no reason to try it sooner. */
				wait_for(t, RETRY_DELAY, SIZE_MAX);
			}
	}
	while (t->n && work(t))
		;
	t->over = true;
	bool abandoned = t->abandoned;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	if (abandoned)
		destroy(t);
	return NULL;
}

static int start(struct tracer *t, struct error *err)
{
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&t->thread, NULL, tracer_thread, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		return 0;
	destroy(t);
	return error_set(err, -r, "the thread that sends spans cannot be started: %s", strerror(r));
}

/* Of the options that name some. */
static int read_files(struct tracer *t, const struct server_options *o, struct error *err)
{
	const struct tls_client_config config = {.ca = o->otlp_ca};
	struct error warning;
	if (t->target.to.tls && !(t->tls = tls_client_new(&config, err))) {
		error_prefix(err, o->otlp_ca ? "--otlp-ca" : "--otlp");
		return -EINVAL;
	}
	if (!o->otlp_headers_from)
		return 0;
	int r = otlp_headers_read(o->otlp_headers_from, &t->headers, &warning, err);
	if (r < 0)
		error_prefix(err, "--otlp-headers-from");
	else if (*warning.text)
		log_warn("--otlp-headers-from: %s", warning.text);
	return r;
}

struct tracer *tracer_new(const struct server_options *o, struct error *err)
{
	struct tracer *t = calloc(1, sizeof(*t));
	if (!t) {
		error_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	otlp_target_parse(str_from(o->otlp), &t->target, err);
	otlp_ratio_parse(str_from(o->otlp_ratio), &t->ratio, err);
	t->visitors = o->trace_visitors;
	if (read_files(t, o, err) < 0) {
		tls_client_unref(t->tls);
		free(t);
		return NULL;
	}
	return start(t, err) == 0 ? t : NULL;
}

struct tracer *tracer_free(struct tracer *t)
{
	if (!t)
		return NULL;
	uint64_t until = clock_now() + TRACER_END;
	struct timespec at = {.tv_sec = (time_t)(until / CLOCK_S),
		.tv_nsec = (long)(until % CLOCK_S * 1000)};
	pthread_mutex_lock(&t->lock);
	t->ending = true;
	pthread_cond_signal(&t->wake);
	while (!t->over && pthread_cond_timedwait(&t->wake, &t->lock, &at) != ETIMEDOUT)
		;
	if (t->n)
		log_warn("spans were not sent to --otlp %s before the end and are lost: %zu",
			t->target.text, t->n);
	bool over = t->over;
	t->abandoned = !over;
	pthread_t thread = t->thread;
	pthread_mutex_unlock(&t->lock);
	if (over) {
		pthread_join(thread, NULL);
		destroy(t);
	} else {
		pthread_detach(thread);
	}
	return NULL;
}
