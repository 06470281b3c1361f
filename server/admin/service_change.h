/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Private services made, changed and deleted by commands. A client makes them as well, by publishing one; what it
 * states of visibility and auto-approval then counts, unless the private service is managed.
 */
#include "policy/private_service.h"
#include "server/admin/admin_change.h"

struct private_service;

/* Names in a list: as many as POLICY_LIST_MAX bytes have of the longest, and many more short ones. */
#define SERVICE_NAMES_MAX 512

/* What can be said of one, where it is made and where it is changed. */
#define SERVICE_MEMBERS                                                                  \
	{"visibility", API_TEXTS, .max = SERVICE_NAMES_MAX, .nullable = true},           \
		{"autoApproval", API_TEXTS, .max = SERVICE_NAMES_MAX, .nullable = true}, \
		{"fqdns", API_TEXTS, .max = SERVICE_NAMES_MAX, .nullable = true},        \
		{"managed", API_FLAG, .max = 1},                                         \
	{                                                                                \
		"description", API_TEXT, .max = POLICY_TEXT_MAX, .nullable = true        \
	}

/*
 * Puts members of an object, held against SERVICE_MEMBERS before, into a value; null takes away what was there. 0;
 * -EINVAL with a sentence, the value as it was or in part another; -ENOMEM.
 */
int service_from_json(struct policy_private_service *s, const json_t *object, struct error *err);

/* A word, tcp or udp; NULL: as it is. 0, or -EINVAL with a sentence. */
int service_kind_from_json(const json_t *word, enum policy_service_kind *kind, struct error *err);

/* What people say of it: lists, description and the like. */
bool service_is_same(const struct policy_private_service *a,
	const struct policy_private_service *b);

/*
 * A row of it, and one that is in force before it is stored, if that takes something away: of who may ask, and who
 * need not wait. `was` NULL: it is new. False: memory is out, and the request was refused.
 */
bool change_service(struct change *c, const struct policy_private_service *was,
	const struct policy_private_service *is);

void service_create(struct api_request *rq);
void service_update(struct api_request *rq);
void service_delete(struct api_request *rq);
