/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Endpoints as values: a consumer's standing at a private service, which is what people approve, with the states
 * that private endpoint connections have in Azure. Only an approved one is usable. One that the provider's side
 * removed, or whose private service is gone, is Disconnected for ever: its consumer has to delete it and ask again.
 */
#include <stdbool.h>
#include <stdint.h>

#include "policy/private_service.h"

/* That an identity may have, unless it was given another number: as many tunnels as somebody oversees. */
#define POLICY_ENDPOINTS_MAX 64

/* µs: one that is Pending, and was not asked for in all that time, is deleted: nobody waits for it any more. */
#define POLICY_PENDING_MAX (30ull * 24 * 60 * 60 * 1000 * 1000)

/* Of the consumer's message: characters, as in Azure, and bytes of so many in UTF-8. */
#define POLICY_MESSAGE_MAX  140
#define POLICY_MESSAGE_SIZE (4 * POLICY_MESSAGE_MAX)

/* Numbers of the store: they never change. */
enum policy_endpoint_state {
	POLICY_ENDPOINT_NONE, /* there is none, or not any more; never stored */
	POLICY_PENDING,
	POLICY_APPROVED,
	POLICY_REJECTED,
	POLICY_DISCONNECTED,
};
enum policy_endpoint_how { POLICY_HOW_NOT, POLICY_HOW_MANUAL, POLICY_HOW_AUTO, POLICY_HOW_OWNER };

/* "Pending", "Approved", "Rejected", "Disconnected" */
const char *policy_endpoint_state_name(enum policy_endpoint_state state);
/* What Azure's `provisioningState` says beside it: "Pending" or "Succeeded". */
const char *policy_endpoint_provisioning(enum policy_endpoint_state state);
/* "", "manual", "auto", "owner" */
const char *policy_endpoint_how_name(enum policy_endpoint_how how);

struct policy_endpoint {
	uint64_t id;                  /* from 1; 0: not stored yet */
	uint8_t uid[POLICY_UID_SIZE]; /* random */
	uint32_t link; /* its link id, which the provider sees; from 1, never given twice */
	uint64_t service, consumer; /* their ids */
	char *name;                 /* owned, as all texts here; never NULL after init */
	enum policy_endpoint_state state;
	enum policy_endpoint_how how; /* it was approved */
	char *description;            /* the approver's */
	char *message;                /* the consumer's, for the approver */
	char *decided_by;             /* the identity, or "uid 0"; "": nobody has decided */
	/* The consumer's, as it was when it asked or was approved; zeros: none */
	uint8_t e2e_key[POLICY_KEY_SIZE];
	uint64_t created_at, updated_at;
	uint64_t last_used_at; /* asked for, or a stream was opened; POLICY_NONE: never */
	uint64_t rev;
};

/*
 * What a first request makes: a new one, created now, with a uid, and without ids and link id. Pending, or Approved
 * as `how` says (policy_endpoint_requested()). `name` as policy_name_check() makes it. 0 or -ENOMEM, `e` zeroed.
 */
int policy_endpoint_init(struct policy_endpoint *e, const char *name, enum policy_endpoint_how how);
/* 0, or -ENOMEM with `to` zeroed. */
int policy_endpoint_copy(struct policy_endpoint *to, const struct policy_endpoint *from);
/* Accepts zeroed memory. */
void policy_endpoint_deinit(struct policy_endpoint *e);

/* What the consumer says to the approver: no control characters. 0, or -EINVAL with a sentence. */
int policy_message_check(struct str text, struct error *err);

/* ---- States ---- */

enum policy_endpoint_event {
	POLICY_REQUEST,         /* the consumer asks, for the first time or again */
	POLICY_APPROVE,         /* by the owner of the private service, or an operator */
	POLICY_REJECT,          /* likewise */
	POLICY_REMOVE,          /* likewise: deleted by the provider's side */
	POLICY_DELETE,          /* by the consumer, or with its identity */
	POLICY_CHANGE_KEY,      /* the consumer presents another end-to-end key than it had */
	POLICY_DELETE_SERVICE,  /* the private service goes */
	POLICY_ENDPOINT_EVENTS, /* how many there are */
};

struct policy_endpoint_outcome {
	enum policy_endpoint_state state; /* POLICY_ENDPOINT_NONE: it is gone */
	bool cuts;                        /* what is live at it ends */
};

/*
 * The state behind an event. `how` is how it was approved, or, of a first request, will be: POLICY_HOW_NOT waits.
 * 0; -EPERM with a sentence: it is refused, and nothing has changed.
 */
int policy_endpoint_step(enum policy_endpoint_state state, enum policy_endpoint_how how,
	enum policy_endpoint_event event, struct policy_endpoint_outcome *outcome_out,
	struct error *err);

/* How a request is approved: at once for the owner and for who is on the list. */
enum policy_endpoint_how policy_endpoint_requested(const struct policy_private_service *s,
	const char *identity, bool is_owner);

/*
 * What an event makes of an endpoint that is there: its state, and how it was approved, the description, who decided
 * and when. `description`: the decider's, "" where none is given; of POLICY_CHANGE_KEY and POLICY_DELETE_SERVICE
 * it is not looked at. A key that has changed is the caller's to set, before or after. Of POLICY_REQUEST and
 * POLICY_DELETE nothing but the outcome comes. 0; -EPERM with a sentence; -ENOMEM; after both nothing has changed.
 */
int policy_endpoint_apply(struct policy_endpoint *e, enum policy_endpoint_event event,
	struct str description, const char *by, struct policy_endpoint_outcome *outcome_out,
	struct error *err);

/* Whether streams may pass, as far as this decides it. */
bool policy_endpoint_usable(const struct policy_endpoint *e);

/* Whether it waits for somebody who has not asked for POLICY_PENDING_MAX. */
bool policy_endpoint_forgotten(const struct policy_endpoint *e, uint64_t now);

/* ---- Names ---- */

/* Hexadecimal digits of a uid that are shown, the first ones: 64 bits. */
#define POLICY_UID_DIGITS       16
/* CONSUMER.UID16 with its NUL. */
#define POLICY_ENDPOINT_ID_SIZE (POLICY_NAME_SIZE + 1 + POLICY_UID_DIGITS)

struct policy_endpoint_id {
	char service[POLICY_NAME_SIZE]; /* "": it does not say */
	char consumer[POLICY_NAME_SIZE];
	char digits[POLICY_UID_DIGITS + 1]; /* lower case; the first ones, or none at all */
};

/* Returns `to`. */
char *policy_endpoint_id_format(const char *consumer, const uint8_t uid[POLICY_UID_SIZE],
	char to[POLICY_ENDPOINT_ID_SIZE]);

/*
 * CONSUMER.UID16, of which digits at the end may be left out, and the dot with them: the name is always whole, so
 * that no slip decides about another consumer's. Or that behind /services/SERVICE/privateEndpointConnections/.
 * 0, or -EINVAL with a sentence, `out` as it was.
 */
int policy_endpoint_id_parse(struct str text, struct policy_endpoint_id *out, struct error *err);

/* Whether it can be meant by these digits. */
bool policy_endpoint_id_covers(const struct policy_endpoint_id *id,
	const uint8_t uid[POLICY_UID_SIZE]);
