/* SPDX-License-Identifier: MIT */
#include "server/link/link_accept.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "server/link/link_worker.h"

/* A stranger can cause it at any rate, so it is said at intervals. */
static void __attribute__((format(printf, 5, 6))) admit_log(struct worker *w, uint64_t connection,
	struct log_limit *limit, const struct address *peer, const char *fmt, ...)
{
	char more[LOG_LIMIT_MORE], client[ADDRESS_TEXT_SIZE], what[128];
	if (!log_limit_pass(limit, loop_now(w->loop), SERVER_LINK_SAY_AGAIN, 1, more))
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	address_format(peer, client);
	log_warn_of(connection, "client %s %s%s", client, what, more);
}

struct half_open_slot *server_link_admit(struct worker *w, uint64_t connection,
	const struct address *peer)
{
	struct node *n = w->node;
	struct link_worker *links = w->link;
	unsigned max_sessions = (unsigned)w->opts->max_sessions;
	unsigned max_handshakes = (unsigned)w->opts->max_handshakes;
	struct half_open_slot *slot;
	if (limits_acquire(&n->limits, LIMITS_LINK, peer, max_sessions, 0) < 0) {
		counter_add(&w->counts.handshakes[COUNTS_HANDSHAKE_LIMIT], 1);
		admit_log(w, connection, &links->log_refused, peer,
			"was refused: --max-sessions (%u) reached", max_sessions);
		return NULL;
	}
	int r = half_open_enter(&n->half_open, peer, max_handshakes, loop_now(w->loop), &slot);
	if (r < 0) {
		limits_release(&n->limits, LIMITS_LINK, peer);
		counter_add(&w->counts.handshakes[COUNTS_HANDSHAKE_LIMIT], 1);
		counter_add(&w->counts.limits[COUNTS_LIMIT_HANDSHAKES], r == -EBUSY);
		if (r == -EBUSY)
			admit_log(w, connection, &links->log_refused, peer,
				"was refused: --max-handshakes (%u) reached", max_handshakes);
		else
			admit_log(w, connection, &links->log_refused, peer,
				"was refused: out of memory");
		return NULL;
	}
	counter_add(&w->counts.limits[COUNTS_LIMIT_HANDSHAKES], r == HALF_OPEN_CROWDED_OUT);
	if (r == HALF_OPEN_CROWDED_OUT)
		admit_log(w, connection, &links->log_evicted, peer,
			"took the place of another one's unfinished handshake: --max-handshakes "
			"(%u) reached, or too many from one address",
			max_handshakes);
	return slot;
}

static void offer_refuse(struct server_link_offer *o)
{
	struct node *n = o->worker->node;
	detached_conn_close(&o->detached);
	half_open_leave(&n->half_open, o->slot);
	limits_release(&n->limits, LIMITS_LINK, &o->peer);
	atomic_fetch_sub_explicit(&n->links[o->worker->index], 1, memory_order_relaxed);
}

static void offer_take(struct server_link_offer *o)
{
	if (!server_link_begin(o))
		offer_refuse(o);
}

static void offer_deliver(struct mail *mail)
{
	struct server_link_offer *o = container_of(mail, struct server_link_offer, mail);
	offer_take(o);
	free(o);
}

static void offer_discard(struct mail *mail)
{
	struct server_link_offer *o = container_of(mail, struct server_link_offer, mail);
	offer_refuse(o);
	free(o);
}

void server_link_accept(struct worker *w, uint64_t connection, struct detached_conn detached,
	struct half_open_slot *slot, const struct address *peer, const char *response, size_t n)
{
	struct server_link_offer here = {.worker = node_place_link(w->node),
		.detached = detached,
		.slot = slot,
		.peer = *peer,
		.connection = connection,
		.n = n};
	memcpy(here.response, response, n);
	if (here.worker == w) {
		offer_take(&here);
		return;
	}
	struct server_link_offer *o = malloc(sizeof(*o));
	if (!o) {
		offer_refuse(&here);
		return;
	}
	*o = here;
	o->mail = (struct mail){.deliver = offer_deliver, .discard = offer_discard};
	node_post(w->node, o->worker->index, &o->mail);
}
