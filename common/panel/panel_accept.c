/* SPDX-License-Identifier: MIT */
/*
 * Who comes. They are accepted here and handed to libwebsockets, whose own listener would remove the file that stands
 * at the socket's path, would not ask who comes before it has a place, and would keep everybody out while connections
 * that say nothing hold all places.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/socket.h"
#include "panel/panel_internal.h"
#include "panel/panel_peer.h"

/* As many at once, so that connections and their answers take turns. */
#define ACCEPT_MAX 16

/* Until there may be descriptors again, in µs. */
#define PAUSE 1000000

/* ---- At the Unix socket ---- */

static bool may(struct panel *p, int fd, struct panel_peer *peer_out)
{
	*peer_out = (struct panel_peer){.uid = (uid_t)-1};
	if (panel_peer_read(fd, peer_out) == 0 && panel_peer_may(fd, peer_out, &p->by_socket))
		return true;
	char more[LOG_LIMIT_MORE];
	if (log_limit_pass(&p->log_denied, clock_now(), CLOCK_S, 1, more))
		log_warn("user %u may not use the admin socket and is refused%s",
			(unsigned)peer_out->uid, more);
	return false;
}

/* Takes the descriptor; NULL: it has closed it. Nothing is told of it before this returns to the service. */
static struct panel_conn *adopt(struct panel_listener *l, int fd, struct panel_conns *among,
	lws_adoption_type type)
{
	lws_sock_file_fd_type adopted = {.sockfd = fd};
	struct lws *wsi = lws_adopt_descriptor_vhost(l->vhost, type, adopted, NULL, NULL);
	if (!wsi)
		return NULL;
	struct panel_conn *c = panel_conn_new(l->panel, wsi, among);
	lws_set_timeout(wsi, PENDING_TIMEOUT_ESTABLISH_WITH_SERVER,
		c ? PANEL_TIMEOUT : LWS_TO_KILL_SYNC);
	return c;
}

/* Who may not come in is told so when its request is there: before, it would not see it. */
static void enter_by_socket(struct panel_listener *l, int fd)
{
	struct panel *p = l->panel;
	struct panel_peer peer;
	struct panel_conns *among = may(p, fd, &peer) ? &p->members : &p->denied;
	panel_room_make(among);
	struct panel_conn *c = adopt(l, fd, among, LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP);
	if (c)
		c->peer = peer;
}

/* ---- Over TCP ---- */

static void enter_by_tcp(struct panel_listener *l, int fd, const struct address *from)
{
	struct panel *p = l->panel;
	struct address at = {0};
	socket_tune(fd);
	socket_local(fd, &at);
	panel_room_make_for(&p->strangers, from);
	struct panel_conn *c = adopt(l, fd, &p->strangers,
		LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL);
	if (!c)
		return;
	c->tcp = true;
	c->from = *from;
	c->at = at;
}

/* ---- Both ---- */

static void again(lws_sorted_usec_list_t *sul)
{
	lws_rx_flow_control(lws_container_of(sul, struct panel_listener, again)->wsi, 1);
}

static void enter(struct panel_listener *l, int fd, const struct sockaddr_storage *sa)
{
	struct address from = address_from_sockaddr((const struct sockaddr *)sa);
	if (l == &l->panel->tcp_listener)
		enter_by_tcp(l, fd, &from);
	else
		enter_by_socket(l, fd);
}

static void accept_some(struct panel_listener *l)
{
	int listening = lws_get_socket_fd(l->wsi);
	for (int i = 0; i < ACCEPT_MAX; i++) {
		struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};
		socklen_t size = sizeof(sa);
		int fd = accept4(listening, (struct sockaddr *)&sa, &size,
			SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			enter(l, fd, &sa);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			   errno == ENOBUFS) {
			/* Whoever waits there would wake the loop at once, and again. */
			lws_rx_flow_control(l->wsi, 0);
			lws_sul_schedule(l->panel->context, 0, &l->again, again, PAUSE);
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
	struct panel_listener *l =
		wsi == p->tcp_listener.wsi ? &p->tcp_listener : &p->unix_listener;
	if (reason == LWS_CALLBACK_RAW_RX_FILE)
		accept_some(l);
	else if (reason == LWS_CALLBACK_RAW_CLOSE_FILE)
		lws_sul_cancel(&l->again);
	return 0;
}
