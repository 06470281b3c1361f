/* SPDX-License-Identifier: MIT */
#include "server/accept/destination.h"

#include <stdio.h>

#include "server/base/worker.h"
#include "server/http/h1_conn.h"
#include "server/http/h2_conn.h"
#include "server/route/balance.h"
#include "server/route/routing.h"
#include "server/tcp/tcp_conn.h"
#include "tls/tls.h"
#include "wire/alpn.h"

static bool is_port(const struct listener_config *config)
{
	return *config->place;
}

/* The TCP service of the listener's port, or of this name at the HTTP front. NULL: there is none. */
static const struct service *tcp_service(const struct worker *w,
	const struct listener_config *config, struct str name)
{
	const struct routing *r = w->routing;
	if (!is_port(config) && !r->n_named)
		return NULL;
	const struct service *service =
		is_port(config)
			? route_service(&r->ports, str_from(config->place), loop_now(w->loop))
			: route_service(&r->names, name, loop_now(w->loop));
	return service && service->kind == CONTROL_TCP ? service : NULL;
}

static struct destination to_name(const char *name)
{
	struct destination to = {.kind = DESTINATION_NAME};
	snprintf(to.name, sizeof(to.name), "%s", name);
	return to;
}

static struct destination refused(const char *why)
{
	return (struct destination){.kind = DESTINATION_NONE, .why = why};
}

enum sniff_look destination_look(const struct worker *w, const struct listener_config *config)
{
	/* TLS or not was decided when the port was asked for. */
	if (is_port(config))
		return config->tls ? SNIFF_LOOK_KIND : SNIFF_LOOK_NOT;
	if (w->routing->n_named && config->visits)
		return SNIFF_LOOK_NAME;
	return w->tls ? SNIFF_LOOK_KIND : SNIFF_LOOK_NOT;
}

struct destination destination_plain(const struct worker *w, const struct listener_config *config)
{
	/* A port whose TLS ends here takes nothing else: the handshake says so. */
	if (config->tls)
		return (struct destination){.kind = DESTINATION_TLS,
			.service = tcp_service(w, config, STR_NULL)};
	return (struct destination){.kind = is_port(config) ? DESTINATION_PORT : DESTINATION_HTTP};
}

struct destination destination_hello(const struct worker *w, const struct listener_config *config,
	const char *sni)
{
	const struct service *service = tcp_service(w, config, str_from(sni));
	bool passes = service && service->tls == CONTROL_TLS_PASS;
	/* Names in our own certificates are ours, whatever wildcard was granted before (rule 30). */
	if (passes && !(w->tls && tls_server_covers(w->tls, str_from(sni))))
		return to_name(sni);
	if (!w->tls)
		return refused("TLS for a name that no client publishes, and the server has no "
			       "certificate");
	return (struct destination){.kind = DESTINATION_TLS, .service = passes ? NULL : service};
}

/* Whether who gets the connection speaks what was agreed. */
static bool speaks(const struct listener_config *config, const struct service *service,
	struct str agreed)
{
	if (!agreed.n || (service && !service->alpn))
		return true;
	if (service)
		return alpn_find(service_alpn(service), agreed) >= 0;
	/* The client that had the port may come back to it. */
	return is_port(config) || str_eq(agreed, STR("http/1.1")) || str_eq(agreed, STR("h2"));
}

struct destination destination_secured(const struct worker *w, const struct listener_config *config,
	struct str sni, struct str agreed)
{
	char name[HOSTNAME_SIZE] = "";
	size_t n = 0;
	const struct service *service = NULL;
	if (is_port(config) || hostname_canonical(sni, name, &n) == 0)
		service = tcp_service(w, config, (struct str){name, n});
	if (service && service->tls != CONTROL_TLS_TERMINATE)
		service = NULL;
	if (!speaks(config, service, agreed))
		return refused("the service changed during the TLS handshake");
	if (is_port(config))
		return (struct destination){.kind = DESTINATION_PORT};
	if (service)
		return to_name(name);
	return (struct destination){
		.kind = str_eq(agreed, STR("h2")) ? DESTINATION_HTTP2 : DESTINATION_HTTP};
}

void destination_enter(const struct destination *to, struct worker *w, struct accepted_conn *a)
{
	if (to->kind == DESTINATION_HTTP)
		h1_conn_enter(w, a);
	else if (to->kind == DESTINATION_HTTP2)
		h2_conn_enter(w, a);
	else
		tcp_conn_enter(w, a, to->kind == DESTINATION_NAME ? to->name : NULL);
}
