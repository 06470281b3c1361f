/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The flows through a worker's UDP ports: found by port and addresses, and kept for each visitor's address in
 * the order in which they are ended to make room. Addresses count by their network there
 * (address_network()).
 */
#include "base/list.h"
#include "net/flow_queue.h"
#include "net/network_table.h"
#include "wire/address.h"

struct flow_table_host;

/* Embedded in a flow. */
struct flow_table_entry {
	const void *port; /* told apart by address */
	struct address peer, local;
	struct table_node node; /* flow_table::entries */
	struct flow_table_host *host;
	struct flow_place of_host;
};

struct flow_table {
	struct table entries;       /* of struct flow_table_entry, by port and addresses */
	struct network_table hosts; /* of struct flow_table_host */
};

void flow_table_init(struct flow_table *t);
void flow_table_deinit(struct flow_table *t); /* it is empty */

/*
 * The flow from `peer` to the address `local` of a port, or NULL. A visitor that asks two of our addresses has
 * two flows: each is answered from the address that was asked.
 */
struct flow_table_entry *flow_table_find(const struct flow_table *t, const void *port,
	const struct address *peer, const struct address *local);

/*
 * Half of the flows of an address may be questions under way, before its finished ones make way for them: a
 * resolver asks each from a port of its own.
 */
#define FLOW_TABLE_UNANSWERED_SHARE 2

/* Its port and addresses are set, and no other flow has them. 0 or -ENOMEM. */
int flow_table_add(struct flow_table *t, struct flow_table_entry *e, uint64_t now);
void flow_table_remove(struct flow_table *t, struct flow_table_entry *e);

void flow_table_heard(struct flow_table_entry *e);
void flow_table_answered(struct flow_table_entry *e);

/* The flow of this visitor's address that is ended for another (flow_queue_victim()); NULL: there is none. */
struct flow_table_entry *flow_table_victim(const struct flow_table *t, const struct address *peer,
	uint64_t now);
