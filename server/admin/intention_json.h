/* SPDX-License-Identifier: MIT */
#pragma once
/* Intentions as the API has them. */
#include <jansson.h>

#include "policy/intention.h"
#include "api/members.h"

/* Consul's bounds of what is noted beside one. */
#define INTENTION_META_MAX 64

/* The members that say what is decided; source and destination stand in the path, or before these. */
#define INTENTION_MEMBERS                                                            \
	{"action", API_TEXT, .max = sizeof "allow" - 1},                             \
		{"description", API_TEXT, .max = POLICY_TEXT_MAX, .nullable = true}, \
	{                                                                            \
		"meta", API_MAP, .max = INTENTION_META_MAX, .nullable = true         \
	}

/* What the members say, the rest as it is in a new one: allow. 0; -EINVAL with a sentence; -ENOMEM. */
int intention_from_json(struct policy_intention *i, const json_t *object, struct error *err);

/* All of it; NULL: memory is out, as below. */
json_t *intention_json(const struct policy_intention *i);

/* What the audit has of it: action, description, meta. */
json_t *intention_value_json(const struct policy_intention *i);

/* "web => redis" */
#define INTENTION_SUBJECT_SIZE (2 * POLICY_NAME_SIZE + sizeof " => ")
char *intention_subject(const struct policy_intention *i, char to[INTENTION_SUBJECT_SIZE]);
