/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * An exit node of three workers on one thread, with a client that provides the private service "redis" under its
 * number 5, and one that uses it under its number 9, each by a link on a worker of the test's choice. Both clients
 * are made up, and so is what the registrar would have decided.
 */
#include "server/private/attachment.h"
#include "server/private/bridge_end.h"
#include "server/private/private_worker.h"
#include "tests/unit/server/exit_node.h"

#define SERVICE  5 /* of the provider's client */
#define ATTACHED 9 /* of the consumer's */
#define LINK_ID  77

struct scene {
	struct exit_node *n;
	struct server_link *consumer, *provider;
	struct attachment attachment;
	struct service *services[4];
	unsigned n_services;
	bool detached;
	char log_path[32], audit_path[40];
};

/* Links on these workers; alice consumes, bob provides. */
struct scene *scene_new(unsigned consumer, unsigned provider, enum control_kind kind);
/* Everything has gone: nothing is counted or kept any more. */
void scene_free(struct scene *s);
/* The process ends as it stands. */
void scene_end(struct scene *s);

/* A link of that identity's on that worker, which belongs to a session. */
struct server_link *scene_link(struct scene *s, struct credential *who, const char *instance,
	unsigned worker);
/* Its session provides the service: the service, on all workers. */
struct service *scene_provide(struct scene *s, struct server_link *l, enum control_kind kind);
/* It does so no more. */
void scene_withdraw(struct scene *s, struct service *service);

/* The attachment's flag on all workers: how many were cut. */
unsigned scene_set(struct scene *s, bool usable, bool keep_live);

/* It is taken away on all workers. */
void scene_detach(struct scene *s);

/* The consumer's client opens a stream. */
void scene_open(struct scene *s, uint32_t id, enum frame_kind kind, uint32_t number);
/* It does, and the far end's OPEN comes to the provider: its id there. */
uint32_t scene_join(struct scene *s, uint32_t id);

/* Gives everybody turns, in a random order. */
void scene_shuffle(struct scene *s, unsigned seed);

/* What the client of that link got. */
bool scene_got(struct scene *s, struct server_link *l, const char *text);
/* Streams of private services, those of them that wait for a provider, and what they keep. */
unsigned scene_bridges(struct scene *s);
unsigned scene_waiting(struct scene *s);
size_t scene_held(struct scene *s);

/* The access log's lines since it was asked last, each with those fields of it that tests look at. */
const char *scene_logged(struct scene *s);
/* Lines of the audit log about that action, so far. */
unsigned scene_audited(struct scene *s, const char *action);
