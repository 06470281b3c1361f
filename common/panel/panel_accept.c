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

/* Until there may be descriptors again, in µs. */
#define PAUSE 1000000

static const char denied[] =
	"HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\n"
	"Connection: close\r\nContent-Length: 136\r\n\r\n"
	"{\"type\":\"about:blank\",\"status\":403,\"title\":\"Forbidden\",\"reason\":\"denied\","
	"\"detail\":\"this user may not administer this exit node here\"}\n";

/* Where there are too many: the one that was silent for longest, of those whose answer is not waited for. */
static void make_room(struct panel *p)
{
	if (p->n_conns < PANEL_CONNECTIONS_MAX)
		return;
	list_for_each (it, &p->conns) {
		struct panel_conn *c = list_entry(it, struct panel_conn, link);
		if (c->state == PANEL_CONN_ASKED)
			continue;
		lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
		return;
	}
}

/* Takes the descriptor. */
static void enter(struct panel *p, int fd)
{
	struct panel_peer peer = {.uid = (uid_t)-1};
	if (panel_peer_read(fd, &peer) < 0 || !panel_peer_may(fd, &peer, &p->options)) {
		log_warn("user %u may not use the admin socket and was refused",
			(unsigned)peer.uid);
		(void)!send(fd, denied, sizeof(denied) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		close(fd);
		return;
	}
	make_room(p);
	lws_sock_file_fd_type adopted = {.sockfd = fd};
	/* NULL: it has closed the descriptor. Nothing is told of it before this returns to the service. */
	struct lws *wsi = lws_adopt_descriptor_vhost(p->vhost, LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP,
		adopted, NULL, NULL);
	if (!wsi)
		return;
	bool made = panel_conn_new(p, wsi, &peer);
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
