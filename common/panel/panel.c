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

#include "base/log.h"
#include "panel/panel_internal.h"

/* Bytes: its calls are shallow, and what is large stands in struct panel. */
#define STACK (256u << 10)

/*
 * libwebsockets makes its tables for the descriptor limit of the process, half a million under systemd: this is
 * for the connections, the listening socket and its own pipe.
 */
#define DESCRIPTORS (PANEL_CONNECTIONS_MAX + 16)

#define HEAD_MAX (8u << 10) /* bytes: as nginx and Apache have it */

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
		p->n_asked--;
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
	if (reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED)
		take_answers(lws_context_user(lws_get_context(wsi)));
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

static int make_context(struct panel *p)
{
	static const struct lws_protocols protocols[] = {
		{.name = "http", .callback = http_event},
		{.name = "listener", .callback = panel_accept_event},
		{0},
	};
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
	struct lws_context_creation_info info = {
		.options =
			LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.user = p,
		.fd_limit_per_thread = DESCRIPTORS,
		.timeout_secs = PANEL_TIMEOUT,
		.keepalive_timeout = PANEL_TIMEOUT,
		.max_http_header_data = HEAD_MAX,
		.alpn = "http/1.1",
		.mounts = &mount,
	};
	panel_log_init();
	p->context = lws_create_context(&info);
	p->vhost = p->context ? lws_create_vhost(p->context, &info) : NULL;
	if (!p->vhost)
		return -ENOMEM;
	lws_sock_file_fd_type fd = {.filefd = p->socket.fd};
	p->listener =
		lws_adopt_descriptor_vhost(p->vhost, LWS_ADOPT_RAW_FILE_DESC, fd, "listener", NULL);
	if (!p->listener)
		return -ENOMEM;
	p->socket.fd = -1; /* the context closes it */
	return 0;
}

int panel_new(struct panel **out, const struct panel_options *o, struct error *err)
{
	struct panel *p = calloc(1, sizeof(*p));
	if (!p)
		return error_set(err, -ENOMEM, "out of memory");
	p->options = *o;
	p->socket = UNIX_SOCKET_NULL;
	pthread_mutex_init(&p->lock, NULL);
	list_init(&p->answered);
	list_init(&p->conns);
	int r = unix_socket_open(&p->socket, o->path, o->group_given ? 0666 : 0600,
		PANEL_CONNECTIONS_MAX, err);
	if (r == 0) {
		r = make_context(p);
		r = r ? r : start_thread(p);
		if (r)
			error_set(err, r, "the socket %s cannot be served: %s", o->path,
				strerror(-r));
	}
	if (r)
		panel_free(p);
	else
		*out = p;
	return r == UNIX_SOCKET_TAKEN ? PANEL_TAKEN : r;
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
	if (context)
		lws_context_destroy(context);
	unix_socket_close(&p->socket);
}

struct panel *panel_free(struct panel *p)
{
	if (!p)
		return NULL;
	panel_stop(p);
	take_answers(p);
	pthread_mutex_destroy(&p->lock);
	free(p);
	return NULL;
}
