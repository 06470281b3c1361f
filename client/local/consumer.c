/* SPDX-License-Identifier: MIT */
#include "client/local/consumer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "policy/alias.h"

static void consumer_end(struct consumer *c, enum consumer_end end)
{
	if (c->over)
		return;
	c->over = true;
	loop_timer_cancel(&c->wait);
	c->ended(c, end);
}

static struct mux *pick(void *arg)
{
	struct consumer *c = arg;
	return c->ops ? c->ops->pick(c->arg) : NULL;
}

/* ---- Standard input and output ---- */

/* Nobody sees its reset but by the status. */
static void stdio_explain(const struct consumer *c)
{
	static const char *const texts[] = {
		[FRAME_RESET_LINK_LOST] = "the link to the exit node was lost",
		[FRAME_RESET_PROTOCOL] = "what came could not be carried on",
		[FRAME_RESET_TIMEOUT] = "nothing moved for too long",
		[FRAME_RESET_NO_MEMORY] = "memory is out",
	};
	const char *why = c->stdio_reason < ARRAY_LEN(texts) ? texts[c->stdio_reason] : NULL;
	log_error("the connection broke off: %s",
		why ? why : "its server, or a client on the way, reset it");
}

/* The connection's end and the last byte of the output come in either order. */
static void stdio_settle(struct consumer *c)
{
	if (c->over)
		return;
	if (c->stdio_error) {
		log_error("standard output cannot be written to: %s", strerror(c->stdio_error));
		consumer_end(c, CONSUMER_END_BROKEN);
	} else if (c->stdio_ended && c->stdio_written) {
		bool done = c->stdio_reason == FRAME_RESET_NONE;
		if (!done && !c->stdio_explained)
			stdio_explain(c);
		consumer_end(c, done ? CONSUMER_END_DONE : CONSUMER_END_BROKEN);
	}
}

static void stdio_written(struct stdio *s, int error)
{
	struct consumer *c = container_of(s, struct consumer, stdio);
	c->stdio_written = true;
	c->stdio_error = error;
	loop_defer(c->loop, LOOP_PHASE_WRITE, &c->tidy);
}

static void stdio_ended(struct local_conn_owner *owner, enum frame_reset reason, bool explained)
{
	struct consumer *c = container_of(owner, struct consumer, stdio_conn);
	c->stdio_ended = true;
	c->stdio_reason = reason;
	c->stdio_explained = explained;
	loop_defer(c->loop, LOOP_PHASE_WRITE, &c->tidy);
}

/* Once: input that was read cannot be read again. */
static void stdio_begin(struct consumer *c, struct client_endpoint *ep)
{
	const struct address none = {.family = ADDRESS_NONE};
	if (c->stdio_begun)
		return;
	c->stdio_begun = true;
	int fd = stdio_start(&c->stdio, c->loop, STDIN_FILENO, STDOUT_FILENO, stdio_written);
	if (fd < 0) {
		log_error("standard input and output cannot be used: %s", strerror(-fd));
		stdio_ended(&c->stdio_conn, FRAME_RESET_NO_MEMORY, true);
		stdio_written(&c->stdio, 0);
		return;
	}
	local_conns_open(&c->conns, ep, fd, &none, &c->stdio_conn);
}

/* ---- What happens at a local port ---- */

static struct client_endpoint *endpoint_of(struct local_port *port)
{
	return container_of(port, struct client_endpoint, port);
}

static void on_accepted(struct local_port *port, int fd, const struct address *peer)
{
	struct consumer *c = port->arg;
	local_conns_open(&c->conns, endpoint_of(port), fd, peer, NULL);
}

static void on_received(struct local_port *port, const struct address *peer,
	const struct address *local, const uint8_t *p, size_t n)
{
	struct consumer *c = port->arg;
	local_flows_heard(&c->flows, endpoint_of(port), peer, local, p, n);
}

static const struct local_port_ops port_ops = {
	.accepted = on_accepted,
	.received = on_received,
};

/* ---- What changes ---- */

static void on_due(struct client_endpoints *s)
{
	struct consumer *c = container_of(s, struct consumer, endpoints);
	if (c->ops)
		c->ops->due(c->arg);
}

static void on_changed(struct client_endpoints *s, struct client_endpoint *ep)
{
	struct consumer *c = container_of(s, struct consumer, endpoints);
	if (ep->service.place.kind == LOCAL_PLACE_STDIO && ep->port.open)
		stdio_begin(c, ep);
	local_conns_look(&c->conns);
	loop_defer(c->loop, LOOP_PHASE_WRITE, &c->tidy);
}

static const struct client_endpoints_ops endpoints_ops = {
	.due = on_due,
	.changed = on_changed,
};

/* ---- Names ---- */

static bool is_taken(const struct client_endpoints *s, const char *host)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i]->host, host) == 0)
			return true;
	return false;
}

/* Services of a port alone get an address each: then two may have the same port, and each name is one service. */
static void assign_addresses(struct client_endpoints *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct client_endpoint *ep = s->v[i];
		const struct local_place *place = &ep->service.place;
		char host[HOSTS_ADDRESS_SIZE];
		unsigned attempt = 0;
		if (*ep->host || ep->leaving || place->host_given || !*place->host)
			continue;
		do
			hosts_text_address(ep->service.alias, attempt++, host);
		while (is_taken(s, host));
		snprintf(ep->host, sizeof(ep->host), "%s", host);
	}
}

/* Where programs of this machine reach it; false: not by an address. */
static bool address_of(const struct client_endpoint *ep, char out[HOSTS_ADDRESS_SIZE])
{
	const char *host = *ep->host ? ep->host : ep->service.place.host;
	struct address a;
	if (!ep->port.open || !address_parse_ip(str_from(host), &a) || strchr(host, '%'))
		return false;
	bool any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
	snprintf(out, HOSTS_ADDRESS_SIZE, "%s",
		!any                     ? host
		: a.family == ADDRESS_V4 ? LOCAL_PLACE_HOST
					 : "::1");
	return true;
}

/* The alias as the exit node says it, if it is of what was asked for: else it is any name that somebody wants. */
static const char *alias_of(const struct client_endpoint *ep)
{
	struct policy_alias asked, said;
	struct error err;
	if (!ep->alias || policy_alias_parse(str_from(ep->service.alias), &asked, &err) < 0 ||
		policy_alias_parse(str_from(ep->alias), &said, &err) < 0)
		return NULL;
	bool same = *said.tag && strcmp(asked.name, said.name) == 0 &&
		    (!*asked.tag || strcmp(asked.tag, said.tag) == 0);
	return same ? ep->alias : NULL;
}

static void keep_names(struct consumer *c)
{
	struct client_endpoints *s = &c->endpoints;
	const char *own = c->options->remote ? c->options->remote_url.host : NULL;
	struct hosts_entry *entries = calloc(s->n + 1, sizeof(*entries));
	size_t n = 0;
	for (size_t i = 0; i < s->n && entries; i++) {
		const struct client_endpoint *ep = s->v[i];
		if (address_of(ep, entries[n].address)) {
			entries[n].alias = alias_of(ep);
			entries[n].own = own;
			entries[n++].fqdns = ep->fqdns;
		}
	}
	if (entries)
		hosts_file_set(&c->hosts, entries, n);
	free(entries);
}

/* What could not be done within a stream's or a link's callback. */
static void tidy(struct loop_task *task)
{
	struct consumer *c = container_of(task, struct consumer, tidy);
	struct client_endpoints *s = &c->endpoints;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i]->service.kind == CONTROL_UDP && !s->v[i]->port.open)
			local_flows_end(&c->flows, s->v[i]);
	if (c->hosts.loop)
		keep_names(c);
	if (client_endpoints_all_used(s))
		loop_timer_cancel(&c->wait);
	stdio_settle(c);
	size_t wanted = client_endpoints_wanted(s);
	if (wanted && client_endpoints_count(s, CLIENT_ENDPOINT_OVER) == wanted && !c->stdio_begun)
		consumer_end(c, CONSUMER_END_DISCONNECTED);
}

static void waited(struct loop_timer *timer)
{
	struct consumer *c = container_of(timer, struct consumer, wait);
	for (size_t i = 0; i < c->endpoints.n; i++) {
		const struct client_endpoint *ep = c->endpoints.v[i];
		if (!ep->leaving && !ep->used)
			log_error("%s cannot be used, and the time of --wait is over: %s",
				ep->service.name, client_endpoint_hindrance(ep->state));
	}
	consumer_end(c, CONSUMER_END_WAITED);
}

/* ---- What the session tells ---- */

void consumer_offer(struct consumer *c, struct link *l, bool has_private)
{
	client_endpoints_offer(&c->endpoints, l, has_private);
}

void consumer_unanswered(struct consumer *c)
{
	client_endpoints_unanswered(&c->endpoints);
}

void consumer_lost(struct consumer *c)
{
	client_endpoints_lost(&c->endpoints);
}

void consumer_link_ready(struct consumer *c)
{
	local_conns_look(&c->conns);
}

void consumer_answered(struct consumer *c, const struct control *message)
{
	if (message->type == CONTROL_ATTACHED)
		client_endpoints_attached(&c->endpoints, message);
	else
		client_endpoints_declined(&c->endpoints, message);
}

bool consumer_lives(const struct consumer *c)
{
	size_t wanted = client_endpoints_wanted(&c->endpoints);
	return wanted > client_endpoints_count(&c->endpoints, CLIENT_ENDPOINT_OVER);
}

size_t consumer_conns(const struct consumer *c)
{
	return c->conns.n + c->conns.n_held;
}

void consumer_drain(struct consumer *c)
{
	client_endpoints_close(&c->endpoints);
	local_conns_end_waiting(&c->conns);
	local_flows_end(&c->flows, NULL);
	loop_timer_cancel(&c->wait);
}

/* ---- Beginning and end ---- */

int consumer_set(struct consumer *c, const struct local_services *list, struct error *err,
	struct client_endpoints_change *change_out)
{
	int r = client_endpoints_set(&c->endpoints, list, err, change_out);
	if (!r && c->hosts.loop)
		assign_addresses(&c->endpoints);
	return r;
}

int consumer_probe(struct consumer *c, struct error *err)
{
	int r = c->hosts.loop ? hosts_file_check(c->hosts.path, err) : 0;
	if (r)
		return error_prefix(err, "--hosts-file"), r;
	for (size_t i = 0; i < c->endpoints.n && !r; i++) {
		r = client_endpoints_probe(&c->endpoints, c->endpoints.v[i], err);
		if (r)
			error_prefix(err, "--service %s", c->endpoints.v[i]->service.name);
	}
	return r;
}

int consumer_init(struct consumer *c, struct loop *loop, struct offload *offload,
	const struct client_options *options, struct error *err)
{
	*c = (struct consumer){.loop = loop,
		.options = options,
		.stdio_conn = {.ended = stdio_ended}};
	loop_timer_init(&c->wait, loop, waited);
	loop_task_init(&c->tidy, tidy);
	client_endpoints_init(&c->endpoints, loop, options->local_socket_mode, &endpoints_ops,
		&port_ops, c);
	local_conns_init(&c->conns, loop, options->dial_timeout, pick, c);
	local_flows_init(&c->flows, loop, options->udp_idle, pick, c);
	if (options->hosts_file &&
		hosts_file_init(&c->hosts, loop, offload, options->hosts_file) < 0)
		return error_set(err, -ENOMEM, "no memory");
	return consumer_set(c, &options->local_services, err, NULL);
}

void consumer_set_ops(struct consumer *c, const struct consumer_ops *ops, void *arg)
{
	c->ops = ops;
	c->arg = arg;
}

void consumer_set_keys(struct consumer *c, struct client_keys *keys)
{
	if (c->options->remote)
		url_authority(&c->options->remote_url, c->remote);
	c->endpoints.keys = c->conns.keys = c->flows.keys = keys;
	c->endpoints.remote = c->remote;
}

void consumer_start(struct consumer *c)
{
	if (c->options->wait)
		loop_timer_set(&c->wait, loop_now(c->loop) + c->options->wait);
}

void consumer_deinit(struct consumer *c)
{
	if (!c->loop)
		return;
	c->over = true;
	loop_timer_cancel(&c->wait);
	stdio_deinit(&c->stdio);
	local_conns_deinit(&c->conns);
	local_flows_deinit(&c->flows);
	hosts_file_deinit(&c->hosts);
	client_endpoints_deinit(&c->endpoints);
	loop_task_cancel(&c->tidy);
	c->loop = NULL;
}
