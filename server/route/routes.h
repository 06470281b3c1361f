/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which names are taken, by whom, and who serves them: the one name space of rule 30. A name is what
 * hostname_claim() makes of it, or "" for the catch-all, which covers every name there is.
 *
 * Names stand in a tree by their labels from the right, found through one hash table: a look-up takes
 * a step a label, however many names there are. A route outlives its last entry for the grace, so that
 * requests can wait for its client and nobody else takes the name meanwhile. One thread only.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/str.h"
#include "base/table.h"
#include "crypto/keyed_hash.h"

struct front;
struct route_node;

/*
 * Names that are kept for the grace: four clients with all that each may publish. Beyond it the one
 * lost first goes, or who publishes and withdraws new names in a loop could fill the memory.
 */
#define ROUTES_LOST_MAX 4096

/*
 * Bytes of rules that are kept for names that were lost. Who waits for one beyond it goes through the rules that its
 * client comes back with.
 */
#define ROUTES_LOST_RULES_MAX (16u << 20)

struct route {
	struct str host; /* the name; ends in a NUL */
	const void *
		identity; /* whose it is: a struct identity, of which nothing but its address is looked at */
	struct list entries; /* by route_entry::link, the one used last is last; empty: lost */
	const struct front
		*rules;   /* held: its clients'; kept while it is lost; NULL: there are none */
	uint64_t lost_at; /* µs, when the last entry went; 0 while there are entries */
	struct list lost; /* routes::lost */
	struct list all;  /* routes::all */
	struct route_node *node;
	unsigned graded; /* entries that are unlike others: server/route/origin.h, and the next */
	uint64_t pass;   /* of the origin that was picked last */
};

/* Embedded by whoever serves a route; zero means "in none". */
struct route_entry {
	struct list link;
	struct route *route; /* NULL: in none */
};

struct routes {
	struct route_node *root;
	struct table nodes; /* of struct route_node, by name */
	struct hash_key key;
	size_t n_lost;
	size_t n_rules;    /* routes that have some */
	size_t lost_rules; /* bytes of those of lost ones */
	uint64_t grace;    /* µs */
	struct list all;   /* of struct route */
	struct list lost;  /* those without entries, the one lost first is first */
};

/* Outcome of routes_claim() */
#define ROUTES_TAKEN 1

/* 0 or -ENOMEM. */
int routes_init(struct routes *r, uint64_t grace);
/* Entries that are still in are taken out. Accepts zeroed memory. */
void routes_deinit(struct routes *r);

/*
 * Puts the entry, which is in no route, behind the others of that name. Identities are told apart by
 * address, which must last as long as the routes. ROUTES_TAKEN: another
 * identity has this name, one that covers it or one that it covers, and `*holder_out` is that route;
 * -ENOMEM. The same identity's names may overlap.
 */
int routes_claim(struct routes *r, const void *identity, struct str host, struct route_entry *entry,
	uint64_t now, const struct route **holder_out);

/* Takes the entry out; it may be in no route. */
void routes_release(struct routes *r, struct route_entry *entry, uint64_t now);

/* The same for one that may not be there: with the last entry the name is nobody's at once, and not lost. */
void routes_withdraw(struct routes *r, struct route_entry *entry, uint64_t now);

/* Of what was lost, frees at once what those had for whom it is kept no more. */
void routes_forget(struct routes *r, bool (*over)(const void *identity));

/* Likewise the very name, if it was lost. */
void routes_forget_name(struct routes *r, struct str host);

/* The rules of those that serve it now, or NULL: they are held, and the ones before released. */
void routes_set_rules(struct routes *r, struct route *route, const struct front *rules);

/* Puts the entry behind the others of its route: of equals, the one used longest ago comes first. */
void routes_used(struct route_entry *entry);

/*
 * The route for a canonical host (or "" for a request that names none): the name itself, else the
 * longest wildcard, else the catch-all; NULL: none. One that was lost within the grace counts like any
 * other. Valid until the next routes_expire() or routes_claim().
 */
struct route *routes_find(const struct routes *r, struct str host, uint64_t now);

/* The route of that very name (canonical, or a wildcard), if it is there; no wildcard that covers it. */
struct route *routes_exact(const struct routes *r, struct str host);

/* Frees what was lost longer ago than the grace; when to come again, or CLOCK_NEVER. */
uint64_t routes_expire(struct routes *r, uint64_t now);
