/* SPDX-License-Identifier: MIT */
/* Whether the client lives; and whether visitors get what it publishes: the session is open, and all is granted. */
#include <stdlib.h>
#include <string.h>

#include "client/admin/client_admin.h"
#include "client/admin/client_api.h"

static void healthy(struct api_request *rq)
{
	char *text = strdup("ok\n");
	api_answer_text(rq, text ? 200 : 500, "text/plain", text, text ? strlen(text) : 0);
}

static void ready(struct api_request *rq)
{
	const struct client_session *s = client_admin_of(rq)->session;
	const struct publications *p = s->publications;
	size_t granted = publications_count(p, PUBLICATION_GRANTED);
	size_t leaving = publications_count(p, PUBLICATION_LEAVING);
	switch (s->state) {
	case CLIENT_SESSION_DOWN:
	case CLIENT_SESSION_OPENING:
		if (p->n || s->state == CLIENT_SESSION_DOWN) {
			api_refuse(rq, API_BUSY, "there is no session with the exit node %s yet",
				s->remote.authority);
			return;
		}
		break;
	case CLIENT_SESSION_OPEN:
		break;
	case CLIENT_SESSION_DRAINING:
	case CLIENT_SESSION_OVER:
		api_refuse(rq, API_BUSY, "the client ends");
		return;
	}
	if (granted + leaving < p->n)
		api_refuse(rq, API_BUSY, "the exit node grants %zu of %zu services", granted,
			p->n - leaving);
	else
		healthy(rq);
}

static const struct api_operation rows[] = {
	{API_GET, "/healthz", API_OPEN, .run = healthy},
	{API_GET, "/readyz", API_OPEN, .run = ready},
};
const struct api_operations client_api_health = {rows, ARRAY_LEN(rows)};
