/* SPDX-License-Identifier: MIT */
#include "server/http/retry.h"

#include "server/base/worker.h"
#include "server/http/dispatch.h"
#include "server/http/http_worker.h"
#include "server/http/plan.h"
#include "server/http/request_body.h"
#include "server/route/balance.h"

/* Rule 37: once, when none of it was written, or when doing it twice does no harm. */
static bool may_retry(const struct exchange *ex, bool untouched)
{
	if (ex->again)
		return false;
	if (untouched)
		return ex->holding;
	return http1_idempotent(ex->method) && ex->body.kind == HTTP1_BODY_NONE && !ex->upgrade;
}

/* Whether another session than the shard's serves the route; `*found_out` is that. */
static bool has_other(const struct exchange *ex, const struct service_shard *shard,
	struct route_found *found_out)
{
	struct route_query query = dispatch_query(ex, shard);
	enum route_outcome outcome = route_find(ex->worker, &query, found_out);
	return outcome == ROUTE_HERE || outcome == ROUTE_ELSEWHERE;
}

void retry_silent_link(struct exchange *ex)
{
	struct pooled_stream *pooled = ex->user.pooled;
	if (!pooled || !server_link_silent(pooled->server_link) || ex->headed || ex->n_interim ||
		buf_len(&ex->partial))
		return;
	/* A login is this connection's to the upstream: elsewhere there is none. */
	if (ex->login || pooled->use == POOLED_STREAM_OWN)
		return;
	if (!may_retry(ex, pooled->stream.sent == pooled->begun_at))
		return;
	struct route_found found;
	if (!has_other(ex, NULL, &found) || found.last)
		return;
	stream_reset(&pooled->stream, FRAME_RESET_CANCELLED);
	pooled_stream_fail(pooled, FRAME_RESET_LINK_LOST, pooled->stream.sent);
}

void retry_stream_lost(struct stream_user *u, const struct service_shard *shard,
	enum frame_reset reason, bool untouched)
{
	struct exchange *ex = exchange_of(u);
	if (ex->gone) {
		ex->ops->abort(ex);
		return;
	}
	if (ex->malformed) {
		exchange_log_fault(ex, "request", ex->malformed,
			http1_chunks_fault(&ex->body.chunks));
		exchange_fail_request(ex, ex->malformed);
		return;
	}
	if (ex->plan && ex->plan->body_exceeded) {
		ex->keep = false;
		exchange_fail(ex, ERROR_PAGE_BODY_LIMIT);
		return;
	}
	if (ex->upgraded && reason == FRAME_RESET_NONE) {
		ex->ops->end(ex); /* both directions ended in order */
		return;
	}
	enum error_page_cause cause = error_page_cause_of_reset(reason);
	bool dial = frame_reset_is_dial(reason);
	struct route_found found;
	bool again = !ex->headed && may_retry(ex, untouched);
	/* An upstream that ends its connections may be about to end: its next dial would be the request's last. */
	bool other = again && has_other(ex, shard, &found);
	if (again && (other || !dial)) {
		ex->again = true;
		counter_add(&ex->worker->http->counts.retried, 1);
		request_body_rewind(ex);
		dispatch_send(ex, other && (dial || !found.last) ? shard : NULL);
		return;
	}
	exchange_fail(ex, cause);
}
