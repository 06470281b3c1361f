/* SPDX-License-Identifier: MIT */
#include "server/private/bridge_end.h"

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "server/base/worker.h"

bool bridge_end_is_local(const struct bridge_end *e)
{
	const struct bridge *b = e->bridge;
	return e == &b->near ? !b->away : b->far.worker == b->near.worker;
}

static void post(struct bridge_end *to, struct mail *mail)
{
	node_post(to->worker->node, to->worker->index, mail);
}

void bridge_release(struct bridge *b)
{
	if (atomic_fetch_sub_explicit(&b->holds, 1, memory_order_acq_rel) > 1)
		return;
	if (b->counted)
		limits_release(&b->near.worker->node->limits, LIMITS_BRIDGES, NULL);
	free(b);
}

/* Where it comes from is what we see, but for the port (rule 48). */
void bridge_end_opening(const struct bridge_end *e, struct frame_open *open_out)
{
	const struct bridge *b = e->bridge;
	open_out->kind = b->kind == CONTROL_UDP ? FRAME_KIND_UDP : FRAME_KIND_TCP;
	open_out->service = b->service->service->number;
	open_out->visitor = frame_addr_of(&b->peer);
	open_out->link = b->link_id;
	memcpy(open_out->consumer, b->consumer, sizeof(b->consumer));
}

/* ---- Data ---- */

struct bridge_chunk *bridge_chunk_new(const void *p, size_t n, size_t cap)
{
	struct bridge_chunk *c = malloc(sizeof(*c) + cap);
	if (!c)
		return NULL;
	list_init(&c->link);
	c->start = 0;
	c->end = n;
	c->cap = cap;
	if (n)
		memcpy(c->data, p, n);
	return c;
}

static void chunk_delivered(struct mail *mail)
{
	struct bridge_chunk *c = container_of(mail, struct bridge_chunk, mail);
	c->to->ops->receive(c->to, c);
}

static void chunk_discarded(struct mail *mail)
{
	free(container_of(mail, struct bridge_chunk, mail));
}

void bridge_end_give(struct bridge_end *e, struct bridge_chunk *c)
{
	struct bridge_end *to = bridge_end_other(e);
	c->to = to;
	if (bridge_end_is_local(e)) {
		to->ops->receive(to, c);
		return;
	}
	c->mail = (struct mail){.deliver = chunk_delivered, .discard = chunk_discarded};
	post(to, &c->mail);
}

static void hear_end(struct bridge_end *e)
{
	e->ended = true;
	stream_ready(&e->stream);
}

static void end_delivered(struct mail *mail)
{
	hear_end(bridge_end_other(container_of(mail, struct bridge_end, end)));
}

void bridge_end_finish(struct bridge_end *e)
{
	e->handed = true;
	e->end = (struct mail){.deliver = end_delivered};
	if (bridge_end_is_local(e))
		hear_end(bridge_end_other(e));
	else
		post(bridge_end_other(e), &e->end);
}

/* ---- That they were taken ---- */

static void hear_taken(struct bridge_end *e, size_t n)
{
	e->owed -= n;
	if (!e->closed)
		e->ops->resume(e);
}

/* Before the amount is read: whoever adds to it later posts again. */
static void taken_delivered(struct mail *mail)
{
	struct bridge_end *e = container_of(mail, struct bridge_end, taken_mail);
	atomic_store(&e->taken_posted, false);
	hear_taken(e, atomic_exchange(&e->taken_there, 0));
}

void bridge_end_took(struct bridge_end *e, size_t n)
{
	struct bridge_end *to = bridge_end_other(e);
	if (bridge_end_is_local(e)) {
		to->taken += n;
		loop_defer(to->worker->loop, LOOP_PHASE_READ, &to->task);
		return;
	}
	atomic_fetch_add(&to->taken_there, n);
	if (atomic_exchange(&to->taken_posted, true))
		return;
	to->taken_mail = (struct mail){.deliver = taken_delivered};
	post(to, &to->taken_mail);
}

/* ---- The last word ---- */

static void end_reap(struct loop_task *task)
{
	bridge_release(container_of(task, struct bridge_end, reap)->bridge);
}

/* Its stream's memory has to last until this turn of its own worker ends. */
static void end_done(struct bridge_end *e)
{
	loop_task_cancel(&e->task);
	list_unlink(&e->link);
	if (e->side->over)
		e->side->over(e);
	loop_defer(e->worker->loop, LOOP_PHASE_REAP, &e->reap);
}

void bridge_end_over(struct bridge_end *e)
{
	e->over = true;
	if (e->closed)
		end_done(e);
}

/* What closed() says of our own link, or a consumer of its dial, is nothing for the other side. */
static enum frame_reset reason_across(const struct bridge_end *from)
{
	enum frame_reset reason = from->last.reason;
	if (reason == FRAME_RESET_LINK_LOST || reason == FRAME_RESET_SURPLUS)
		return FRAME_RESET_ABORTED;
	if (from == &from->bridge->near && frame_reset_is_dial(reason))
		return FRAME_RESET_CANCELLED;
	return reason;
}

static void hear_last(struct bridge_end *e)
{
	struct bridge_end *from = bridge_end_other(e);
	if (from->last.failed && !e->closed && e->side->again(e))
		return;
	if (from->last.unopened)
		bridge_release(e->bridge); /* not the last one: our own is there */
	bool in_order = from->last.in_order;
	bridge_end_over(e);
	/* Behind an end in order it goes on until what waits was taken. */
	if (!e->closed && !in_order)
		bridge_end_reset(e, reason_across(from));
}

static struct bridge_end *last_receiver(struct mail *mail)
{
	struct bridge_last *last = container_of(mail, struct bridge_last, mail);
	return bridge_end_other(container_of(last, struct bridge_end, last));
}

static void last_delivered(struct mail *mail)
{
	hear_last(last_receiver(mail));
}

void bridge_end_forget(struct bridge_end *e)
{
	if (e->over)
		return;
	e->over = true;
	if (e->closed)
		bridge_release(e->bridge);
}

static void last_discarded(struct mail *mail)
{
	struct bridge_end *e = last_receiver(mail), *from = bridge_end_other(e);
	struct bridge *b = e->bridge;
	bool alone = from->last.unopened;
	/* It waits for an answer, which is on its way if we have closed, and else never comes. */
	bool waits = from->last.failed && !e->last.said;
	if (waits)
		bridge_end_forget(from);
	if (alone)
		bridge_release(b);
	bridge_end_forget(e);
}

void bridge_end_say_last(struct bridge_end *e)
{
	struct bridge_end *to = bridge_end_other(e);
	e->last.said = true;
	if (bridge_end_is_local(e)) {
		to->last_waits = true;
		loop_defer(to->worker->loop, LOOP_PHASE_READ, &to->task);
		return;
	}
	e->last.mail = (struct mail){.deliver = last_delivered, .discard = last_discarded};
	post(to, &e->last.mail);
}

void bridge_end_close(struct bridge_end *e, enum frame_reset reason, bool in_order)
{
	e->closed = true;
	e->last.reason = reason;
	e->last.in_order = in_order;
	e->ops->drop(e);
	e->side->left(e);
	e->server_link = NULL;
	if (e->joined)
		bridge_end_say_last(e);
	if (e->over)
		end_done(e);
}

void bridge_end_reset(struct bridge_end *e, enum frame_reset reason)
{
	if (e->closed)
		return;
	e->ops->reset(e, reason);
	bridge_end_close(e, reason, false);
}

/* ---- What is heard at the end of a turn ---- */

static void end_hear(struct loop_task *task)
{
	struct bridge_end *e = container_of(task, struct bridge_end, task);
	size_t taken = e->taken;
	bool last = e->last_waits;
	e->taken = 0;
	e->last_waits = false;
	if (taken)
		hear_taken(e, taken);
	if (last)
		hear_last(e);
}

void bridge_end_flush(struct bridge_end *e)
{
	if (!list_linked(&e->task.link))
		return;
	loop_task_cancel(&e->task);
	end_hear(&e->task);
}

void bridge_end_init(struct bridge_end *e, struct bridge *b, const struct bridge_side_ops *side,
	struct worker *w)
{
	*e = (struct bridge_end){.bridge = b, .side = side, .worker = w};
	list_init(&e->link);
	list_init(&e->chunks);
	loop_task_init(&e->task, end_hear);
	loop_task_init(&e->reap, end_reap);
}
