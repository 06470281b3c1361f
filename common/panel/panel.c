/* SPDX-License-Identifier: MIT */
/*
 * The panel's life and its thread. Of libwebsockets only lws_cancel_service() may be called from another thread: it
 * makes the service call LWS_CALLBACK_EVENT_WAIT_CANCELLED, where the queue of answers is emptied.
 */
#include "panel/panel.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/bind.h"
#include "net/socket.h"
#include "panel/panel_internal.h"
#include "panel/panel_tls.h"
#include "version.h"

/* Bytes: its calls are shallow, and what is large stands in struct panel. */
#define STACK (256u << 10)

/*
 * libwebsockets makes its tables for the descriptor limit of the process, half a million under systemd: this is
 * for the connections of each kind, the listening sockets and its own pipe.
 */
#define DESCRIPTORS (3 * PANEL_CONNECTIONS_MAX + PANEL_DENIED_MAX + PANEL_WATCHING_MAX + 16)

#define HEAD_MAX (8u << 10) /* bytes: as nginx and Apache have it */

/*
 * Bytes that are read at a time. A TLS record has 16 KiB at most: what is left of one in OpenSSL looks to
 * libwebsockets as what waits in its own queues does (was_behind()).
 */
#define READ_SIZE (20u << 10)

/* ---- Answers ---- */

void panel_answer(struct panel *p, struct panel_request *rq)
{
	pthread_mutex_lock(&p->lock);
	bool first = list_empty(&p->answered);
	list_append(&p->answered, &rq->link);
	if (first && p->context)
		lws_cancel_service(p->context);
	pthread_mutex_unlock(&p->lock);
}

static void take_answers(struct panel *p)
{
	struct list batch;
	list_init(&batch);
	pthread_mutex_lock(&p->lock);
	list_splice(&batch, &p->answered);
	pthread_mutex_unlock(&p->lock);
	for (struct panel_request *rq; (rq = list_first(&batch, struct panel_request, link));) {
		list_unlink(&rq->link);
		if (rq->who == PANEL_FEED) {
			panel_feed_answered(p, rq);
			continue;
		}
		p->n_asked--;
		p->n_open -= rq->who == PANEL_OPEN;
		if (rq->conn)
			panel_conn_answer(rq->conn);
		else
			panel_request_free(
				rq); /* its connection is gone, or was answered in its place */
	}
}

/* ---- The thread ---- */

static int http_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
	size_t n)
{
	if (reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED) {
		struct panel *p = lws_context_user(lws_get_context(wsi));
		take_answers(p);
		if (atomic_exchange(&p->renewing, false))
			panel_tls_renew(p->context, &p->by_tcp);
	}
	return panel_conn_event(wsi, reason, user, in, n);
}

static void *service(void *arg)
{
	struct panel *p = arg;
	/* It waits as long as it likes whatever timeout it is given. */
	while (!atomic_load(&p->stopping) && lws_service(p->context, 0) >= 0)
		;
	return NULL;
}

static int start_thread(struct panel *p)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&p->thread, &attr, service, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	p->started = r == 0;
	if (p->started)
		pthread_setname_np(p->thread, "panel"); /* for top -H and debuggers */
	return -r;
}

/* ---- Where it listens ---- */

static const struct lws_protocols protocols[] = {
	{.name = "http", .callback = http_event},
	{.name = "listener", .callback = panel_accept_event},
	{.name = PANEL_FEED_PROTOCOL, .callback = panel_feed_event},
	{0},
};

static int make_context(struct panel *p)
{
	struct lws_context_creation_info info = {
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
			   LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS |
			   (p->by_tcp.cert ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
		.user = p,
		.fd_limit_per_thread = DESCRIPTORS,
		.timeout_secs = PANEL_TIMEOUT,
		.max_http_header_data = HEAD_MAX,
		.pt_serv_buf_size = READ_SIZE,
	};
	panel_log_init();
	p->context = lws_create_context(&info);
	return p->context ? 0 : -ENOMEM;
}

/*
 * Without a port of its own, as the sockets are ours. Each has another of the two numbers that say so: libwebsockets
 * gives a connection to any one of the same number, by its Host.
 */
static int make_vhost(struct panel_listener *l, const char *name, int port,
	const struct panel_tcp_options *tls)
{
	/*
	 * It serves no file. A request at a mount of a callback alone has a state of its own, in which the bytes
	 * behind it wait until it is answered.
	 */
	static const struct lws_http_mount mount = {
		.mountpoint = "/",
		.mountpoint_len = 1,
		.origin_protocol = LWSMPRO_CALLBACK,
		.protocol = "http",
	};
	/* A page that does not answer a ping is gone, or does not read. */
	static const lws_retry_bo_t alive = {
		.secs_since_valid_ping = PANEL_PING_EVERY,
		.secs_since_valid_hangup = 2 * PANEL_PING_EVERY,
	};
	struct lws_context_creation_info info = {
		.options = LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
		.retry_and_idle_policy = &alive,
		.vhost_name = name,
		.port = port,
		.protocols = protocols,
		.timeout_secs = PANEL_TIMEOUT,
		.keepalive_timeout = PANEL_TIMEOUT,
		.alpn = "http/1.1",
		.mounts = &mount,
	};
	if (tls && tls->cert)
		panel_tls_options(&info, tls);
	l->vhost = lws_create_vhost(l->panel->context, &info);
	return l->vhost ? 0 : -ENOMEM;
}

/* The context closes the socket from here on. */
static int serve(struct panel_listener *l, int *socket)
{
	lws_sock_file_fd_type fd = {.filefd = *socket};
	l->wsi =
		lws_adopt_descriptor_vhost(l->vhost, LWS_ADOPT_RAW_FILE_DESC, fd, "listener", NULL);
	if (!l->wsi)
		return -ENOMEM;
	*socket = -1;
	return 0;
}

int panel_open_socket(struct panel *p, const struct panel_socket_options *o, struct error *err)
{
	p->by_socket = *o;
	int r = unix_socket_open(&p->socket, o->path, o->group_given ? 0666 : 0600,
		PANEL_CONNECTIONS_MAX, err);
	return r == UNIX_SOCKET_TAKEN ? PANEL_TAKEN : r;
}

void panel_take_socket(struct panel *p, struct unix_socket *socket,
	const struct panel_socket_options *o)
{
	p->by_socket = *o;
	p->socket = *socket;
	*socket = UNIX_SOCKET_NULL;
}

/* The first port that is free, of those that may be. */
static int bind_one(const struct panel_tcp_options *o, struct error *err)
{
	int r = -EADDRINUSE;
	for (unsigned i = 0; i <= o->more && r == -EADDRINUSE && o->port + i <= 65535; i++)
		r = bind_port(SOCK_STREAM, o->address, (uint16_t)(o->port + i), err);
	return r;
}

int panel_open_tcp(struct panel *p, const struct panel_tcp_options *o, struct error *err)
{
	struct address at;
	p->by_tcp = *o;
	panel_login_init(&p->login, o->token);
	int r = o->cert ? panel_tls_check(o, err) : 0;
	p->tcp = r ? -1 : bind_one(o, err);
	if (p->tcp < 0)
		return r ? r : p->tcp;
	r = socket_local(p->tcp, &at);
	p->port = at.port;
	return r ? error_set(err, r, "the panel's port is not known: %s", strerror(-r)) : 0;
}

uint16_t panel_port(const struct panel *p)
{
	return p->port;
}

/* ---- Its life ---- */

int panel_new(struct panel **out, const struct panel_owner *owner, struct error *err)
{
	struct panel *p = calloc(1, sizeof(*p));
	if (!p)
		return error_set(err, -ENOMEM, "out of memory");
	p->owner = *owner;
	p->socket = UNIX_SOCKET_NULL;
	p->tcp = -1;
	p->unix_listener.panel = p->tcp_listener.panel = p;
	pthread_mutex_init(&p->lock, NULL);
	list_init(&p->answered);
	panel_conns_init(&p->members, PANEL_CONNECTIONS_MAX);
	panel_conns_init(&p->denied, PANEL_DENIED_MAX);
	panel_conns_init(&p->strangers, PANEL_CONNECTIONS_MAX);
	panel_conns_init(&p->known, PANEL_CONNECTIONS_MAX);
	panel_conns_init(&p->watching, PANEL_WATCHING_MAX);
	panel_live_init(&p->live, owner->side, TUNNEL_VERSION);
	*out = p;
	return 0;
}

int panel_start(struct panel *p, struct error *err)
{
	int r = make_context(p);
	if (r == 0 && p->socket.fd >= 0)
		r = make_vhost(&p->unix_listener, "socket", CONTEXT_PORT_NO_LISTEN, NULL);
	if (r == 0 && p->tcp >= 0)
		r = make_vhost(&p->tcp_listener, "tcp", CONTEXT_PORT_NO_LISTEN_SERVER, &p->by_tcp);
	if (r == 0 && p->socket.fd >= 0)
		r = serve(&p->unix_listener, &p->socket.fd);
	if (r == 0 && p->tcp >= 0)
		r = serve(&p->tcp_listener, &p->tcp);
	r = r ? r : start_thread(p);
	return r ? error_set(err, r, "the panel cannot be served: %s", strerror(-r)) : 0;
}

void panel_renew(struct panel *p)
{
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->renewing, true);
	if (p->context)
		lws_cancel_service(p->context);
	pthread_mutex_unlock(&p->lock);
}

void panel_stop(struct panel *p)
{
	if (p->started) {
		atomic_store(&p->stopping, true);
		lws_cancel_service(p->context);
		pthread_join(p->thread, NULL);
		p->started = false;
	}
	pthread_mutex_lock(&p->lock);
	struct lws_context *context = p->context;
	p->context = NULL;
	pthread_mutex_unlock(&p->lock);
	if (context) {
		lws_sul_cancel(&p->feed);
		lws_context_destroy(context);
	}
	unix_socket_close(&p->socket);
	if (p->tcp >= 0)
		close(p->tcp);
	p->tcp = -1;
}

struct panel *panel_free(struct panel *p)
{
	if (!p)
		return NULL;
	panel_stop(p);
	take_answers(p);
	panel_live_deinit(&p->live);
	pthread_mutex_destroy(&p->lock);
	explicit_bzero(&p->login, sizeof(p->login));
	free(p);
	return NULL;
}
