/* SPDX-License-Identifier: MIT */
#include "server/admin/session_json.h"

#include <stdio.h>
#include <string.h>

#include "api/api_json.h"
#include "server/control/public_address.h"
#include "server/control/session_close.h"

json_t *session_upstreams(const struct session *s)
{
	json_t *array = json_array();
	list_for_each (it, &s->services)
		array = append_json(array,
			json_string(list_entry(it, struct service, of_session)->upstream));
	return array;
}

json_t *session_publishes(const struct session *s)
{
	json_t *array = json_array();
	list_for_each (it, &s->services) {
		char address[PUBLIC_ADDRESS_SIZE];
		public_address(list_entry(it, struct service, of_session), address);
		array = append_json(array, json_string(address));
	}
	return array;
}

/* µs; 0: not known yet. */
static uint64_t round_trip_of(const struct server_link *l)
{
	return atomic_load_explicit(&l->seen_round_trip, memory_order_relaxed);
}

static json_t *round_trip_json(uint64_t us)
{
	return us ? seconds_json(us) : json_null();
}

json_t *session_round_trip_json(const struct session *s)
{
	uint64_t least = 0;
	list_for_each (it, &s->links)
		least = clock_earlier(least,
			round_trip_of(list_entry(it, struct server_link, of_session)));
	return round_trip_json(least);
}

static json_t *links_json(const struct session *s)
{
	json_t *array = json_array();
	list_for_each (it, &s->links) {
		const struct server_link *l = list_entry(it, struct server_link, of_session);
		char peer[ADDRESS_TEXT_SIZE];
		server_link_peer(l, peer);
		array = append_json(array,
			json_pack("{s:i, s:s, s:o, s:s, s:o, s:I}", "worker", (int)l->worker->index,
				"remoteAddr", peer, "since", moment_json(l->since), "protection",
				l->protection, "roundTripSeconds",
				round_trip_json(round_trip_of(l)), "streams",
				(json_int_t)atomic_load_explicit(&l->seen_active,
					memory_order_relaxed)));
	}
	return array;
}

static json_t *services_json(const struct session *s)
{
	json_t *array = json_array();
	list_for_each (it, &s->services) {
		const struct service *service = list_entry(it, struct service, of_session);
		char address[PUBLIC_ADDRESS_SIZE];
		public_address(service, address);
		array = append_json(array,
			json_pack("{s:I, s:s, s:s, s:s, s:s, s:b}", "number",
				(json_int_t)service->number, "kind",
				control_kind_name(service->kind), "place", service->place,
				"address", address, "upstream", service->upstream, "exclusive",
				service->exclusive));
	}
	return array;
}

struct figures_sum session_figures(const struct session *s)
{
	struct figures_sum sum = {0};
	list_for_each (it, &s->services) {
		const struct service_look look =
			figures_look(list_entry(it, struct service, of_session));
		figures_sum_add(&sum, &look);
	}
	return sum;
}

json_t *session_json(const struct session *s)
{
	const struct server_link *first = list_first(&s->links, struct server_link, of_session);
	char key[2 * TOKEN_ID_SIZE + 1] = "";
	for (size_t i = 0; first && i < TOKEN_ID_SIZE; i++)
		snprintf(key + 2 * i, 3, "%02x", first->credential->value.key_id[i]);
	json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:b, s:o, s:i, s:o, s:o}", "id",
		s->base.name, "identity", s->base.identity->name, "keyId", key, "remoteAddr",
		s->peer, "since", moment_json(s->since), "version", first ? first->version : "",
		"ending", s->closing != NULL, "links", links_json(s), "streams",
		(int)session_streams(s), "services", services_json(s), "roundTripSeconds",
		session_round_trip_json(s));
	const struct figures_sum sum = session_figures(s);
	return figures_sum_set(object, &sum);
}

void session_select(const struct registrar *r, struct api_select *s)
{
	list_for_each (it, &r->sessions) {
		struct session *session = list_entry(it, struct session, link);
		api_select_offer(s, session->base.name, session);
	}
}

struct session *session_find(const struct registrar *r, const char *id)
{
	list_for_each (it, &r->sessions) {
		struct session *s = list_entry(it, struct session, link);
		if (strcmp(s->base.name, id) == 0)
			return s;
	}
	return NULL;
}
