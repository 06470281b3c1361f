/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The rules that a client gives with a service: compiled here, on the main thread, as the text of somebody who may
 * publish and not more; held by the service, and by each worker's route to it (server/route/service.h).
 */
#include "base/error.h"
#include "server/control/session.h"

/*
 * Compiles those of `publish`, if it has any, for a new service that has its place. SERVICE_RULES_FINE, else the enum
 * control_reason with a sentence.
 */
#define SERVICE_RULES_FINE (-1)
int service_rules_set(struct service *service, const struct control *publish, struct error *err);

/* Whether `publish` says the same rules again. */
bool service_rules_same(const struct service *service, const struct control *publish);

/* Bytes that they take, and how many there are. */
size_t service_rules_memory(const struct service *service);
size_t service_rules_count(const struct service *service);

/* Whether the operator does not let clients have such rules any more, since --front was read again; with a sentence. */
bool service_rules_denied(const struct service *service, struct error *err);
