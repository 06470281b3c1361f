/* SPDX-License-Identifier: MIT */
#pragma once
/* A captured request as JSON. NULL when memory is out. */
#include <jansson.h>

#include "client/admin/requests.h"

/* A row of the list, and what the live feed tells: names are short, as there are many. */
json_t *request_summary_json(const struct capture *c);
/* All of it. */
json_t *request_entry_json(const struct requests_api *r, const struct capture_view *v);

/* The fields of a head: [[name, value]], and [{"name", "value"}] for archives. */
json_t *request_fields_json(const struct capture_view *v, const struct capture_view_message *m);
json_t *request_named_fields_json(const struct capture_view *v,
	const struct capture_view_message *m);

/* Seconds from one moment to another, 0 where one of them is missing. */
double request_seconds(uint64_t from, uint64_t to);

/* Parts of the time that an exchange took, in seconds. */
struct request_timing {
	double dial, send, wait, receive;
};
struct request_timing request_timing(const struct capture *c);
