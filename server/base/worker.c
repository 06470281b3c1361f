#include "server/base/worker.h"

#include <errno.h>
#include <sys/sysinfo.h>

#include "base/macros.h"
#include "tls/tls.h"
#include "server/tcp/tcp_conn.h"
#include "server/accept/preread.h"
#include "server/control/session.h"
#include "server/link/link_accept.h"
#include "server/http/h1_conn.h"

static void worker_expire(struct loop_timer *timer)
{
	worker_expire_routes(container_of(timer, struct worker, expiry));
}

void worker_expire_routes(struct worker *w)
{
	uint64_t now = loop_now(w->loop), names = routes_expire(&w->routes, now);
	loop_timer_set(&w->expiry, MIN(names, routes_expire(&w->ports, now)));
}

/* Of the sessions that this worker knows only the link's has pooled streams on it. */
void worker_rest_streams(struct worker *w, const struct server_link *l)
{
	list_for_each (it, &w->routes.all) {
		struct route *route = list_entry(it, struct route, all);
		list_for_each (at, &route->entries)
			service_shard_rest(service_shard_of(at), l);
	}
}

int worker_init(struct worker *w, struct node *n, unsigned index, const struct server_options *opts)
{
	struct loop *loop = loop_new();
	if (!loop)
		return -ENOMEM;
	w->node = n;
	w->index = index;
	w->opts = opts;
	w->loop = loop;
	w->evictions.deliver = server_link_evictions_deliver;
	list_init(&w->links);
	list_init(&w->h1_conns);
	list_init(&w->tcp_conns);
	list_init(&w->prereads);
	request_ids_init(&w->ids);
	budget_init(&w->budget, opts->memory_budget / n->n_workers);
	charges_init(&w->charges, loop, &w->budget);
	udp_worker_init(&w->udp, w);
	wait_queue_init(&w->wait_queue, w);
	loop_timer_init(&w->expiry, loop, worker_expire);
	timeout_queue_init(&w->idle, loop, opts->visitor_idle, h1_conn_idle_expired);
	timeout_queue_init(&w->head, loop, opts->request_head_timeout, h1_conn_head_expired);
	timeout_queue_init(&w->answer, loop, opts->response_head_timeout, h1_conn_answer_expired);
	timeout_queue_init(&w->leaving, loop, WORKER_LEAVING_TIME, h1_conn_leaving_expired);
	timeout_queue_init(&w->unread, loop, opts->h1_conn_stalled / WORKER_UNREAD_LOOKS,
		h1_conn_unread_expired);
	timeout_queue_init(&w->linger, loop, WORKER_LINGER_LOOK, h1_conn_linger_expired);
	timeout_queue_init(&w->kept, loop, opts->kept_idle, pooled_stream_kept_expired);
	timeout_queue_init(&w->header, loop, opts->proxy_header_timeout, preread_header_expired);
	timeout_queue_init(&w->quiet, loop, opts->visitor_idle, preread_quiet_expired);
	timeout_queue_init(&w->securing, loop, opts->tls_handshake_timeout,
		preread_securing_expired);
	timeout_queue_init(&w->surplus, loop, POOLED_STREAM_SURPLUS_TIME,
		pooled_stream_kept_expired);
	timeout_queue_init(&w->resting, loop, POOLED_STREAM_REST_TIME, pooled_stream_rested);
	int r = routes_init(&w->routes, opts->reconnect_grace);
	if (r == 0)
		r = http1_head_init(&w->request, opts->head_fields_limit);
	if (r == 0)
		r = http1_head_init(&w->response, opts->head_fields_limit);
	/* A port is free at once. */
	if (r == 0)
		r = routes_init(&w->ports, 0);
	if (r < 0) {
		worker_deinit(w);
		w->loop = loop_free(loop);
	}
	return r;
}

void worker_deinit(struct worker *w)
{
	w->draining = true;
	while (!list_empty(&w->h1_conns))
		h1_conn_close(list_entry(w->h1_conns.next, struct h1_conn, link), true);
	while (!list_empty(&w->prereads))
		preread_close(list_entry(w->prereads.next, struct preread, link));
	while (!list_empty(&w->tcp_conns))
		tcp_conn_close(list_entry(w->tcp_conns.next, struct tcp_conn, link), "draining");
	udp_worker_deinit(&w->udp);
	while (!list_empty(&w->links))
		server_link_discard(list_entry(w->links.next, struct server_link, link));
	charges_deinit(&w->charges);
	loop_timer_cancel(&w->expiry);
	wait_queue_deinit(&w->wait_queue);
	timeout_queue_deinit(&w->idle);
	timeout_queue_deinit(&w->head);
	timeout_queue_deinit(&w->answer);
	timeout_queue_deinit(&w->leaving);
	timeout_queue_deinit(&w->unread);
	timeout_queue_deinit(&w->linger);
	timeout_queue_deinit(&w->kept);
	timeout_queue_deinit(&w->surplus);
	timeout_queue_deinit(&w->resting);
	timeout_queue_deinit(&w->header);
	timeout_queue_deinit(&w->quiet);
	timeout_queue_deinit(&w->securing);
	w->tls = tls_server_unref(w->tls);
	routes_deinit(&w->routes);
	routes_deinit(&w->ports);
	request_ids_deinit(&w->ids);
	http1_head_deinit(&w->request);
	http1_head_deinit(&w->response);
	buf_deinit(&w->rewritten);
	while (w->n_spares)
		buf_deinit(&w->spares[--w->n_spares]);
}

void worker_drain(struct worker *w)
{
	w->draining = true;
	list_for_each (it, &w->links)
		server_link_drain(list_entry(it, struct server_link, link));
	list_for_each_safe (at, &w->h1_conns) {
		struct h1_conn *v = list_entry(at, struct h1_conn, link);
		if (v->state == H1_CONN_IDLE && buf_len(&v->out))
			h1_conn_linger(v, true);
		else if (v->state == H1_CONN_IDLE || v->state == H1_CONN_HEAD)
			h1_conn_close(v, false);
		else if (v->state == H1_CONN_WAITING)
			h1_conn_refuse(v, ERROR_PAGE_DRAINING);
	}
	list_for_each_safe (at, &w->prereads)
		preread_close(list_entry(at, struct preread, link));
	list_for_each_safe (at, &w->tcp_conns) {
		struct tcp_conn *c = list_entry(at, struct tcp_conn, link);
		if (c->state == TCP_CONN_WAITING)
			tcp_conn_close(c, "draining");
	}
}

struct buf worker_take_buf(struct worker *w)
{
	return w->n_spares ? w->spares[--w->n_spares] : BUF_NULL;
}

void worker_give_buf(struct worker *w, struct buf *b)
{
	if (!b->data || b->cap > WORKER_SPARE_MAX || w->n_spares == WORKER_SPARES) {
		buf_deinit(b);
		return;
	}
	b->start = b->end = 0;
	w->spares[w->n_spares++] = *b;
	*b = BUF_NULL;
}
