/* SPDX-License-Identifier: MIT */
/* Places for connections: each kind has its own, so that none takes another's. */
#include "panel/panel_internal.h"

void panel_conns_init(struct panel_conns *conns, unsigned max)
{
	list_init(&conns->list);
	conns->n = 0;
	conns->max = max;
}

static bool may_go(const struct panel_conn *c)
{
	return c->state != PANEL_CONN_ASKED;
}

static void end(struct panel_conn *c)
{
	lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}

/* The one that was silent for longest, of those whose answer is not waited for; with `from`, of those from there. */
static struct panel_conn *longest_silent(const struct panel_conns *conns,
	const struct address *from)
{
	list_for_each (it, &conns->list) {
		struct panel_conn *c = list_entry(it, struct panel_conn, link);
		if (may_go(c) && (!from || address_network(&c->from) == address_network(from)))
			return c;
	}
	return NULL;
}

void panel_room_make(struct panel_conns *conns)
{
	struct panel_conn *c = conns->n < conns->max ? NULL : longest_silent(conns, NULL);
	if (c)
		end(c);
}

void panel_room_make_for(struct panel_conns *strangers, const struct address *from)
{
	unsigned n = 0;
	list_for_each (it, &strangers->list) {
		const struct panel_conn *c = list_entry(it, struct panel_conn, link);
		n += address_network(&c->from) == address_network(from);
	}
	struct panel_conn *c =
		n < PANEL_STRANGERS_PER_ADDRESS ? NULL : longest_silent(strangers, from);
	if (c)
		end(c);
	panel_room_make(strangers);
}

void panel_room_enter(struct panel_conn *c, struct panel_conns *conns)
{
	if (c->among)
		c->among->n--;
	list_unlink(&c->link);
	list_append(&conns->list, &c->link);
	conns->n++;
	c->among = conns;
}
