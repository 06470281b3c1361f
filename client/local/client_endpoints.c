/* SPDX-License-Identifier: MIT */
#include "client/local/client_endpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"

struct client_endpoint *client_endpoints_find(const struct client_endpoints *s, uint32_t number)
{
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->v[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n && s->v[low]->number == number ? s->v[low] : NULL;
}

/* ---- What is to be done later ---- */

/* Idle clients have none of these, and no timer. */
static bool is_unfinished(const struct client_endpoint *ep)
{
	return !ep->said || ep->state == CLIENT_ENDPOINT_DECLINED || ep->listen_at ||
	       (ep->leaving && ep->attached) || ep->key_refused;
}

static void look_later(struct client_endpoints *s)
{
	if (s->look.deadline == CLOCK_NEVER)
		loop_timer_set(&s->look, loop_now(s->loop) + CLIENT_ENDPOINTS_LOOK);
}

/* Logs what is to be said of it, unless there was too much lately: it is said later then, if it still holds. */
static void tell(struct client_endpoints *s, struct client_endpoint *ep)
{
	char more[LOG_LIMIT_MORE];
	if (ep->said || !log_limit_pass(&s->log_answers, loop_now(s->loop),
				CLIENT_ENDPOINTS_LOG_EVERY, CLIENT_ENDPOINTS_BURST(s->n), more))
		return;
	ep->said = true;
	log_line((enum log_level)ep->level, "%s%s", ep->text, more);
}

/* ---- Ports ---- */

static int try_port(struct client_endpoints *s, struct client_endpoint *ep, struct error *err)
{
	const struct local_place *place = &ep->service.place;
	if (place->kind == LOCAL_PLACE_UDP && !s->arena)
		s->arena = udp_arena_new();
	ep->port.ops = s->port_ops;
	ep->port.arg = s->port_arg;
	return local_port_open(&ep->port, s->loop, place, ep->host, s->socket_mode, s->arena, err);
}

int client_endpoints_probe(struct client_endpoints *s, struct client_endpoint *ep,
	struct error *err)
{
	int r = try_port(s, ep, err);
	local_port_close(&ep->port);
	return r;
}

static void open_port(struct client_endpoints *s, struct client_endpoint *ep)
{
	struct error err;
	if (try_port(s, ep, &err) == 0) {
		ep->listen_at = 0;
		return;
	}
	if (!ep->listen_at)
		log_error("%s may be used, and is not found here: %s; trying again every %.0f s",
			ep->service.name, err.text, (double)CLIENT_ENDPOINTS_LISTEN / CLOCK_S);
	ep->listen_at = loop_now(s->loop) + CLIENT_ENDPOINTS_LISTEN;
}

/* Its port is what its state says. */
static void settle_port(struct client_endpoints *s, struct client_endpoint *ep)
{
	bool listens = client_endpoint_listens(ep) && !s->closed;
	if (!listens) {
		local_port_close(&ep->port);
		ep->listen_at = 0;
	} else if (!ep->port.open && loop_now(s->loop) >= ep->listen_at) {
		open_port(s, ep);
	}
	if (ep->port.open && ep->state == CLIENT_ENDPOINT_USABLE)
		client_endpoint_say_listening(ep);
}

static void settle(struct client_endpoints *s, struct client_endpoint *ep)
{
	settle_port(s, ep);
	tell(s, ep);
	if (is_unfinished(ep))
		look_later(s);
	s->ops->changed(s, ep);
}

/* ---- What is said, and when ---- */

static void say_older(struct client_endpoints *s)
{
	if (!s->older_said)
		log_warn("the exit node is older and has no private services; asking again with "
			 "each new link");
	s->older_said = true;
}

/* One that is not wanted, and of which the exit node has nothing any more. */
static bool is_gone(const struct client_endpoint *ep)
{
	return ep->leaving && !ep->attached;
}

static void forget(struct client_endpoints *s)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->n; i++) {
		if (is_gone(s->v[i]))
			client_endpoint_unref(s->v[i]);
		else
			s->v[kept++] = s->v[i];
	}
	s->n = kept;
}

/* Its connections would be cut with it: those that are there go on until they end. */
static bool may_detach(const struct client_endpoint *ep)
{
	return ep->leaving && ep->attached && ep->users == 1;
}

static const struct key_pair *own_key(const struct client_endpoints *s)
{
	return s->keys && s->keys->has_own ? &s->keys->own : NULL;
}

void client_endpoints_offer(struct client_endpoints *s, struct link *l, bool has_private)
{
	if (!s->n)
		return;
	if (!has_private) {
		say_older(s);
		return;
	}
	s->older_said = false;
	bool left = false;
	for (size_t i = 0; i < s->n; i++) {
		struct client_endpoint *ep = s->v[i];
		if (ep->state == CLIENT_ENDPOINT_IDLE)
			client_endpoint_attach(ep, l, own_key(s));
		else if (may_detach(ep))
			client_endpoint_detach(ep, l);
		left |= ep->state == CLIENT_ENDPOINT_IDLE || (ep->leaving && ep->attached);
	}
	forget(s);
	/* The link had no room, or connections have not ended. */
	if (left)
		look_later(s);
}

static struct client_endpoint_keys keys_of(const struct client_endpoints *s)
{
	return (struct client_endpoint_keys){s->keys, s->remote, loop_now(s->loop)};
}

static void check_key_again(struct client_endpoints *s, struct client_endpoint *ep)
{
	struct client_endpoint_keys by = keys_of(s);
	client_endpoint_check_key(ep, &by);
	if (!ep->key_refused)
		settle(s, ep);
}

static void look(struct loop_timer *timer)
{
	struct client_endpoints *s = container_of(timer, struct client_endpoints, look);
	uint64_t now = loop_now(s->loop);
	for (size_t i = 0; i < s->n; i++) {
		struct client_endpoint *ep = s->v[i];
		if (ep->state == CLIENT_ENDPOINT_DECLINED && now >= ep->due)
			client_endpoint_again(ep);
		if (ep->key_refused && now >= ep->due)
			check_key_again(s, ep);
		settle_port(s, ep);
		tell(s, ep);
		if (is_unfinished(ep))
			look_later(s);
	}
	s->ops->due(s);
}

void client_endpoints_unanswered(struct client_endpoints *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i]->state == CLIENT_ENDPOINT_ASKED)
			client_endpoint_again(s->v[i]);
}

void client_endpoints_lost(struct client_endpoints *s)
{
	for (size_t i = 0; i < s->n; i++) {
		s->v[i]->attached = false;
		client_endpoint_again(s->v[i]);
	}
	forget(s);
}

/* ---- What the exit node says ---- */

/* A key was looked up meanwhile. */
static void on_settled(struct client_endpoint *ep)
{
	settle(ep->arg, ep);
}

void client_endpoints_attached(struct client_endpoints *s, const struct control *message)
{
	struct client_endpoint *ep = client_endpoints_find(s, message->attached.endpoint);
	if (!ep)
		return;
	struct client_endpoint_keys by = keys_of(s);
	ep->settled = on_settled;
	ep->arg = s;
	client_endpoint_attached(ep, message, &by);
	settle(s, ep);
}

void client_endpoints_declined(struct client_endpoints *s, const struct control *message)
{
	struct client_endpoint *ep = client_endpoints_find(s, message->declined.endpoint);
	if (!ep)
		return;
	client_endpoint_declined(ep, message, loop_now(s->loop));
	settle(s, ep);
}

/* ---- For others ---- */

size_t client_endpoints_wanted(const struct client_endpoints *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += !s->v[i]->leaving;
	return n;
}

size_t client_endpoints_count(const struct client_endpoints *s, enum client_endpoint_state state)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		n += !s->v[i]->leaving && s->v[i]->state == state;
	return n;
}

bool client_endpoints_all_used(const struct client_endpoints *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->v[i]->leaving && !s->v[i]->used)
			return false;
	return true;
}

void client_endpoints_describe(const struct client_endpoints *s, char *out, size_t size)
{
	size_t usable = client_endpoints_count(s, CLIENT_ENDPOINT_USABLE), n = 0, told = 0;
	out[0] = '\0';
	for (size_t i = 0; i < s->n; i++) {
		const struct client_endpoint *ep = s->v[i];
		/* Room for what stands behind it. */
		if (ep->state != CLIENT_ENDPOINT_USABLE || n + POLICY_NAME_SIZE + 160 > size)
			continue;
		n += (size_t)snprintf(out + n, size - n, "%s%s",
			told++ ? ", " : "using: ", ep->service.name);
	}
	if (told < usable)
		n += (size_t)snprintf(out + n, size - n, told ? ", and %zu more" : "using: %zu",
			usable - told);
	for (int state = CLIENT_ENDPOINT_PENDING; state <= CLIENT_ENDPOINT_OVER; state++) {
		size_t count = client_endpoints_count(s, (enum client_endpoint_state)state);
		if (state != CLIENT_ENDPOINT_USABLE && count && n < size)
			n += (size_t)snprintf(out + n, size - n, "%s%s: %zu", n ? "; " : "",
				client_endpoint_state_name((enum client_endpoint_state)state),
				count);
	}
	if (!n && client_endpoints_wanted(s))
		snprintf(out, size, "no private service can be used yet");
}

/* ---- Beginning and end ---- */

void client_endpoints_init(struct client_endpoints *s, struct loop *loop, mode_t socket_mode,
	const struct client_endpoints_ops *ops, const struct local_port_ops *port_ops,
	void *port_arg)
{
	*s = (struct client_endpoints){.loop = loop,
		.socket_mode = socket_mode,
		.ops = ops,
		.port_ops = port_ops,
		.port_arg = port_arg};
	loop_timer_init(&s->look, loop, look);
}

void client_endpoints_close(struct client_endpoints *s)
{
	s->closed = true;
	for (size_t i = 0; i < s->n; i++) {
		local_port_close(&s->v[i]->port);
		s->ops->changed(s, s->v[i]);
	}
}

void client_endpoints_deinit(struct client_endpoints *s)
{
	if (!s->loop)
		return;
	loop_timer_cancel(&s->look);
	for (size_t i = 0; i < s->n; i++) {
		local_port_close(&s->v[i]->port);
		client_endpoint_unref(s->v[i]);
	}
	free(s->v);
	s->arena = udp_arena_free(s->arena);
	*s = (struct client_endpoints){0};
}
