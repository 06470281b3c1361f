/* SPDX-License-Identifier: MIT */
/* How the client endpoints change when the configuration is read again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/local/client_endpoints.h"

static bool is_among(const struct client_endpoint *ep, struct client_endpoint *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == ep)
			return true;
	return false;
}

/* The one in force for what has not changed. One that is OVER is asked for anew, as another one. */
static struct client_endpoint *find_same(const struct client_endpoints *s,
	const struct local_service *service, struct client_endpoint *const *taken, size_t n_taken)
{
	for (size_t i = 0; i < s->n; i++) {
		struct client_endpoint *ep = s->v[i];
		if (ep->state != CLIENT_ENDPOINT_OVER &&
			local_service_same(&ep->service, service) && !is_among(ep, taken, n_taken))
			return ep;
	}
	return NULL;
}

/* `next` gets one for each entry of the list, those that stay and new ones; how many are new, or -1. */
static ssize_t prepare(const struct client_endpoints *s, const struct local_services *list,
	struct client_endpoint **next)
{
	size_t added = 0;
	for (size_t i = 0; i < list->n; i++) {
		next[i] = find_same(s, &list->v[i], next, i);
		if (next[i])
			continue;
		next[i] = client_endpoint_new(&list->v[i], s->last + (uint32_t)added + 1);
		if (!next[i]) {
			for (size_t k = 0; k < i; k++)
				if (next[k]->number > s->last)
					client_endpoint_unref(next[k]);
			return -1;
		}
		added++;
	}
	return (ssize_t)added;
}

/* What is not wanted any more. Its port is free at once, for another that may have it. */
static size_t retire(struct client_endpoints *s, struct client_endpoint *const *next, size_t n)
{
	size_t removed = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct client_endpoint *ep = s->v[i];
		if (ep->leaving || is_among(ep, next, n))
			continue;
		client_endpoint_leave(ep);
		local_port_close(&ep->port);
		s->ops->changed(s, ep);
		removed++;
	}
	return removed;
}

int client_endpoints_set(struct client_endpoints *s, const struct local_services *list,
	struct error *err, struct client_endpoints_change *change_out)
{
	struct client_endpoint **next = calloc(list->n + 1, sizeof(struct client_endpoint *));
	struct client_endpoint **v =
		realloc(s->v, (s->n + list->n + 1) * sizeof(struct client_endpoint *));
	if (v)
		s->v = v;
	ssize_t added = next && v ? prepare(s, list, next) : -1;
	if (added < 0) {
		free(next);
		return error_set(err, -ENOMEM, "no memory");
	}
	struct client_endpoints_change change = {.added = (size_t)added,
		.kept = list->n - (size_t)added,
		.removed = retire(s, next, list->n)};
	uint32_t last = s->last;
	for (size_t i = 0; i < list->n; i++) {
		client_endpoint_set_message(next[i], list->v[i].message);
		if (next[i]->number > last)
			s->v[s->n++] = next[i];
	}
	s->last += (uint32_t)added;
	free(next);
	if (change_out)
		*change_out = change;
	return 0;
}
