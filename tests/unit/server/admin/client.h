/* SPDX-License-Identifier: MIT */
#pragma once
/* A client of a test: it asks, and keeps what it was answered. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "server/admin/admin.h"

struct client {
	struct api_request request;
	unsigned answers;
	json_t *json; /* of the answer */
};

static inline void client_answered(struct api_request *rq)
{
	struct client *d = container_of(rq, struct client, request);
	d->answers++;
	d->json = rq->answer ? json_loadb(rq->answer, rq->answer_size, 0, NULL) : NULL;
}

/* As the operator, unless the request says otherwise by then. */
static inline void client_ask(struct client *d, struct admin *a, enum api_method method,
	const char *target, const char *body)
{
	d->request.method = method;
	d->request.target = strdup(target);
	d->request.body = body ? strdup(body) : NULL;
	d->request.body_size = body ? strlen(body) : 0;
	d->request.answered = client_answered;
	api_ask(&a->api, &d->request);
}

static inline void client_operator(struct client *d)
{
	*d = (struct client){
		.request.actor = {.name = "uid 0", .via = "admin socket", .may_all = true}};
}

static inline const char *client_text(const struct client *d, const char *member)
{
	const char *text = json_string_value(json_object_get(d->json, member));
	return text ? text : "";
}

static inline void client_close(struct client *d)
{
	json_decref(d->json);
	api_request_deinit(&d->request);
	*d = (struct client){0};
}
