/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the rules of routes (--front) keep for the whole process: rates, passwords that were found good, and
 * addresses that wrong ones came from. All are of fixed memory, and have no lock (server/base/cell_table.h). It exists from the first rules on.
 */
#include <stdatomic.h>

#include "crypto/digest.h"
#include "server/base/cell_rate.h"
#include "wire/address.h"

/* Passwords: 64 KiB, of which each in use takes 16 bytes. */
#define FRONT_PASSWORDS          4096
#define FRONT_PASSWORD_LIFE      (5 * 60 * CLOCK_S) /* before it is checked again */
/* Wrong ones of an address, as many at once and a minute. */
#define FRONT_FAILURES           10
/* Addresses that wrong ones came from, of 16 bytes: no key of a rate, which visitors choose, pushes one out. */
#define FRONT_FAILING            65536
/* Passwords that are checked or wait for it: each holds a request's head, and 50 ms or more of a thread. */
#define FRONT_CHECKS_MAX         256
/* Of those the ones for rules of one client's service, and for all of them. */
#define FRONT_CLIENT_CHECKS_MAX  32
#define FRONT_CLIENTS_CHECKS_MAX 192
/* They are slow by design: more threads would take the workers' cores. */
#define FRONT_CHECK_THREADS      2

struct offload;

struct front_tables {
	struct cell_table rates, passwords, failures;
	uint8_t secret[MAC_KEY_SIZE]; /* of the passwords' keys */
	struct offload *checks;
	atomic_uint n_checks;
	atomic_uint refs; /* the process, and each check under way */
};

struct node;

/* On the main thread: the first rules come, and a worker gets them behind this. 0 or -ENOMEM. */
int front_tables_need(struct node *n, uint64_t rate_entries);

/* `rates`: --rate-entries, a power of two. NULL: memory is out. */
struct front_tables *front_tables_new(size_t rates);
/* Before any loop is freed. Accepts NULL; returns NULL. */
struct front_tables *front_tables_free(struct front_tables *t);
/* By a check under way, whose end comes with its loop's at the latest. From any thread; release accepts NULL. */
struct front_tables *front_tables_hold(struct front_tables *t);
void front_tables_release(struct front_tables *t);

/* What a password is known by: nobody can make another one with the same without the secret. */
uint64_t front_password_key(const struct front_tables *t, const char *hash, struct str user,
	struct str password);
bool front_password_is_good(const struct front_tables *t, uint64_t key, uint64_t now);
void front_password_keep(struct front_tables *t, uint64_t key, uint64_t now);

/* One more check for an address: 0, or the µs until it may try again. A good one is given back. */
uint64_t front_failure_take(struct front_tables *t, const struct address *a, uint64_t now);
void front_failure_give(struct front_tables *t, const struct address *a);
