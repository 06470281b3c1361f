/* SPDX-License-Identifier: MIT */
#pragma once
/* What the requests that change identities and their tokens share. */
#include "base/macros.h"
#include "server/admin/admin_change.h"
#include "server/admin/derivation.h"
#include "server/admin/identity_json.h"
#include "server/store/catalog.h"

/* Bytes of a token that is imported: Argon2id takes any, a person or a program has fewer. */
#define IDENTITY_TOKEN_MAX 1024

/* One of these for each request; the change and the derivation have it in turn. */
struct identity_change {
	struct admin_change change;
	struct derivation derivation;
	struct policy_identity value;    /* of one that is to be made */
	uint8_t key_id[TOKEN_ID_SIZE];   /* of the token that it is about */
	uint64_t overlap, previous_ends; /* of a rotation */
	bool has_previous;
	unsigned services, endpoints; /* that go with it */
};

/* The identity that the path names; NULL: there is none, and the request was refused. */
struct identity *identity_of_path(struct api_request *rq);

/* Nothing is changed of one that was revoked. */
void identity_refuse_revoked(struct api_request *rq, const struct identity *i);

/* The whole of it as an answer. */
void identity_answer(struct api_request *rq, unsigned status, const struct identity *i);

/* A change with these calls. NULL: the request was refused. */
struct identity_change *identity_change_new(struct api_request *rq, const struct change_ops *ops);
/* change_ops::free of all of them. */
void identity_change_free(struct change *c);

static inline struct identity_change *identity_change_of(struct change *c)
{
	return container_of(c, struct identity_change, change.change);
}

/*
 * Derives a token, the body's "token" or a new one, and then submits the change. The request is refused if it
 * is not safe enough.
 */
void identity_change_derive(struct identity_change *ic);

/* The body's "label"; "" where it has none. */
const char *label_of_body(const struct api_request *rq);

/* A row that has the identity, or a token of it, as it is. NULL: memory is out, and the request was refused. */
struct policy_identity *change_identity(struct change *c, struct change_rows *rows,
	const struct identity *i);
struct policy_credential *change_credential(struct change *c, struct change_rows *rows,
	const struct credential *k, uint64_t identity);

/* A row with the derived key. */
bool change_derived(struct change *c, const struct derivation *d, uint64_t identity,
	const char *label);

/* Rows that make an identity what `is` says, parted into what that takes away and what it gives. */
bool update_rows(struct change *c, const struct identity *i, const struct policy_identity *is);

/* Whether no identity has the derived token; false: one does, and the request was refused. */
bool derived_is_new(struct change *c);

/* A stored identity's id, or the one that it will have. */
uint64_t identity_id(const struct admin *a, const struct identity *i);

/*
 * Streams that a change cut: those of sessions that it ended, which streams of endpoints are among. Where the two ends of
 * such a one are on two workers, the session may not count it yet.
 */
static inline int streams_cut(const struct change *c)
{
	return (int)MAX(c->streams, c->cut);
}

/* What took rights away: {"sessionsEnded": …, "streamsCut": …}. */
void answer_ended(struct change *c);
