/* SPDX-License-Identifier: MIT */
#include "client/session/session_log.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"

/* What is published, and what of others' is used; half of the room for the latter. */
static void describe_use(const struct client_session *s, char *out, size_t size)
{
	char used[STATUS_SIZE / 2];
	size_t n = 0;
	client_endpoints_describe(&s->consumer->endpoints, used, sizeof(used));
	if (s->publications->n || !*used) {
		size_t room = size - (*used ? strlen(used) + 2 : 0);
		n = (size_t)snprintf(out, room, "; ");
		publications_describe(s->publications, out + n, room - n);
		n = strlen(out);
	}
	if (*used)
		snprintf(out + n, size - n, "; %s", used);
}

void session_log_status(struct status *status, char text_out[STATUS_SIZE])
{
	const struct client_session *s = container_of(status, struct client_session, status);
	const char *where = s->remote.authority, *why = "";
	size_t up = 0;
	for (size_t i = 0; i < s->n; i++) {
		up += s->uplinks[i].state == UPLINK_UP;
		if (s->uplinks[i].last_failure[0])
			why = s->uplinks[i].last_failure;
	}
	if (up) {
		int n = snprintf(text_out, STATUS_SIZE, "Connected to %.256s", where);
		if (s->n > 1)
			n += snprintf(text_out + n, STATUS_SIZE - (size_t)n, " by %zu of %zu links",
				up, s->n);
		describe_use(s, text_out + n, STATUS_SIZE - (size_t)n);
	} else if (why[0]) {
		snprintf(text_out, STATUS_SIZE, "Not connected to %.200s, trying again: %.200s",
			where, why);
	} else {
		snprintf(text_out, STATUS_SIZE, "Connecting to %s", where);
	}
}

void session_log_connecting(const struct client_session *s)
{
	const struct remote *r = &s->remote;
	char note[REMOTE_PORT_NOTE_SIZE];
	remote_port_note(r, note);
	if (r->proxy.used)
		log_info("connecting to %s through the proxy %s%s", r->authority, r->proxy.name,
			note);
	else
		log_info("connecting to %s%s", r->authority, note);
}

void session_log_tls(struct client_session *s, const struct client_link *l)
{
	const struct link *link = &l->io.link;
	const char *where = s->remote.authority;
	if (!s->remote.tls || s->tls_logged || s->options->no_token)
		return;
	s->tls_logged = true;
	const char *sealed =
		link->sealed ? "the link is sealed end to end" : "the link is not sealed";
	if (l->unverified[0])
		log_info("the certificate of %s is not verified (%s), but the exit node proved by "
			 "the token that the connection ends there",
			where, l->unverified);
	else if (!link->bound && link->config.tls13)
		log_info("TLS to %s ends before the exit node; %s", where, sealed);
	else if (!link->bound)
		log_info("TLS 1.2 to %s cannot show whether it ends at the exit node; %s", where,
			sealed);
}

void session_log_connected(struct client_session *s)
{
	if (s->connected_logged)
		return;
	s->connected_logged = true;
	if (s->name[0])
		log_info("connected to %s; session %s", s->remote.authority, s->name);
	else
		log_info("connected to %s", s->remote.authority);
}

void session_log_rejected(const struct client_session *s, unsigned times, uint64_t lasted)
{
	log_error("%s rejected the token %u times in %.0f s: give both ends the same token; giving "
		  "up",
		s->remote.authority, times, (double)lasted / CLOCK_S);
}

void session_log_notice(struct client_session *s, const struct control *message)
{
	char more[LOG_LIMIT_MORE];
	enum log_level level = message->notice.warning ? LOG_WARN : LOG_INFO;
	if (log_limit_pass(&s->log_notices, loop_now(s->loop), CLIENT_SESSION_NOTICE_EVERY,
		    CLIENT_SESSION_NOTICE_BURST, more))
		log_line(level, "the exit node says: %s%s", message->notice.sentence, more);
}
