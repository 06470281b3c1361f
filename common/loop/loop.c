/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"

#include <stdlib.h>

#include "base/log.h"
#include "loop/loop_internal.h"

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof *loop);
	if (!loop)
		return NULL;
	for (int i = 0; i < LOOP_PHASES; i++)
		list_init(&loop->phases[i]);
	list_init(&loop->slots);
	if (loop_events_init(loop) < 0 || mailbox_init(&loop->mailbox, loop) < 0) {
		loop_events_deinit(loop);
		free(loop);
		return NULL;
	}
	return loop;
}

static void run_phase(struct loop *loop, enum loop_phase phase)
{
	/* Taken off first: what is deferred meanwhile waits for the next turn. */
	struct list batch;
	list_init(&batch);
	list_splice(&batch, &loop->phases[phase]);
	while (!list_empty(&batch)) {
		struct loop_task *task = list_entry(batch.next, struct loop_task, link);
		list_unlink(&task->link);
		task->run(task);
	}
}

static void reap(struct loop *loop)
{
	while (!list_empty(&loop->phases[LOOP_PHASE_REAP]))
		run_phase(loop, LOOP_PHASE_REAP);
}

static void end_slots(struct loop *loop)
{
	struct loop_slot *slot;
	while ((slot = list_first(&loop->slots, struct loop_slot, link))) {
		list_unlink(&slot->link);
		slot->end(slot);
		reap(loop);
	}
}

void loop_end(struct loop *loop)
{
	if (loop->ended)
		return;
	loop->ended = true;
	mailbox_deinit(&loop->mailbox);
	reap(loop);
	end_slots(loop);
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	loop_end(loop);
	/* What ended with another loop may have left something here. */
	end_slots(loop);
	reap(loop);
	for (int i = 0; i < LOOP_PHASES; i++)
		while (!list_empty(&loop->phases[i]))
			list_unlink(loop->phases[i].next);
	loop_events_deinit(loop);
	free(loop);
	return NULL;
}

static bool work_left(const struct loop *loop)
{
	for (int i = 0; i < LOOP_PHASES; i++)
		if (!list_empty(&loop->phases[i]))
			return true;
	return false;
}

void loop_turn(struct loop *loop)
{
	loop_poll(loop, !work_left(loop));
	for (int i = 0; i < LOOP_PHASES; i++)
		run_phase(loop, i);
	log_turn();
}

void loop_run(struct loop *loop)
{
	while (!loop->stopped)
		loop_turn(loop);
	loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

struct mailbox *loop_mailbox(struct loop *loop)
{
	return &loop->mailbox;
}

void loop_slot_add(struct loop *loop, struct loop_slot *slot)
{
	list_prepend(&loop->slots, &slot->link);
}

struct loop_slot *loop_slot_find(struct loop *loop, void (*end)(struct loop_slot *slot))
{
	list_for_each (it, &loop->slots) {
		struct loop_slot *slot = list_entry(it, struct loop_slot, link);
		if (slot->end == end)
			return slot;
	}
	return NULL;
}
