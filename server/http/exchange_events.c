/* SPDX-License-Identifier: MIT */
#include "server/http/exchange_events.h"

#include "server/base/worker.h"
#include "server/http/dispatch.h"
#include "server/http/http_worker.h"
#include "server/http/request_body.h"
#include "server/http/response.h"
#include "server/http/retry.h"

static void opening(struct stream_user *u, struct frame_open *open_out)
{
	struct exchange *ex = exchange_of(u);
	open_out->visitor = frame_addr_of(&ex->visitor);
	open_out->local = frame_addr_of(&ex->downstream->local);
	ex->ops->opening(ex, open_out);
}

static const struct stream_user_ops stream_user_ops = {
	.opening = opening,
	.pull = request_body_pull,
	.push = response_push,
	.push_end = response_push_end,
	.refused = response_refused,
	.lost = retry_stream_lost,
};

void exchange_init(struct exchange *ex, const struct exchange_ops *ops, struct worker *w,
	const struct downstream *downstream)
{
	ex->ops = ops;
	ex->downstream = downstream;
	ex->worker = w;
	ex->user.ops = &stream_user_ops;
	waiter_init(&ex->waiter, dispatch_waited, dispatch_wait_expired);
	timeout_init(&ex->timeout);
}

bool exchange_readable(struct exchange *ex)
{
	struct pooled_stream *pooled = ex->user.pooled;
	if (!pooled || ex->body.done)
		return false;
	stream_ready(&pooled->stream);
	return pooled->stream.credit > 0;
}

void exchange_writable(struct exchange *ex)
{
	if (ex->user.pooled)
		pooled_stream_resume(ex->user.pooled);
}

/* The body stopped coming, or the upstream stopped taking what has come. */
void exchange_body_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct exchange *ex = container_of(entry, struct exchange, timeout);
	ex->keep = false;
	exchange_fail(ex,
		ex->ops->pending(ex) ? ERROR_PAGE_ANSWER_TIMEOUT : ERROR_PAGE_HEAD_TIMEOUT);
}

void exchange_answer_expired(struct timeout_queue *queue, struct timeout *entry)
{
	struct exchange *ex = container_of(entry, struct exchange, timeout);
	if (ex->user.pooled)
		service_shard_notice(ex->user.pooled->shard,
			"did not respond to request %s within %g s (--response-head-timeout of the "
			"exit node)",
			ex->id, (double)ex->worker->opts->response_head_timeout / CLOCK_S);
	exchange_fail(ex, ERROR_PAGE_ANSWER_TIMEOUT);
}
