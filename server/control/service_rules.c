/* SPDX-License-Identifier: MIT */
#include "server/control/service_rules.h"

#include <errno.h>
#include <string.h>

#include "rules/client_rules.h"
#include "server/base/front_tables.h"

_Static_assert(FRONT_ID_SIZE == MAC_SIZE, "an id is a MAC");

static uint32_t allowed_verbs(const struct node *n)
{
	return n->front ? n->front->client_verbs : FRONT_CLIENT_VERBS;
}

/* Of no secret: two that have the same are the same text, for the same place of the same identity. */
static void rules_id(const struct service *service, const char *text, uint8_t out[MAC_SIZE])
{
	static const uint8_t key[MAC_KEY_SIZE];
	memset(out, 0, MAC_SIZE);
	if (!text)
		return;
	const char *owner = service->session->identity->name;
	mac_make(key, owner, strlen(owner), out);
	mac_make(out, service->place, strlen(service->place), out);
	mac_make(out, text, strlen(text), out);
}

static int reason_of(int r)
{
	return r == -EACCES   ? CONTROL_REASON_DENIED
	       : r == -EINVAL ? CONTROL_REASON_INVALID
			      : CONTROL_REASON_OTHER;
}

int service_rules_set(struct service *service, const struct control *publish, struct error *err)
{
	struct session *s = session_of(service);
	struct node *n = session_node(s);
	const struct client_rules_terms terms = {.path = "rules",
		.place = str_from(service->place),
		.verbs = allowed_verbs(n),
		.countries = n->front && n->front->countries};
	struct front *made;
	if (!publish->publish.rules)
		return SERVICE_RULES_FINE;
	rules_id(service, publish->publish.rules, service->rules_id);
	int r = client_rules_compile(str_from(publish->publish.rules), &terms, &made, err);
	if (r < 0)
		return reason_of(r);
	memcpy(made->id, service->rules_id, sizeof(made->id));
	service->rules = made;
	if (s->rules_memory + client_rules_memory(made) > SESSION_RULES_MEMORY) {
		error_set(err, 0, "the rules of a session's services take at most %u bytes",
			SESSION_RULES_MEMORY);
		return CONTROL_REASON_LIMIT;
	}
	if (front_tables_need(n, s->registrar->worker->opts->rate_entries) == 0)
		return SERVICE_RULES_FINE;
	error_set(err, 0, "the server is out of memory");
	return CONTROL_REASON_OTHER;
}

bool service_rules_same(const struct service *service, const struct control *publish)
{
	uint8_t id[MAC_SIZE];
	rules_id(service, publish->publish.rules, id);
	return memcmp(id, service->rules_id, sizeof(id)) == 0;
}

size_t service_rules_memory(const struct service *service)
{
	return service->rules ? client_rules_memory(service->rules) : 0;
}

size_t service_rules_count(const struct service *service)
{
	return service->rules ? service->rules->routes->rules.n : 0;
}

bool service_rules_denied(const struct service *service, struct error *err)
{
	uint32_t allowed = allowed_verbs(session_node(session_of(service)));
	uint32_t denied = service->rules ? service->rules->client_verbs & ~allowed : 0;
	if (denied)
		error_set(err, 0,
			"the exit node's operator lets clients' rules have no %s any more",
			verb_name((enum verb)__builtin_ctz(denied)));
	return denied != 0;
}
