#include "server/sender.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/macros.h"
#include "server/access_log.h"
#include "server/handoff.h"
#include "server/hatch.h"
#include "server/session.h"

/*
 * What part of a session's flows may be questions under way, before those that have had an answer make way for
 * them: 204 of 1,024, a burst of a busy resolver.
 */
#define SENDER_UNANSWERED_SHARE 5

static struct sender *sender_of(struct flow *f)
{
	return container_of(f, struct sender, flow);
}

static struct worker *sender_worker(const struct sender *s)
{
	return s->hatch->worker;
}

static void sender_log(const struct sender *s, const char *why)
{
	char visitor[ADDRESS_TEXT_SIZE], port[LISTENER_PLACE_SIZE];
	snprintf(port, sizeof(port), "udp:%u", s->entry.local.port);
	struct access_entry a = {
		.visitor = {visitor, address_format_ip(&s->entry.peer, visitor)},
		.method = STR("UDP"),
		.host = str_from(port),
		.bytes_in = s->bytes[0],
		.bytes_out = s->bytes[1],
		.duration = loop_now(sender_worker(s)->loop) - s->began,
		.session = str_from(s->branch->service->session->name),
		.why = why,
	};
	access_log(&a);
}

static void sender_reap(struct loop_task *task)
{
	free(container_of(task, struct sender, reap));
}

/* What did not get through since it was last asked. */
static void sender_count_late(struct sender *s)
{
	hatch_dropped(s->hatch, HATCH_DROP_LATE, s->flow.dropped - s->late, &s->entry.peer);
	s->late = s->flow.dropped;
}

static void census_leave_flow(struct worker *w, const struct address *peer, bool counted)
{
	census_leave(&w->node->census, CENSUS_FLOW, counted ? peer : NULL);
}

/* The stream is closed, whoever closed it. */
static void sender_over(struct sender *s, const char *why)
{
	struct worker *w = sender_worker(s);
	sender_log(s, why);
	sender_count_late(s);
	roll_remove(&w->senders.roll, &s->entry);
	list_unlink(&s->of_hatch);
	flow_queue_remove(&s->branch->presence->senders, &s->of_presence);
	timeout_cancel(&s->idle);
	census_leave_flow(w, &s->entry.peer, s->counted);
	atomic_fetch_sub_explicit(&s->branch->service->session->flows, 1, memory_order_relaxed);
	trunk_finished(s->trunk);
	branch_finished(s->branch);
	loop_defer(w->loop, LOOP_PHASE_REAP, &s->reap);
}

static void sender_end(struct sender *s, enum frame_reset reason, const char *why)
{
	flow_abort(&s->flow, reason);
	sender_over(s, why);
}

void sender_close(struct sender *s, const char *why)
{
	sender_end(s, FRAME_RESET_CANCELLED, why);
}

static void sender_idle_expired(struct timeout_queue *queue, struct timeout *entry)
{
	sender_end(container_of(entry, struct sender, idle), FRAME_RESET_TIMEOUT, NULL);
}

/* ---- What the client says ---- */

static void sender_opening(struct flow *f, struct frame_open *open_out)
{
	struct sender *s = sender_of(f);
	open_out->service = service_number(s->branch->service, s->entry.local.port);
	open_out->visitor = frame_addr_of(&s->entry.peer);
	open_out->local = frame_addr_of(&s->entry.local);
}

static void sender_answered(struct flow *f, const uint8_t *p, size_t n)
{
	struct sender *s = sender_of(f);
	branch_worked(s->branch);
	timeout_start(&sender_worker(s)->senders.idle, &s->idle);
	roll_answered(&s->entry);
	flow_queue_answered(&s->branch->presence->senders, &s->of_presence);
	s->bytes[1] += n;
	hatch_answer(s->hatch, &s->entry.peer, &s->entry.local, p, n);
}

static void sender_closed(struct flow *f, enum frame_reset reason)
{
	struct sender *s = sender_of(f);
	if (frame_reset_is_dial(reason))
		branch_failed(s->branch, loop_now(sender_worker(s)->loop));
	bool in_order = reason == FRAME_RESET_NONE || reason == FRAME_RESET_TIMEOUT;
	sender_over(s, in_order ? NULL : frame_reset_name(reason));
}

static const struct flow_ops sender_ops = {
	.opening = sender_opening,
	.received = sender_answered,
	.closed = sender_closed,
};

/* ---- A new one ---- */

static void sender_crowded(struct sender *s, enum hatch_crowd why)
{
	hatch_crowded(s->hatch, why, &s->entry.peer);
	sender_close(s, "crowded");
}

/*
 * Counts one more flow against its address, for which another one of the address may have to go. What an
 * address may have follows what is free: while less than half of the session's are taken, nobody is in
 * anybody's way.
 */
static bool sender_admit_address(struct worker *w, struct branch *b, const struct address *peer)
{
	struct census *census = &w->node->census;
	atomic_uint *flows = &b->service->session->flows;
	bool plenty = atomic_load_explicit(flows, memory_order_relaxed) * 2 < w->opts->max_flows;
	unsigned limit = plenty ? 0 : (unsigned)w->opts->max_flows_per_visitor;
	int r = census_enter(census, CENSUS_FLOW, peer, 0, limit);
	if (r != -EUSERS)
		return r == 0;
	struct roll_entry *e = roll_victim(&w->senders.roll, peer, loop_now(w->loop));
	if (!e)
		return false; /* all of them are on other workers */
	sender_crowded(container_of(e, struct sender, entry), HATCH_CROWD_ADDRESS);
	/* It takes the other's place, however many there are since there was plenty. */
	return census_enter(census, CENSUS_FLOW, peer, 0, 0) == 0;
}

/* The same for the session. */
static bool sender_admit_session(struct worker *w, struct branch *b)
{
	atomic_uint *flows = &b->service->session->flows;
	if (atomic_fetch_add_explicit(flows, 1, memory_order_relaxed) < w->opts->max_flows)
		return true;
	struct flow_place *p = flow_queue_victim(&b->presence->senders, SENDER_UNANSWERED_SHARE,
		loop_now(w->loop));
	if (p) {
		sender_crowded(container_of(p, struct sender, of_presence), HATCH_CROWD_CLIENT);
		return true;
	}
	/* All of them are on other workers. */
	atomic_fetch_sub_explicit(flows, 1, memory_order_relaxed);
	return false;
}

/* `counted`: the address is held against it. */
static bool sender_admit(struct worker *w, struct branch *b, const struct address *peer,
	bool counted)
{
	if (!counted)
		census_enter(&w->node->census, CENSUS_FLOW, NULL, 0, 0);
	else if (!sender_admit_address(w, b, peer))
		return false;
	if (sender_admit_session(w, b))
		return true;
	census_leave_flow(w, peer, counted);
	return false;
}

/* NULL when there is no memory, or the client takes no more streams. */
static struct sender *sender_start(struct hatch *h, struct branch *b, const struct address *peer,
	const struct address *local)
{
	struct worker *w = h->worker;
	struct trunk *t = branch_trunk(b);
	struct sender *s = t ? calloc(1, sizeof(*s)) : NULL;
	if (!s)
		return NULL;
	s->entry = (struct roll_entry){.port = h, .peer = *peer, .local = *local};
	flow_init(&s->flow, &sender_ops);
	s->flow.stream.group = address_network(peer);
	uint64_t now = loop_now(w->loop);
	if (roll_add(&w->senders.roll, &s->entry, now) < 0) {
		free(s);
		return NULL;
	}
	if (mux_open(&t->io.link.mux, &s->flow.stream) < 0) {
		roll_remove(&w->senders.roll, &s->entry);
		free(s);
		return NULL;
	}
	s->hatch = h;
	s->branch = b;
	s->trunk = t;
	s->began = now;
	timeout_init(&s->idle);
	loop_task_init(&s->reap, sender_reap);
	flow_queue_add(&b->presence->senders, &s->of_presence, now);
	list_init(&s->of_hatch);
	list_append(&h->senders, &s->of_hatch);
	branch_began(b);
	trunk_began(t);
	routes_used(&b->entry);
	return s;
}

static struct sender *sender_new(struct hatch *h, struct branch *b, const struct address *peer,
	const struct address *local)
{
	struct worker *w = h->worker;
	bool counted = !cidr_list_has(&w->opts->trusted, peer);
	if (!sender_admit(w, b, peer, counted))
		return NULL;
	struct sender *s = sender_start(h, b, peer, local);
	if (s) {
		s->counted = counted;
		return s;
	}
	atomic_fetch_sub_explicit(&b->service->session->flows, 1, memory_order_relaxed);
	census_leave_flow(w, peer, counted);
	return NULL;
}

/*
 * Here, if there is any good way: the hatch does not move to share load, because a move ends all its
 * flows.
 */
static struct pick sender_pick(struct worker *w, struct hatch *h)
{
	struct route *route =
		w->draining ? NULL : routes_find(&w->ports, str_from(h->place), loop_now(w->loop));
	return route ? branch_pick(w, route, NULL, true) : PICK_NONE;
}

/* A link that does not answer while another does is none to wait for with a first question (rule 46). */
static bool sender_stranded(const struct sender *s)
{
	if (s->bytes[1] || !trunk_silent(s->trunk))
		return false;
	struct pick pick = sender_pick(sender_worker(s), s->hatch);
	return pick_found(pick) && !pick.last;
}

/*
 * None if whoever it was before is withdrawn, and another session has the port too; nor if it has to go
 * another way.
 */
static struct sender *sender_find(struct hatch *h, const struct address *peer,
	const struct address *local)
{
	struct roll_entry *e = roll_find(&h->worker->senders.roll, h, peer, local);
	struct sender *s = e ? container_of(e, struct sender, entry) : NULL;
	const char *over = NULL;
	if (s && s->branch->gone)
		over = "withdrawn";
	else if (s && sender_stranded(s))
		over = "link_silent";
	if (!over)
		return s;
	sender_close(s, over);
	return NULL;
}

void sender_heard(struct hatch *h, const struct address *peer, const struct address *local,
	const uint8_t *p, size_t n)
{
	struct worker *w = h->worker;
	struct sender *s = sender_find(h, peer, local);
	if (!s) {
		struct pick pick = sender_pick(w, h);
		if (!pick.branch && pick.worker >= 0 && hatch_move(h, (unsigned)pick.worker)) {
			hatch_carry(h, peer, local, p, n);
			return;
		}
		s = pick.branch ? sender_new(h, pick.branch, peer, local) : NULL;
		if (!s) {
			hatch_dropped(h, pick.branch ? HATCH_DROP_FULL : HATCH_DROP_NOBODY, 1,
				peer);
			return;
		}
	}
	s->bytes[0] += n;
	timeout_start(&w->senders.idle, &s->idle);
	roll_heard(&s->entry);
	flow_queue_heard(&s->branch->presence->senders, &s->of_presence);
	flow_send(&s->flow, p, n, loop_now(w->loop));
	sender_count_late(s);
}

/* ---- All of a worker's ---- */

void senders_init(struct senders *s, struct worker *w)
{
	list_init(&s->hatches);
	roll_init(&s->roll);
	timeout_queue_init(&s->idle, w->loop, w->opts->udp_idle, sender_idle_expired);
}

void senders_deinit(struct senders *s)
{
	while (!list_empty(&s->hatches))
		hatch_stop(list_entry(s->hatches.next, struct hatch, link));
	timeout_queue_deinit(&s->idle);
	roll_deinit(&s->roll);
	s->arena = udp_arena_free(s->arena);
}
