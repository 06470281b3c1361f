/* SPDX-License-Identifier: MIT */
#include "server/http/http_worker.h"

#include <stdlib.h>

#include "server/http/exchange_events.h"
#include "server/http/h1_conn.h"
#include "server/http/h2_conn.h"
#include "server/route/routing.h"

int http_worker_init(struct http_worker *h, const struct worker *w)
{
	const struct server_options *o = w->opts;
	struct loop *loop = w->loop;
	list_init(&h->conns);
	list_init(&h->h2_conns);
	list_init(&h->checks);
	request_ids_init(&h->ids);
	timeout_queue_init(&h->idle, loop, o->visitor_idle, h1_conn_idle_expired);
	timeout_queue_init(&h->head, loop, o->request_head_timeout, h1_conn_head_expired);
	timeout_queue_init(&h->answer, loop, o->response_head_timeout, exchange_answer_expired);
	timeout_queue_init(&h->body, loop, o->visitor_idle, exchange_body_expired);
	timeout_queue_init(&h->leaving, loop, HTTP_LEAVING_TIME, h1_conn_leaving_expired);
	timeout_queue_init(&h->unread, loop, o->visitor_stalled / HTTP_UNREAD_LOOKS,
		h1_conn_unread_expired);
	timeout_queue_init(&h->linger, loop, HTTP_LINGER_LOOK, h1_conn_linger_expired);
	timeout_queue_init(&h->h2_idle, loop, o->visitor_idle, h2_conn_idle_expired);
	timeout_queue_init(&h->h2_head, loop, o->request_head_timeout, h2_conn_head_expired);
	timeout_queue_init(&h->h2_unread, loop, o->visitor_stalled, h2_conn_unread_expired);
	timeout_queue_init(&h->h2_stalled, loop, o->visitor_stalled, h2_exchange_stalled);
	timeout_queue_init(&h->h2_linger, loop, HTTP_LINGER_LOOK, h2_conn_linger_expired);
	timeout_queue_init(&h->kept, loop, o->kept_idle, pooled_stream_kept_expired);
	timeout_queue_init(&h->surplus, loop, POOLED_STREAM_SURPLUS_TIME,
		pooled_stream_kept_expired);
	timeout_queue_init(&h->resting, loop, POOLED_STREAM_REST_TIME, pooled_stream_rested);
	int r = http1_head_init(&h->request, o->head_fields_limit);
	return r < 0 ? r : http1_head_init(&h->response, o->head_fields_limit);
}

void http_worker_deinit(struct http_worker *h)
{
	while (!list_empty(&h->conns))
		h1_conn_close(list_entry(h->conns.next, struct h1_conn, link), true);
	while (!list_empty(&h->h2_conns))
		h2_conn_close(list_entry(h->h2_conns.next, struct h2_conn, link), true);
	/* They end with the loop. */
	while (!list_empty(&h->checks))
		list_unlink(h->checks.next);
	timeout_queue_deinit(&h->idle);
	timeout_queue_deinit(&h->head);
	timeout_queue_deinit(&h->answer);
	timeout_queue_deinit(&h->body);
	timeout_queue_deinit(&h->leaving);
	timeout_queue_deinit(&h->unread);
	timeout_queue_deinit(&h->linger);
	timeout_queue_deinit(&h->h2_idle);
	timeout_queue_deinit(&h->h2_head);
	timeout_queue_deinit(&h->h2_unread);
	timeout_queue_deinit(&h->h2_stalled);
	timeout_queue_deinit(&h->h2_linger);
	timeout_queue_deinit(&h->kept);
	timeout_queue_deinit(&h->surplus);
	timeout_queue_deinit(&h->resting);
	request_ids_deinit(&h->ids);
	free(h->notes);
	http1_head_deinit(&h->request);
	http1_head_deinit(&h->response);
	buf_deinit(&h->rewritten);
	facts_scratch_deinit(&h->facts);
	head_edit_deinit(&h->edit);
	buf_deinit(&h->key);
	buf_pool_deinit(&h->bufs);
}

void http_worker_drain(struct http_worker *h)
{
	list_for_each_safe (at, &h->conns)
		h1_conn_drain(list_entry(at, struct h1_conn, link));
	list_for_each_safe (at, &h->h2_conns)
		h2_conn_drain(list_entry(at, struct h2_conn, link));
}

void http_worker_leave_link(const struct server_link *l)
{
	h1_conns_leave_link(l);
	h2_conns_leave_link(l);
}

/* Of the sessions that this worker knows only the link's has pooled streams on it. */
void http_worker_rest_streams(struct worker *w, const struct server_link *l)
{
	list_for_each (it, &w->routing->names.all) {
		struct route *route = list_entry(it, struct route, all);
		list_for_each (at, &route->entries)
			stream_pool_rest(service_shard_of(at), l);
	}
}
