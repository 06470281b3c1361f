/* SPDX-License-Identifier: MIT */
#include "scene.h"

int scene_open(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	s->options.reconnect_grace = GRACE;
	s->node.n_workers = 2;
	s->node.started = 1; /* long ago */
	for (unsigned i = 0; i < 2; i++) {
		s->workers[i] = (struct worker){.node = &s->node,
			.index = i,
			.opts = &s->options,
			.loop = loop_new()};
		s->node.workers[i] = &s->workers[i];
	}
	s->workers[0].routing = &s->routing;
	assert_int_equal(routing_init(&s->routing, &s->workers[0]), 0);
	*state = s;
	return 0;
}

int scene_close(void **state)
{
	struct scene *s = *state;
	for (unsigned i = 0; i < s->n; i++) {
		s->sessions[i].service->shards[0].outstanding = 0;
		service_shard_close(&s->sessions[i].service->shards[0], &s->workers[0]);
		service_release(s->sessions[i].service);
		session_base_deinit(&s->sessions[i].base);
	}
	free(s->sessions[0].identity.streams);
	routing_deinit(&s->routing);
	for (unsigned i = 0; i < 2; i++)
		loop_free(s->workers[i].loop);
	free(s);
	return 0;
}

void set_side(struct scene *s, unsigned session, unsigned worker, struct side side)
{
	struct session_shard *shard = &s->sessions[session].base.shards[worker];
	struct service_shard *service = &s->sessions[session].service->shards[worker];
	struct server_link *l = &s->sessions[session].links[worker];
	service->outstanding = side.load;
	shard->load = side.load;
	if (side.failing)
		service_shard_failed(service, FRAME_RESET_REFUSED, loop_now(s->workers[0].loop));
	if (!side.link)
		return;
	shard->usable = 1;
	shard->silent = side.silent;
	*l = (struct server_link){.worker = &s->workers[worker], .state = SERVER_LINK_ESTABLISHED};
	l->io.link.state = LINK_UP;
	l->io.link.silent = side.silent;
	list_init(&l->of_shard);
	list_append(&shard->links, &l->of_shard);
}

void add_service(struct scene *s, const char *place, const struct control *m)
{
	const struct route *holder;
	unsigned i = s->n++;
	s->sessions[i].identity.name = "alice";
	s->sessions[i].identity.max_streams = IDENTITY_STREAMS_ANY;
	assert_int_equal(session_base_init(&s->sessions[i].base, &s->sessions[0].identity, 2), 0);
	struct service *service = service_new(&s->sessions[i].base, m);
	assert_non_null(service);
	s->sessions[i].service = service;
	strcpy(service->place, place);
	service->at = loop_now(s->workers[0].loop);
	assert_int_equal(service_shard_open(&service->shards[0], &s->workers[0], &holder), 0);
}

void add_session(struct scene *s, const char *host, enum control_kind kind)
{
	struct control m = {.type = CONTROL_PUBLISH};
	m.publish.kind = kind;
	m.publish.upstream = "http://127.0.0.1:3000";
	m.publish.private_name = s->is_private ? host : NULL;
	add_service(s, host, &m);
}

enum route_outcome find(struct scene *s, const char *host, struct route_found *found_out)
{
	struct route_query query = {.routes = &s->routing.names,
		.host = str_from(host),
		.kind = CONTROL_HTTP,
		.tls = CONTROL_TLS_NONE};
	return route_find(&s->workers[0], &query, found_out);
}
