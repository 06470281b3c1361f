/* SPDX-License-Identifier: MIT */
#include "server/workers.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/macros.h"
#include "server/accept/preread.h"
#include "server/base/worker.h"
#include "server/http/http_worker.h"
#include "server/link/link_worker.h"
#include "server/private/private_worker.h"
#include "server/route/routing.h"
#include "server/route/series.h"
#include "server/tcp/tcp_conn.h"
#include "server/udp/udp_worker.h"

/* ---- One worker ---- */

/* A worker and what each room keeps on it. */
struct parts {
	struct worker worker;
	struct link_worker link;
	struct routing routing;
	struct http_worker http;
	struct tcp_worker tcp;
	struct udp_worker udp;
	struct private_worker private;
	struct accept_worker accept;
};

static struct parts *parts_of(struct worker *w)
{
	return container_of(w, struct parts, worker);
}

/* The connections before the links whose streams they use. */
static void parts_deinit(struct parts *p)
{
	p->worker.draining = true;
	accept_worker_deinit(&p->accept);
	http_worker_deinit(&p->http);
	tcp_worker_deinit(&p->tcp);
	udp_worker_deinit(&p->udp);
	private_worker_deinit(&p->private);
	link_worker_deinit(&p->link);
	routing_deinit(&p->routing);
	worker_deinit(&p->worker);
}

static int parts_init(struct parts *p, struct node *n, unsigned index,
	const struct server_options *opts)
{
	struct worker *w = &p->worker;
	int r = worker_init(w, n, index, opts);
	if (r < 0)
		return r;
	w->link = &p->link;
	w->routing = &p->routing;
	w->http = &p->http;
	w->tcp = &p->tcp;
	w->udp = &p->udp;
	w->private = &p->private;
	w->accept = &p->accept;
	link_worker_init(&p->link, w);
	tcp_worker_init(&p->tcp);
	udp_worker_init(&p->udp, w);
	private_worker_init(&p->private, w);
	accept_worker_init(&p->accept, w);
	r = http_worker_init(&p->http, w);
	int e = routing_init(&p->routing, w);
	if (r == 0 && e == 0)
		return 0;
	parts_deinit(p);
	w->loop = loop_free(w->loop);
	return r < 0 ? r : e;
}

static void parts_drain(struct parts *p)
{
	p->worker.draining = true;
	link_worker_drain(&p->link);
	http_worker_drain(&p->http);
	accept_worker_drain(&p->accept);
	tcp_worker_drain(&p->tcp);
	private_worker_drain(&p->private);
}

/* ---- All of them ---- */

int workers_init(struct workers *ws, struct node *n, const struct server_options *opts)
{
	unsigned count = (unsigned)opts->workers;
	ws->node = n;
	n->series = series_book_new((unsigned)opts->metrics_routes);
	if (!n->series)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		struct parts *p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		/* What a worker is given depends on how many there are. */
		n->n_workers = count;
		int r = parts_init(p, n, i, opts);
		n->n_workers = i;
		if (r < 0) {
			free(p);
			return r;
		}
		n->workers[n->n_workers++] = &p->worker;
	}
	return 0;
}

static void *workers_thread(void *arg)
{
	struct worker *w = arg;
	loop_run(w->loop);
	return NULL;
}

/* Signals are the main thread's. */
int workers_run(struct workers *ws)
{
	sigset_t all, before;
	int r = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (r == 0 && ws->n_threads + 1 < ws->node->n_workers) {
		r = pthread_create(&ws->threads[ws->n_threads], NULL, workers_thread,
			ws->node->workers[ws->n_threads + 1]);
		ws->n_threads += r == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

static void drain_run(struct broadcast *broadcast, struct worker *w)
{
	parts_drain(parts_of(w));
}

static const struct broadcast_ops drain_ops = {.run = drain_run};

void workers_drain(struct workers *ws)
{
	broadcast_send(&ws->drain, ws->node, &drain_ops);
}

struct stop {
	struct mail mail;
	struct loop *loop;
};

static void stop_deliver(struct mail *mail)
{
	loop_stop(container_of(mail, struct stop, mail)->loop);
}

void workers_stop(struct workers *ws)
{
	struct stop stops[WORKERS_MAX];
	for (unsigned i = 0; i < ws->n_threads; i++) {
		stops[i] = (struct stop){{.deliver = stop_deliver}, ws->node->workers[i + 1]->loop};
		node_post(ws->node, i + 1, &stops[i].mail);
	}
	for (unsigned i = 0; i < ws->n_threads; i++)
		pthread_join(ws->threads[i], NULL);
	ws->n_threads = 0;
}

void workers_close(struct workers *ws)
{
	struct node *n = ws->node;
	if (!n)
		return;
	for (unsigned i = 0; i < n->n_workers; i++)
		parts_deinit(parts_of(n->workers[i]));
}

void workers_deinit(struct workers *ws)
{
	struct node *n = ws->node;
	if (!n)
		return;
	/* The main thread's last: what ends with the others is told to it. */
	for (unsigned i = n->n_workers; i--;)
		loop_end(n->workers[i]->loop);
	for (unsigned i = 0; i < n->n_workers; i++) {
		loop_free(n->workers[i]->loop);
		free(parts_of(n->workers[i]));
	}
	n->series = series_book_free(n->series);
}
