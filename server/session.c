#include "server/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/digest.h"
#include "version.h"

static struct session *session_of(struct link *l)
{
	return container_of(carrier_of(l), struct session, carrier);
}

static struct link *session_link(struct session *s)
{
	return &s->carrier.link;
}

/* For people. Behind a trusted proxy there is no port. */
static void session_peer(const struct session *s, char text[ADDRESS_TEXT_SIZE])
{
	if (s->peer.port)
		address_format(&s->peer, text);
	else
		address_format_ip(&s->peer, text);
}

static void session_set_state(struct session *s, enum session_state state)
{
	static const uint8_t legal[] = {
		[SESSION_HANDSHAKING] = 1 << SESSION_ESTABLISHED | 1 << SESSION_CLOSED,
		[SESSION_ESTABLISHED] = 1 << SESSION_DRAINING | 1 << SESSION_CLOSED,
		[SESSION_DRAINING] = 1 << SESSION_CLOSED,
		[SESSION_CLOSED] = 0,
	};
	if (!(legal[s->state] & 1 << state))
		abort();
	if (s->state == SESSION_HANDSHAKING) {
		s->worker->n_handshakes--;
		tally_drop(&s->worker->handshakes, &s->peer);
	}
	s->state = state;
}

bool session_usable(const struct session *s)
{
	const struct link *l = &s->carrier.link;
	return s->state == SESSION_ESTABLISHED && l->state == LINK_UP && !l->mux.peer_draining &&
	       !mux_ids_low(&l->mux) && (!s->suspected_at || l->last_heard > s->suspected_at);
}

/* ---- What it publishes ---- */

static struct service *session_service(struct session *s, uint32_t number)
{
	list_for_each (it, &s->services) {
		struct service *service = list_entry(it, struct service, of_session);
		if (service->number == number)
			return service;
	}
	return NULL;
}

static void session_refuse(struct session *s, uint32_t number, const char *host,
	enum control_reason reason, const char *sentence)
{
	/* Clients ask again every few seconds, in case that the holder left. */
	uint64_t bit = UINT64_C(1) << number % 64;
	if (!(s->refusals_told & bit))
		log_warn("session %s asked to publish %s and was refused: %s", s->name,
			*host ? host : "everything", sentence);
	s->refusals_told |= bit;
	struct control m = {.type = CONTROL_REFUSED};
	m.refused.service = number;
	m.refused.reason = reason;
	m.refused.sentence = sentence;
	link_send(session_link(s), &m);
}

static void session_grant(struct session *s, struct service *service, const char *host)
{
	char address[ADDRESS_TEXT_SIZE + HOSTNAME_SIZE + 16];
	const char *port = strrchr(s->worker->public_name, ':');
	if (*host && *host != '*')
		snprintf(address, sizeof(address), "http://%s%s/", host,
			port && strcmp(port, ":80") != 0 ? port : "");
	else if (*host)
		snprintf(address, sizeof(address), "%s on http://%s/", host,
			s->worker->public_name);
	else
		snprintf(address, sizeof(address), "http://%s/", s->worker->public_name);
	struct control m = {.type = CONTROL_GRANTED};
	m.granted.service = service->number;
	m.granted.address = address;
	link_send(session_link(s), &m);
	log_info("session %s publishes %s from %s", s->name, *host ? host : "everything",
		service->upstream);
	waiting_wake(&s->worker->waiting);
}

/* Others of this identity hold the name too: perhaps one of them is dead and does not know (rule 28). */
static void session_suspect_holders(struct session *s, const struct route *route)
{
	list_for_each (it, &route->entries) {
		struct service *other = container_of(list_entry(it, struct route_entry, link),
			struct service, entry);
		if (other->session != s)
			session_suspect(other->session);
	}
}

/* It becomes part of request lines. */
static bool path_is_clean(const char *path)
{
	for (const char *c = path; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '#' || *c == '?')
			return false;
	return !*path || *path == '/';
}

static void session_publish(struct session *s, const struct control *m)
{
	struct worker *w = s->worker;
	const char *asked = m->publish.host;
	uint32_t number = m->publish.service;
	char host[HOSTNAME_SIZE] = "";
	size_t host_n = 0;
	struct error err;

	if (m->publish.kind != CONTROL_HTTP) {
		session_refuse(s, number, asked, CONTROL_REASON_UNSUPPORTED,
			"this server publishes HTTP services only");
		return;
	}
	if (*asked && hostname_claim(str_from(asked), host, &host_n, &err) < 0) {
		session_refuse(s, number, asked, CONTROL_REASON_INVALID, err.text);
		return;
	}
	if (m->publish.path && !path_is_clean(m->publish.path)) {
		session_refuse(s, number, asked, CONTROL_REASON_INVALID,
			"its path does not begin with a slash or has characters that none may "
			"have");
		return;
	}
	if (session_service(s, number)) {
		session_refuse(s, number, asked, CONTROL_REASON_INVALID,
			"this service number is in use");
		return;
	}
	if (s->n_services >= SESSION_SERVICES_MAX) {
		error_set(&err, 0, "a session publishes at most %d services", SESSION_SERVICES_MAX);
		session_refuse(s, number, asked, CONTROL_REASON_LIMIT, err.text);
		return;
	}
	struct service *service = service_new(s, number, m->publish.upstream, m->publish.path);
	const struct route *holder = NULL;
	int r = service ? routes_claim(&w->routes, s->identity->identity,
				  (struct str){host, host_n}, &service->entry, loop_now(w->loop),
				  &holder)
			: -ENOMEM;
	if (r == ROUTES_TAKEN) {
		error_set(&err, 0, "%s is held by %s, which publishes %s",
			*host ? host : "every name", holder->identity,
			holder->host.n ? holder->host.p : "every name");
		session_refuse(s, number, asked, CONTROL_REASON_TAKEN, err.text);
	} else if (r < 0) {
		session_refuse(s, number, asked, CONTROL_REASON_OTHER,
			"the server is out of memory");
	}
	if (r != 0) {
		service_free(service);
		return;
	}
	session_suspect_holders(s, service->entry.route);
	session_grant(s, service, host);
}

static void session_on_control(struct link *l, const struct control *m)
{
	struct session *s = session_of(l);
	switch (m->type) {
	case CONTROL_PUBLISH:
		session_publish(s, m);
		break;
	case CONTROL_WITHDRAW:
		service_free(session_service(s, m->withdraw.service));
		break;
	case CONTROL_NOTICE:
		if (loop_now(s->worker->loop) - s->notice_at < SESSION_NOTICE_EVERY)
			break;
		s->notice_at = loop_now(s->worker->loop);
		log_info("session %s says: %s", s->name, m->notice.sentence);
		break;
	case CONTROL_JOIN: /* one link a session, for now */
	case CONTROL_HELLO:
	case CONTROL_GRANTED:
	case CONTROL_REFUSED:
	case CONTROL_SESSION_GRANT:
		link_close(l, LINK_END_VIOLATION, "a client does not send \"%s\"",
			control_type_name(m->type));
		break;
	}
}

/* ---- Coming ---- */

static const struct token_key *session_on_find_key(struct link *l, const uint8_t id[TOKEN_ID_SIZE])
{
	struct session *s = session_of(l);
	s->identity = keyring_find(s->worker->keyring, id);
	return s->identity ? s->identity->key : NULL;
}

/* The session that this process had before, if it proves to be the same process (rule 28). */
static struct session *session_resumed(struct session *s, const struct control *hello)
{
	if (!hello->hello.resume_given)
		return NULL;
	uint8_t mac[MAC_SIZE];
	mac_make(hello->hello.resume, s->instance, sizeof(s->instance), mac);
	list_for_each (it, &s->worker->sessions) {
		struct session *old = list_entry(it, struct session, link);
		if (old != s && old->state == SESSION_ESTABLISHED &&
			!old->carrier.link.mux.draining &&
			old->identity->identity == s->identity->identity &&
			memcmp(old->instance, s->instance, sizeof(s->instance)) == 0 &&
			mac_verify(old->resume, s->instance, sizeof(s->instance), mac))
			return old;
	}
	return NULL;
}

static void session_on_up(struct link *l, const struct control *hello)
{
	struct session *s = session_of(l);
	session_set_state(s, SESSION_ESTABLISHED);
	memcpy(s->instance, hello->hello.instance, sizeof(s->instance));
	random_bytes(s->id, sizeof(s->id));
	random_bytes(s->resume, sizeof(s->resume));
	for (size_t i = 0; i < sizeof(s->id); i++)
		snprintf(s->name + 2 * i, 3, "%02x", s->id[i]);

	char peer[ADDRESS_TEXT_SIZE];
	session_peer(s, peer);
	log_info("session %s of %s from %s is up (%s, client %s)", s->name, s->identity->identity,
		peer,
		l->sealed  ? "sealed"
		: l->bound ? "inside TLS"
			   : "not encrypted",
		hello->hello.version);

	struct control m = {.type = CONTROL_SESSION_GRANT};
	memcpy(m.session.session, s->id, sizeof(s->id));
	memcpy(m.session.resume, s->resume, sizeof(s->resume));
	link_send(l, &m);
	if (s->worker->draining)
		session_drain(s);

	struct session *old = session_resumed(s, hello);
	if (old) {
		log_info("session %s goes on as session %s", old->name, s->name);
		session_close(old, "replaced by a newer link of its client");
	}
}

/* Nothing of this part is opened by clients. */
static struct stream *session_on_open(struct link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	*reason_out = FRAME_RESET_DENIED;
	return NULL;
}

static void session_on_goaway(struct link *l, uint8_t reason)
{
	struct session *s = session_of(l);
	log_info("session %s is about to leave (%s)", s->name, frame_goaway_name(reason));
	if (s->state == SESSION_ESTABLISHED)
		session_set_state(s, SESSION_DRAINING);
	/* The client waits for its streams to end, and cannot tell which of them carry nothing. */
	list_for_each (it, &s->services)
		service_rest(list_entry(it, struct service, of_session));
}

static const struct link_ops link_ops = {
	.find_key = session_on_find_key,
	.up = session_on_up,
	.control = session_on_control,
	.open = session_on_open,
	.goaway = session_on_goaway,
	.wake = carrier_wake,
};

/* ---- Going ---- */

static void session_reap(struct loop_task *task)
{
	session_free(container_of(task, struct session, reap));
}

struct session *session_free(struct session *s)
{
	if (!s)
		return NULL;
	struct worker *w = s->worker;
	loop_task_cancel(&s->reap);
	loop_timer_cancel(&s->suspect);
	carrier_deinit(&s->carrier); /* ends the streams, and with them the services' lanes */
	while (!list_empty(&s->services))
		service_free(list_entry(s->services.next, struct service, of_session));
	if (s->state != SESSION_CLOSED)
		session_set_state(s, SESSION_CLOSED);
	list_unlink(&s->link);
	w->n_sessions--;
	explicit_bzero(s->resume, sizeof(s->resume));
	free(s);
	return NULL;
}

/* What strangers come to is said once a second, or one of them could fill the disk. */
static void session_log_stranger(struct session *s, const char *peer)
{
	struct worker *w = s->worker;
	const struct link *l = session_link(s);
	uint64_t now = loop_now(w->loop);
	if (w->stranger_told && now - w->stranger_told < SESSION_STRANGER_EVERY) {
		w->strangers_untold++;
		return;
	}
	enum log_level level = l->end == LINK_END_REFUSED ? LOG_WARN : LOG_INFO;
	if (w->strangers_untold)
		log_line(level, "%u more clients did not get in meanwhile", w->strangers_untold);
	log_line(level, "a client from %s did not get in: %s", peer, l->why);
	w->stranger_told = now;
	w->strangers_untold = 0;
}

static void session_log_end(struct session *s)
{
	char peer[ADDRESS_TEXT_SIZE];
	session_peer(s, peer);
	if (s->state == SESSION_HANDSHAKING)
		session_log_stranger(s, peer);
	else
		log_info("session %s from %s ended: %s", s->name, peer, session_link(s)->why);
}

static void session_ended(struct carrier *c)
{
	struct session *s = container_of(c, struct session, carrier);
	session_log_end(s);
	session_set_state(s, SESSION_CLOSED);
	while (!list_empty(&s->services))
		service_free(list_entry(s->services.next, struct service, of_session));
	loop_defer(s->worker->loop, LOOP_PHASE_REAP, &s->reap);
}

void session_close(struct session *s, const char *why)
{
	link_close(session_link(s), LINK_END_LOCAL, "%s", why);
}

void session_drain(struct session *s)
{
	if (session_link(s)->state == LINK_UP)
		mux_goaway(&session_link(s)->mux, FRAME_GOAWAY_SHUTDOWN);
	else
		session_close(s, "the server ends");
}

static void session_suspect_expired(struct loop_timer *timer)
{
	struct session *s = container_of(timer, struct session, suspect);
	if (session_link(s)->last_heard <= s->suspected_at)
		session_close(s, "it did not answer while another session claimed its names");
	s->suspected_at = 0;
}

void session_suspect(struct session *s)
{
	if (s->suspected_at || s->state != SESSION_ESTABLISHED)
		return;
	s->suspected_at = loop_now(s->worker->loop);
	mux_ping(&session_link(s)->mux, s->suspected_at);
	loop_timer_set(&s->suspect, s->suspected_at + SESSION_SUSPECT_TIME);
}

/* ---- Accepting ---- */

bool session_admit(struct worker *w, const struct address *peer)
{
	const char *limit = NULL;
	if (w->n_sessions >= w->opts->max_sessions)
		limit = "--max-sessions is reached";
	else if (w->n_handshakes >= w->opts->max_handshakes)
		limit = "--max-handshakes are under way";
	else if (tally_add(&w->handshakes, peer, SESSION_HANDSHAKES_PER_ADDRESS) < 0)
		limit = "too many handshakes from there are under way";
	if (!limit) {
		w->n_handshakes++;
		return true;
	}
	uint64_t now = loop_now(w->loop);
	if (!w->refusal_told || now - w->refusal_told >= SESSION_SAY_AGAIN) {
		char text[ADDRESS_TEXT_SIZE];
		address_format(peer, text);
		log_warn("a client from %s, and perhaps others, was refused: %s", text, limit);
		w->refusal_told = now;
	}
	return false;
}

void session_accept(struct worker *w, struct plug plug, const struct address *peer,
	const char *response, size_t n)
{
	struct session *s = calloc(1, sizeof(*s));
	if (!s) {
		plug_close(&plug);
		w->n_handshakes--;
		tally_drop(&w->handshakes, peer);
		return;
	}
	s->worker = w;
	s->peer = *peer;
	s->state = SESSION_HANDSHAKING;
	list_init(&s->services);
	list_init(&s->link);
	list_append(&w->sessions, &s->link);
	w->n_sessions++;
	loop_task_init(&s->reap, session_reap);
	loop_timer_init(&s->suspect, w->loop, session_suspect_expired);

	const struct server_options *o = w->opts;
	struct link_config config = {
		.seal_waived = o->no_seal,
		.limits = {.base_window = (uint32_t)o->base_window,
			.max_window = (uint32_t)o->max_window,
			.max_streams = (uint32_t)o->max_streams},
		.budget = &w->budget,
		.instance = w->instance,
		.version = TUNNEL_VERSION,
		.preface = response,
		.preface_size = n,
	};
	memcpy(config.salt, w->salt, sizeof(config.salt));
	if (carrier_start(&s->carrier, w->loop, plug, &link_ops, &config, NULL, 0, session_ended) <
		0)
		session_free(s);
}
