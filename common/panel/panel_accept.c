/* SPDX-License-Identifier: MIT */
/*
 * Who comes to the socket. It is accepted here and handed to libwebsockets, whose own listener would remove the
 * file that stands at its path, would not ask who comes before it has a place, and would keep everybody out while
 * connections that say nothing hold all places.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "panel/panel_internal.h"
#include "panel/panel_peer.h"

/* As many at once, so that connections and their answers take turns. */
#define ACCEPT_MAX 16

/* Connections of those who may not come in: enough for one who tries again. */
#define DENIED_MAX 8

/* Until there may be descriptors again, in µs. */
#define PAUSE 1000000

/* The one that was silent for longest, of those whose answer is not waited for; with `denied` of those alone. */
static struct panel_conn *longest_silent(const struct panel *p, bool denied)
{
	list_for_each (it, &p->conns) {
		struct panel_conn *c = list_entry(it, struct panel_conn, link);
		if (c->state != PANEL_CONN_ASKED && (c->denied || !denied))
			return c;
	}
	return NULL;
}

/* Who may not come in takes the place of others who may not, and never of one who may. */
static void make_room(struct panel *p, bool denied)
{
	bool full = denied ? p->n_denied >= DENIED_MAX : p->n_conns >= PANEL_CONNECTIONS_MAX;
	struct panel_conn *c = full ? longest_silent(p, true) : NULL;
	if (full && !c && !denied)
		c = longest_silent(p, false);
	if (c)
		lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}

static bool may(struct panel *p, int fd, struct panel_peer *peer_out)
{
	*peer_out = (struct panel_peer){.uid = (uid_t)-1};
	if (panel_peer_read(fd, peer_out) == 0 && panel_peer_may(fd, peer_out, &p->options))
		return true;
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&p->log_denied, clock_now(), CLOCK_S, 1, more))
		log_warn("user %u may not use the admin socket and is refused%s",
			(unsigned)peer_out->uid, more);
	return false;
}

/* Takes the descriptor. Who may not come in is told so when its request is there: before, it would not see it. */
static void enter(struct panel *p, int fd)
{
	struct panel_peer peer;
	bool denied = !may(p, fd, &peer);
	make_room(p, denied);
	lws_sock_file_fd_type adopted = {.sockfd = fd};
	/* NULL: it has closed the descriptor. Nothing is told of it before this returns to the service. */
	struct lws *wsi = lws_adopt_descriptor_vhost(p->vhost, LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP,
		adopted, NULL, NULL);
	if (!wsi)
		return;
	bool made = panel_conn_new(p, wsi, &peer, denied);
	lws_set_timeout(wsi, PENDING_TIMEOUT_ESTABLISH_WITH_SERVER,
		made ? PANEL_TIMEOUT : LWS_TO_KILL_SYNC);
}

static void again(lws_sorted_usec_list_t *sul)
{
	lws_rx_flow_control(lws_container_of(sul, struct panel, again)->listener, 1);
}

static void accept_some(struct panel *p)
{
	int listening = lws_get_socket_fd(p->listener);
	for (int i = 0; i < ACCEPT_MAX; i++) {
		int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			enter(p, fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			   errno == ENOBUFS) {
			/* Whoever waits there would wake the loop at once, and again. */
			lws_rx_flow_control(p->listener, 0);
			lws_sul_schedule(p->context, 0, &p->again, again, PAUSE);
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return;
		}
	}
}

int panel_accept_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
	size_t n)
{
	struct panel *p = lws_context_user(lws_get_context(wsi));
	if (reason == LWS_CALLBACK_RAW_RX_FILE)
		accept_some(p);
	else if (reason == LWS_CALLBACK_RAW_CLOSE_FILE)
		lws_sul_cancel(&p->again);
	return 0;
}
