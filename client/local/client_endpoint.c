/* SPDX-License-Identifier: MIT */
#include "client/local/client_endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/state.h"

static const char *const state_names[] = {"idle", "asked", "pending", "usable", "barred",
	"rejected", "declined", "over"};

const char *client_endpoint_state_name(enum client_endpoint_state state)
{
	return state_names[state];
}

const char *client_endpoint_hindrance(enum client_endpoint_state state)
{
	static const char *const texts[] = {
		[CLIENT_ENDPOINT_IDLE] = "there was no link to the exit node to ask for it",
		[CLIENT_ENDPOINT_ASKED] = "the exit node has not answered",
		[CLIENT_ENDPOINT_PENDING] = "its owner has not approved it",
		[CLIENT_ENDPOINT_USABLE] = "nothing is in the way now",
		[CLIENT_ENDPOINT_BARRED] = "it is approved, but something else bars it",
		[CLIENT_ENDPOINT_REJECTED] = "its owner rejected it",
		[CLIENT_ENDPOINT_DECLINED] = "the exit node declined it",
		[CLIENT_ENDPOINT_OVER] = "its owner removed it",
	};
	return texts[state];
}

/* Every legal transition; anything else is a bug of ours. What the exit node answers it may answer again. */
void client_endpoint_set_state(struct client_endpoint *ep, enum client_endpoint_state state)
{
	enum {
		ANSWERED = 1 << CLIENT_ENDPOINT_PENDING | 1 << CLIENT_ENDPOINT_USABLE |
			   1 << CLIENT_ENDPOINT_BARRED | 1 << CLIENT_ENDPOINT_REJECTED |
			   1 << CLIENT_ENDPOINT_DECLINED,
		AGAIN = 1 << CLIENT_ENDPOINT_IDLE | 1 << CLIENT_ENDPOINT_OVER,
	};
	static const uint8_t legal[] = {
		[CLIENT_ENDPOINT_IDLE] = 1 << CLIENT_ENDPOINT_ASKED | 1 << CLIENT_ENDPOINT_OVER,
		[CLIENT_ENDPOINT_ASKED] = ANSWERED | AGAIN,
		[CLIENT_ENDPOINT_PENDING] = ANSWERED | AGAIN,
		[CLIENT_ENDPOINT_USABLE] = ANSWERED | AGAIN,
		[CLIENT_ENDPOINT_BARRED] = ANSWERED | AGAIN,
		[CLIENT_ENDPOINT_REJECTED] = ANSWERED | AGAIN,
		[CLIENT_ENDPOINT_DECLINED] = ANSWERED | AGAIN,
		[CLIENT_ENDPOINT_OVER] = 0,
	};
	static const struct state_table table = {"client endpoint", state_names, legal};
	state_step(&table, ep->state, state);
	log_debug("endpoint %u (%s): %s -> %s", ep->number, ep->service.alias,
		state_names[ep->state], state_names[state]);
	ep->state = state;
	ep->key_refused = false;
	ep->used |= state == CLIENT_ENDPOINT_USABLE;
}

/* ---- What it is made of ---- */

struct client_endpoint *client_endpoint_new(const struct local_service *service, uint32_t number)
{
	struct client_endpoint *ep = calloc(1, sizeof(*ep));
	if (!ep)
		return NULL;
	ep->users = 1;
	ep->number = number;
	ep->retry = CLIENT_ENDPOINT_RETRY_FIRST;
	ep->said = true;
	if (local_service_copy(&ep->service, service) < 0)
		return client_endpoint_unref(ep);
	return ep;
}

struct client_endpoint *client_endpoint_ref(struct client_endpoint *ep)
{
	ep->users++;
	return ep;
}

struct client_endpoint *client_endpoint_unref(struct client_endpoint *ep)
{
	if (!ep || --ep->users)
		return NULL;
	provider_key_cancel(&ep->said_key);
	local_port_close(&ep->port);
	local_service_deinit(&ep->service);
	free(ep->id);
	free(ep->alias);
	free(ep->fqdns);
	free(ep->sentence);
	free(ep);
	return NULL;
}

enum client_endpoint_way client_endpoint_way(const struct client_endpoint *ep)
{
	switch (ep->state) {
	case CLIENT_ENDPOINT_USABLE:
		return CLIENT_ENDPOINT_OPENS;
	case CLIENT_ENDPOINT_IDLE:
	case CLIENT_ENDPOINT_ASKED:
	case CLIENT_ENDPOINT_DECLINED: /* its provider may be on its way back */
		return CLIENT_ENDPOINT_WAITS;
	case CLIENT_ENDPOINT_PENDING:
	case CLIENT_ENDPOINT_BARRED:
	case CLIENT_ENDPOINT_REJECTED:
	case CLIENT_ENDPOINT_OVER:
		break;
	}
	return CLIENT_ENDPOINT_RESETS;
}

bool client_endpoint_listens(const struct client_endpoint *ep)
{
	return ep->used && ep->state != CLIENT_ENDPOINT_REJECTED &&
	       ep->state != CLIENT_ENDPOINT_OVER;
}

bool client_endpoint_set_message(struct client_endpoint *ep, const char *message)
{
	char *copy = message ? strdup(message) : NULL;
	if (str_same(ep->service.message, message) || (message && !copy)) {
		free(copy);
		return false;
	}
	free(ep->service.message);
	ep->service.message = copy;
	if (ep->state != CLIENT_ENDPOINT_PENDING)
		return false; /* nobody has to decide, or it will be told anyway */
	client_endpoint_set_state(ep, CLIENT_ENDPOINT_IDLE);
	return true;
}

/* ---- What is said to the exit node ---- */

void client_endpoint_attach(struct client_endpoint *ep, struct link *l, const struct key_pair *own)
{
	struct control message = {.type = CONTROL_ATTACH,
		.attach = {.endpoint = ep->number,
			.service = ep->service.alias,
			.kind = ep->service.kind,
			.name = ep->service.endpoint,
			.message = ep->service.message}};
	if (own) {
		message.attach.e2e_given = true;
		memcpy(message.attach.e2e_key, own->public, CONTROL_KEY);
	}
	int r = link_send(l, &message);
	ep->attached |= r == 0;
	if (r == 0)
		client_endpoint_set_state(ep, CLIENT_ENDPOINT_ASKED);
	else if (r == -EINVAL)
		log_warn("%s cannot be asked for: its alias or message is no UTF-8",
			ep->service.name);
}

void client_endpoint_detach(struct client_endpoint *ep, struct link *l)
{
	struct control message = {.type = CONTROL_DETACH, .detach = {ep->number}};
	if (link_send(l, &message) == 0)
		ep->attached = false;
}

void client_endpoint_again(struct client_endpoint *ep)
{
	provider_key_cancel(&ep->said_key);
	if (ep->state != CLIENT_ENDPOINT_IDLE && ep->state != CLIENT_ENDPOINT_OVER)
		client_endpoint_set_state(ep, CLIENT_ENDPOINT_IDLE);
}

void client_endpoint_leave(struct client_endpoint *ep)
{
	provider_key_cancel(&ep->said_key);
	ep->leaving = true;
	if (ep->state != CLIENT_ENDPOINT_OVER)
		client_endpoint_set_state(ep, CLIENT_ENDPOINT_OVER);
}

/* ---- What is said of it to people ---- */

/* What is the same again is no news. */
__attribute__((format(printf, 3, 4))) static void say(struct client_endpoint *ep,
	enum log_level level, const char *format, ...)
{
	char text[CLIENT_ENDPOINT_TEXT];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (strcmp(text, ep->text) == 0)
		return;
	memcpy(ep->text, text, sizeof(text));
	ep->level = level;
	ep->said = false;
}

/* ` ("ticket 4711")`, as the exit node says it. */
static const char *quoted(const struct client_endpoint *ep, char to[CLIENT_ENDPOINT_TEXT])
{
	const char *sentence = ep->sentence ? ep->sentence : "";
	snprintf(to, CLIENT_ENDPOINT_TEXT, "%s%.256s%s", *sentence ? " (\"" : "", sentence,
		*sentence ? "\")" : "");
	return to;
}

/* It will be pasted into a shell: nothing in it may mean more there than it says. */
static bool is_plain_id(const char *id)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
	return *id && *id != '-' && !id[strspn(id, plain)];
}

static void say_pending(struct client_endpoint *ep)
{
	if (ep->id && is_plain_id(ep->id))
		say(ep, LOG_WARN, "%s is pending: its owner decides (tunnel endpoint approve %s)",
			ep->service.name, ep->id);
	else
		say(ep, LOG_WARN, "%s is pending: its owner decides", ep->service.name);
}

static void say_over(struct client_endpoint *ep)
{
	bool plain = ep->id && is_plain_id(ep->id);
	say(ep, LOG_ERROR,
		"%s is disconnected: its owner has removed this endpoint; to ask again, delete it "
		"first%s%s",
		ep->service.name, plain ? ": tunnel endpoint delete " : "", plain ? ep->id : "");
}

static void say_state(struct client_endpoint *ep)
{
	char why[CLIENT_ENDPOINT_TEXT];
	const char *name = ep->service.name;
	switch (ep->state) {
	case CLIENT_ENDPOINT_PENDING:
		say_pending(ep);
		break;
	case CLIENT_ENDPOINT_USABLE:
		if (ep->service.place.kind == LOCAL_PLACE_STDIO)
			say(ep, LOG_INFO, "%s is approved%s", name, quoted(ep, why));
		break; /* else with where it is found, once its port is open */
	case CLIENT_ENDPOINT_BARRED:
		say(ep, LOG_WARN, "%s is barred: %s; connections to it are reset meanwhile", name,
			ep->sentence ? ep->sentence : "the exit node does not say why");
		break;
	case CLIENT_ENDPOINT_REJECTED:
		say(ep, LOG_WARN, "%s is rejected: %s; waiting, as its owner may still approve it",
			name, ep->sentence ? ep->sentence : "its owner does not say why");
		break;
	case CLIENT_ENDPOINT_OVER:
		say_over(ep);
		break;
	case CLIENT_ENDPOINT_IDLE:
	case CLIENT_ENDPOINT_ASKED:
	case CLIENT_ENDPOINT_DECLINED:
		break;
	}
}

/* ---- What it says to us ---- */

static void keep(char **to, const char *text)
{
	if (str_same(*to, text))
		return;
	free(*to);
	*to = text ? strdup(text) : NULL;
}

static enum client_endpoint_state state_of(const struct control *m)
{
	switch (m->attached.state) {
	case CONTROL_ENDPOINT_PENDING:
		return CLIENT_ENDPOINT_PENDING;
	case CONTROL_ENDPOINT_REJECTED:
		return CLIENT_ENDPOINT_REJECTED;
	case CONTROL_ENDPOINT_DISCONNECTED:
		return CLIENT_ENDPOINT_OVER;
	case CONTROL_ENDPOINT_APPROVED:
	case CONTROL_ENDPOINT_OTHER: /* whatever it is, `usable` says what counts */
		break;
	}
	return m->attached.usable ? CLIENT_ENDPOINT_USABLE : CLIENT_ENDPOINT_BARRED;
}

static bool is_asked(const struct client_endpoint *ep)
{
	return ep->state != CLIENT_ENDPOINT_IDLE && ep->state != CLIENT_ENDPOINT_OVER;
}

/* Whether it may be used with that key, or without one. */
static void key_checked(struct provider_key *p, const char *why)
{
	struct client_endpoint *ep = container_of(p, struct client_endpoint, said_key);
	if (why)
		keep(&ep->sentence, why);
	else
		ep->key = *p;
	client_endpoint_set_state(ep, why ? CLIENT_ENDPOINT_BARRED : CLIENT_ENDPOINT_USABLE);
	ep->key_refused = why;
	say_state(ep);
	if (!ep->hearing && ep->settled)
		ep->settled(ep);
}

void client_endpoint_check_key(struct client_endpoint *ep, const struct client_endpoint_keys *by)
{
	provider_key_cancel(&ep->said_key);
	ep->due = by->now + CLIENT_ENDPOINT_KEY_RETRY;
	ep->hearing = true;
	provider_key_check(&ep->said_key, &ep->service, by->keys, by->remote);
	ep->hearing = false;
}

void client_endpoint_attached(struct client_endpoint *ep, const struct control *message,
	const struct client_endpoint_keys *by)
{
	if (!is_asked(ep))
		return;
	provider_key_cancel(&ep->said_key);
	ep->retry = CLIENT_ENDPOINT_RETRY_FIRST;
	keep(&ep->id, message->attached.id);
	keep(&ep->alias, message->attached.alias);
	keep(&ep->fqdns, message->attached.fqdns);
	keep(&ep->sentence, message->attached.sentence);
	enum client_endpoint_state state = state_of(message);
	if (state != CLIENT_ENDPOINT_USABLE) {
		client_endpoint_set_state(ep, state);
		say_state(ep);
		return;
	}
	ep->said_key = (struct provider_key){.link = message->attached.link,
		.given = message->attached.e2e_given,
		.aes = message->attached.aes,
		.checked = key_checked};
	memcpy(ep->said_key.key, message->attached.e2e_key, KEY_PAIR_SIZE);
	client_endpoint_check_key(ep, by);
}

void client_endpoint_declined(struct client_endpoint *ep, const struct control *message,
	uint64_t now)
{
	if (!is_asked(ep))
		return;
	provider_key_cancel(&ep->said_key);
	ep->attached = false;
	ep->due = now + ep->retry;
	ep->retry = MIN(ep->retry * 2, CLIENT_ENDPOINT_RETRY);
	client_endpoint_set_state(ep, CLIENT_ENDPOINT_DECLINED);
	say(ep, LOG_WARN, "%s is declined: %s; asking again meanwhile", ep->service.name,
		message->declined.sentence);
}

void client_endpoint_say_listening(struct client_endpoint *ep)
{
	struct local_place place = ep->service.place;
	char where[LOCAL_PLACE_TEXT_SIZE], why[CLIENT_ENDPOINT_TEXT];
	if (place.kind == LOCAL_PLACE_STDIO)
		return;
	if (*ep->host)
		memcpy(place.host, ep->host, sizeof(place.host));
	place.port = local_port_number(&ep->port);
	say(ep, LOG_INFO, "%s is approved%s; listening on %s", ep->service.name, quoted(ep, why),
		local_place_text(&place, where));
}
