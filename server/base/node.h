/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What all threads of the exit node share: what does not change while they run, and what is counted for the
 * whole process. The main thread runs worker 0 and the registrar, which decides about sessions and what they
 * publish.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "loop/mailbox.h"
#include "server/base/half_open.h"
#include "server/base/limits.h"
#include "server/base/lockout.h"
#include "server/base/options.h"
#include "server/base/pseudonym.h"
#include "server/store/catalog.h"
#include "wire/control.h"

/*
 * A request that comes with as many of our pseudonyms is in a loop. One has a reason: an upstream may
 * ask for another host that is published here.
 */
#define NODE_PASSES_MAX 2

struct acme;
struct admin;
struct front;
struct front_tables;
struct registrar;
struct series_book;
struct server_link_ops;
struct tracer;
struct visitor_rates;
struct worker;

struct node {
	const uint8_t *salt; /* of all keys, TOKEN_SALT_SIZE bytes */
	const uint8_t
		*affinity_key; /* of cookies, MAC_KEY_SIZE bytes; NULL: no file asked for it yet */
	const char *public_name; /* "host:port" for people: where clients connect to */
	const char
		*public_scheme; /* "https" or "http" of --advertise; NULL: as it is answered here */
	bool public_sure;       /* --advertise said so; else a client knows better */
	uint16_t visitors_port; /* the HTTP front's, where clients have another; 0: they do not */
	uint8_t instance[CONTROL_INSTANCE];
	char pseudonym[PSEUDONYM_LEN + 1];
	uint64_t started; /* µs */
	struct registrar *registrar;
	struct admin *admin; /* on the main thread alone, as the registrar is */
	struct acme *acme;   /* likewise; NULL: no --acme */
	const struct server_link_ops
		*link_ops; /* what links tell; set before the first worker runs */
	struct worker *workers[WORKERS_MAX];
	unsigned n_workers;
	struct limits limits;
	struct half_open half_open;
	struct lockout lockout;
	struct visitor_rates *visitor_rates; /* NULL: the options set none */
	struct series_book *series;          /* what is counted of services */
	struct tracer *tracer;               /* NULL: no --otlp */
	const struct front
		*front; /* held, on the main thread alone: the newest; NULL: no --front */
	struct front_tables *front_tables; /* of all of them; there before any worker has one */
	atomic_uint links[WORKERS_MAX]; /* of each worker: a new one goes where there are fewest */
	atomic_uint turn;               /* of equals */
};

/* On the main thread: whether people come by https and wss, here or at a proxy in front. */
bool node_is_public_by_tls(const struct node *n);

/*
 * What is counted for the whole process. `evicted` is half_open_init()'s. 0 or -ENOMEM; deinit it either way.
 */
int node_limits_init(struct node *n, const struct server_options *o,
	void (*evicted)(struct half_open *h, unsigned worker));
void node_limits_deinit(struct node *n);

/* Sends mail to a worker, from any thread. */
void node_post(struct node *n, unsigned worker, struct mail *mail);

/* The worker for one more link, which is counted there. */
struct worker *node_place_link(struct node *n);
