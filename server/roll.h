#pragma once
/*
 * Who sends datagrams to which of a worker's UDP ports: found by port and addresses, and for each
 * visitor's address in the order in which they have to go. Visitors' addresses count by their network there
 * (address_network()).
 */
#include "base/list.h"
#include "base/table.h"
#include "crypto/keyed_hash.h"
#include "net/flow_queue.h"
#include "wire/address.h"

struct roll_host;

/* Embedded in whoever is on the roll. */
struct roll_entry {
	const void *port; /* told apart by address */
	struct address peer, local;
	struct table_node node; /* roll::entries */
	struct roll_host *host;
	struct flow_place of_host;
};

struct roll {
	struct table entries; /* of struct roll_entry, by port and addresses */
	struct table hosts;   /* of struct roll_host, by network */
	struct hash_key key;
};

void roll_init(struct roll *r);
void roll_deinit(struct roll *r); /* it is empty */

/*
 * The one who sends from `peer` to the address `local` of a port, or NULL. Who asks two addresses is two:
 * each is answered from where it was asked.
 */
struct roll_entry *roll_find(const struct roll *r, const void *port, const struct address *peer,
	const struct address *local);

/*
 * Half of the flows of an address may be questions under way, before its finished ones make way for them: a
 * resolver asks each from a port of its own.
 */
#define ROLL_UNANSWERED_SHARE 2

/* Its port and addresses are set, and nobody else on the roll has them. 0 or -ENOMEM. */
int roll_add(struct roll *r, struct roll_entry *e, uint64_t now);
void roll_remove(struct roll *r, struct roll_entry *e);

void roll_heard(struct roll_entry *e);
void roll_answered(struct roll_entry *e);

/* The one of this visitor's address that has to go for another (flow_queue_victim()); NULL: it has none. */
struct roll_entry *roll_victim(const struct roll *r, const struct address *peer, uint64_t now);
