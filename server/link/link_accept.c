#include "server/link/link_accept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "server/link/link_worker.h"

/* A stranger can cause it as often as he likes. */
static void admit_log(struct worker *w, struct log_limit *limit, const struct address *peer,
	const char *what)
{
	char more[LOG_LIMIT_MORE], text[ADDRESS_TEXT_SIZE];
	if (!log_limit_pass(limit, loop_now(w->loop), SERVER_LINK_SAY_AGAIN, 1, more))
		return;
	address_format(peer, text);
	log_warn("a client from %s %s%s", text, what, more);
}

struct half_open_slot *server_link_admit(struct worker *w, const struct address *peer)
{
	struct node *n = w->node;
	struct half_open_slot *slot;
	if (limits_acquire(&n->limits, LIMITS_LINK, peer, (unsigned)w->opts->max_sessions, 0) < 0) {
		admit_log(w, &w->link->log_refused, peer, "was refused: --max-sessions is reached");
		return NULL;
	}
	int r = half_open_enter(&n->half_open, peer, (unsigned)w->opts->max_handshakes,
		loop_now(w->loop), &slot);
	if (r < 0) {
		limits_release(&n->limits, LIMITS_LINK, peer);
		admit_log(w, &w->link->log_refused, peer,
			r == -EBUSY ? "was refused: --max-handshakes are under way"
				    : "was refused: out of memory");
		return NULL;
	}
	if (r == HALF_OPEN_CROWDED_OUT)
		admit_log(w, &w->link->log_evicted, peer,
			"took the place of another that had not proved its key: "
			"--max-handshakes are under way, or too many from one address");
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

void server_link_accept(struct worker *w, struct detached_conn detached,
	struct half_open_slot *slot, const struct address *peer, const char *response, size_t n)
{
	struct server_link_offer here = {.worker = node_place_link(w->node),
		.detached = detached,
		.slot = slot,
		.peer = *peer,
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
