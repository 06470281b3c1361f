/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Intentions: whether an identity (the source) may use a private service (the destination), as Consul has them.
 * Either may be "*", which stands for all. A pair has at most one intention, so two that match a connection are
 * never of one precedence, and exactly one decides, or else the server's default.
 */
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "policy/name.h"

#define POLICY_ANY "*"

enum policy_action { POLICY_ALLOW = 1, POLICY_DENY }; /* the store's numbers */

/* "allow", "deny" */
const char *policy_action_name(enum policy_action action);
/* 0, or -EINVAL with a sentence. */
int policy_action_parse(struct str text, enum policy_action *action_out, struct error *err);

#define POLICY_UUID_SIZE sizeof "bcfb4623-1470-65a5-a12d-776b656a490a"
/* Bytes of what a program notes beside it (`meta`): of it a list has a page of 500. */
#define POLICY_META_MAX  4096

struct policy_intention {
	uint64_t id;                  /* from 1; 0: not stored yet */
	uint8_t uid[POLICY_UID_SIZE]; /* random */
	char *source, *destination;   /* owned, policy_text_new() as all texts here; never NULL */
	enum policy_action action;
	char *description;
	char *meta;                      /* a JSON object, of texts */
	char *created_by;                /* the identity, or "uid 0" */
	uint64_t created_at, updated_at; /* policy/timestamp.h */
	uint64_t rev;                    /* the store's revision at which it changed last */
};

/* A new one, created now. The names as policy_intention_check_name() makes them. 0 or -ENOMEM, `i` zeroed. */
int policy_intention_init(struct policy_intention *i, const char *source, const char *destination,
	enum policy_action action);
/* 0, or -ENOMEM with `to` zeroed. */
int policy_intention_copy(struct policy_intention *to, const struct policy_intention *from);
/* Accepts zeroed memory. */
void policy_intention_deinit(struct policy_intention *i);

/* A whole name, in lower case, or "*": a part of one and a star is none. 0, or -EINVAL with a sentence. */
int policy_intention_check_name(struct str text, char out[POLICY_NAME_SIZE], struct error *err);

/* `uid` as people write it. Returns `to`. */
char *policy_uuid_format(const uint8_t uid[POLICY_UID_SIZE], char to[POLICY_UUID_SIZE]);

/* ---- Which one decides ---- */

/* Consul's numbers: 9, 8, 6, 5. The others that it has need namespaces. */
unsigned policy_precedence(const char *source, const char *destination);

/* The order of lists, the one that counts first in front: by precedence, then by names. As strcmp(). */
int policy_intention_order(const struct policy_intention *a, const struct policy_intention *b);

/* Of exactly this pair; NULL: there is none. */
typedef const struct policy_intention *policy_intention_find(const void *in, const char *source,
	const char *destination);

/*
 * The first that is there of (source, destination), ("*", destination), (source, "*") and ("*", "*"). NULL: none
 * is, and the default decides. Four look-ups, no sorting. A name that is "*" itself is looked up like any other.
 */
const struct policy_intention *policy_decide(policy_intention_find *find, const void *in,
	const char *source, const char *destination);
