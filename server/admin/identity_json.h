/* SPDX-License-Identifier: MIT */
#pragma once
/* Identities and their tokens as JSON, both ways. Times are RFC 3339; what was not given is null. */
#include <jansson.h>

#include "policy/identity.h"
#include "api/members.h"

struct credential;
struct identity;

/*
 * Tokens of one identity, the ones that are over among them: two a rotation, and some that machines share. The
 * oldest that is over makes room for a new one. Those of `default` that are over stay, and do not count.
 */
#define IDENTITY_TOKENS_MAX 64

/* Numbers of JSON are exact up to 2^53 wherever they are read (RFC 8259, 6). */
#define IDENTITY_RATE_MAX (UINT64_C(1) << 53)

/* Seconds until something expires: a century and more. */
#define IDENTITY_SPAN_MAX UINT64_C(4000000000)

/* What can be said of an identity, where one is made and where it is changed. */
#define IDENTITY_MEMBERS                                                                        \
	{"description", API_TEXT, .max = POLICY_TEXT_MAX, .nullable = true},                    \
		{"operator", API_FLAG, .max = 1},                                               \
		{"hosts", API_TEXTS, .max = POLICY_GRANTS_MAX, .nullable = true},               \
		{"ports", API_TEXTS, .max = POLICY_GRANTS_MAX, .nullable = true},               \
		{"udpPorts", API_TEXTS, .max = POLICY_GRANTS_MAX, .nullable = true},            \
		{"publish", API_TEXTS, .max = POLICY_GRANTS_MAX, .nullable = true},             \
		{"consume", API_TEXTS, .max = POLICY_GRANTS_MAX, .nullable = true},             \
		{"allowFrom", API_TEXTS, .max = POLICY_GRANTS_MAX, .nullable = true},           \
		{"maxSessions", API_NUMBER, .min = 1, .max = UINT32_MAX, .nullable = true},     \
		{"maxStreams", API_NUMBER, .min = 1, .max = UINT32_MAX, .nullable = true},      \
		{"maxEndpoints", API_NUMBER, .min = 1, .max = UINT32_MAX, .nullable = true},    \
		{"rateUp", API_NUMBER, .min = 1, .max = IDENTITY_RATE_MAX, .nullable = true},   \
		{"rateDown", API_NUMBER, .min = 1, .max = IDENTITY_RATE_MAX, .nullable = true}, \
		{"expiresAt", API_TEXT, .max = 64, .nullable = true},                           \
	{                                                                                       \
		"expiresIn", API_SPAN, .min = 1, .max = IDENTITY_SPAN_MAX                       \
	}

/*
 * Puts the members of an object, held against IDENTITY_MEMBERS before, into a value; null takes away what was
 * there. 0; -EINVAL with a sentence that names the member; -ENOMEM.
 */
int identity_from_json(struct policy_identity *i, const json_t *object, struct error *err);

/* What was given, without what changes by itself: for the audit. NULL: memory is out. */
json_t *identity_value_json(const struct policy_identity *i);

/* All that is shown of it. NULL: memory is out. */
json_t *identity_json(const struct identity *i);

/* {"was": …, "is": …} with the members that differ. NULL: memory is out. */
json_t *identity_difference(const struct policy_identity *was, const struct policy_identity *is);

/* A span of JSON (API_SPAN) in µs. False: it is none, or longer than IDENTITY_SPAN_MAX. */
bool span_from_json(const json_t *value, uint64_t *us_out);

/* The key id in hexadecimal. */
json_t *key_id_json(const uint8_t id[TOKEN_ID_SIZE]);

/* The time, or null for POLICY_NONE. */
json_t *time_json(uint64_t at);
