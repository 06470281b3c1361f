/* SPDX-License-Identifier: MIT */
#pragma once
/* Sessions as JSON, and how they are found. */
#include <jansson.h>

#include "server/admin/admin.h"
#include "server/admin/figures_json.h"
#include "api/select.h"

struct session;

/* All that is shown of it, with what admin_look() has brought of its links. NULL: memory is out. */
json_t *session_json(const struct session *s);

/* The shortest round trip of its links, in seconds; null: none is known yet. NULL: memory is out. */
json_t *session_round_trip_json(const struct session *s);
/* What its services carry together. */
struct figures_sum session_figures(const struct session *s);

/* Its upstreams as URLs; and where each is published. Arrays of texts. NULL: memory is out. */
json_t *session_upstreams(const struct session *s);
json_t *session_publishes(const struct session *s);

/* The next sessions behind the cursor, by their ids. */
void session_select(const struct registrar *r, struct api_select *s);

/* NULL: there is none of that id. */
struct session *session_find(const struct registrar *r, const char *id);
