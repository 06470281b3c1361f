/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Who is who: all identities and their credentials, on the main thread, which judges by them what a session
 * may do. There is always one, `default`, whose token the server was given at its start or made itself, and
 * which is everybody's where there is none (--no-token).
 *
 * Identities and credentials are never freed while the process lives, also those that were deleted: links,
 * sessions and routes refer to them, on every worker, and only who may change them could make them many.
 */
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/list.h"
#include "base/table.h"
#include "policy/identity.h"
#include "server/store/catalog_intentions.h"
#include "server/store/catalog_roots.h"
#include "server/store/catalog_private.h"
#include "server/store/keyring.h"
#include "server/store/psk_pool.h"

struct rate;
struct store_row;

/* Streams on one worker, which alone writes it: in a cache line of its own, so that workers do not hinder each other. */
struct identity_streams {
	_Alignas(64) atomic_uint n;
};

#define IDENTITY_STREAMS_ANY UINT_MAX /* of identity::max_streams: as many as the links take */

struct identity {
	struct policy_identity value;
	const char *name;               /* that of `value`. For any thread: it never changes. */
	struct credential *credentials; /* by credential::next, in no order */

	struct list private_services; /* private_service::of_owner, in the order of their ids */
	struct list endpoints;        /* endpoint::of_consumer, likewise */
	unsigned n_private_services, n_endpoints;

	/* Of the rooms above */
	struct list sessions; /* session::of_identity */
	struct rate
		*_Atomic rate; /* NULL: never limited; see identity_rate.h. Owned. For any thread */
	/* Requests, TCP connections and UDP flows under way, one a worker; NULL before its first session. Owned */
	struct identity_streams *streams;
	atomic_uint max_streams; /* of `value`, for any thread */
	/* To private services, as their consumer: --max-private-streams-per-identity. For any thread */
	atomic_uint private_streams;
	unsigned n_sessions;
	unsigned attach_misses;       /* in a row (server/control/attach_pace.h) */
	uint64_t attach_missed_at;    /* µs; the last one */
	uint64_t attach_stored_until; /* µs; what it had stored by asking is paid for then */
	/* Those that wait for their turn, and those that are in the queue (server/control/client_change.h) */
	struct list client_changes;
	unsigned n_client_changes;
	bool client_changes_begin; /* one after the other begins, right now */

	struct identity *next_changed; /* catalog::changed */
	bool changed;                  /* it is in there */
	bool deleted;
	bool open; /* everybody's: --no-token. For any thread */
	/* No token of it is good: what it had is kept for it no longer. Of server/control/enforce, for any thread */
	atomic_bool over;
};

static inline bool identity_is_over(const struct identity *i)
{
	return atomic_load_explicit(&i->over, memory_order_relaxed);
}

struct credential {
	struct policy_credential value;
	struct identity *identity;
	struct credential
		*next; /* of identity::credentials, or, when it is deleted, catalog::buried */
	/* In force: neither it nor its identity is revoked, expired or deleted, as of the last look. */
	bool good;
	bool deleted;
	bool use_is_news; /* value.last_used_at is not what the store has (server/store/last_use.c) */
	uint32_t psk;     /* in catalog::psks; 0: it has none any more */

	struct table_node by_key; /* the catalog's alone */
};

struct catalog {
	struct identity *
		*identities; /* in the order of their names, without those that were deleted */
	size_t n;
	struct identity **by_id; /* the deleted ones too; `default` is there once it is stored */
	size_t n_by_id;
	size_t room;                /* of both */
	struct identity *everybody; /* `default` */
	uint64_t max_id, rev;

	struct table by_key;
	struct credential *buried; /* those that were deleted */
	size_t n_credentials;
	struct psk_pool psks;
	struct identity
		*changed;  /* those whose rights are others than when they were looked at last */
	bool keys_changed; /* the keyring would be another one */

	struct catalog_intentions intentions;
	struct catalog_roots roots;
	struct catalog_private private;
};

/* Has `default` with every grant, and no credential. 0 or -ENOMEM. */
int catalog_init(struct catalog *c);
/* When nothing refers to its identities any more. Accepts zeroed memory. */
void catalog_deinit(struct catalog *c);

/*
 * One more token of `default`, or with `open` its only one, which everybody knows (rule 12). It is not in the
 * store. 0; -EINVAL with a sentence when somebody else has it; -ENOMEM.
 */
int catalog_add_token(struct catalog *c, const struct token_key *key, bool open, struct error *err);

/* NULL: there is none of that name, which is as policy_name_check() makes it. */
struct identity *catalog_find(const struct catalog *c, struct str name);
/* In catalog::identities, of the first that does not come before that name. */
size_t catalog_position(const struct catalog *c, struct str name);
struct credential *catalog_find_key(const struct catalog *c, const uint8_t id[TOKEN_ID_SIZE]);

/*
 * Puts rows in force: all of the store at the start, later each change. `rev` and the PSK of a credential that
 * is revoked do not count, and of a row that is gone its key alone. Does no I/O, and tells nobody:
 * enforce_changes() does. 0, or -ENOMEM with nothing changed.
 */
int catalog_apply(struct catalog *c, const struct store_row *rows, size_t n);

/* Rows that are in force, or were until later ones took their place, have been stored: with these revisions. */
void catalog_stored(struct catalog *c, const struct store_row *rows, size_t n);

/*
 * What the time has changed by now, besides rows: sets credential::good. When to look again, at the latest (µs
 * of policy_now()); POLICY_NONE: nothing ever expires.
 */
uint64_t catalog_look(struct catalog *c, uint64_t now);
/* The next of those whose rights have changed; NULL: no more. */
struct identity *catalog_next_changed(struct catalog *c);

/* All credentials that are good. NULL when memory is out. */
struct keyring *catalog_keyring(const struct catalog *c);
