#include "server/hatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "server/sender.h"
#include "server/worker.h"

/* Bytes of a sentence about what was dropped, and why. */
#define SUM_SIZE 256

/* Before each datagram that is carried; copied in and out, since nothing is aligned there. */
struct carried {
	struct address peer, local;
	size_t n;
};

static void hatch_set_state(struct hatch *h, enum hatch_state state)
{
	static const uint8_t legal[] = {
		[HATCH_MOVING] = 1 << HATCH_OPEN | 1 << HATCH_CLOSED,
		[HATCH_OPEN] = 1 << HATCH_LEAVING | 1 << HATCH_CLOSED,
		[HATCH_LEAVING] = 1 << HATCH_MOVING | 1 << HATCH_CLOSED,
		[HATCH_CLOSED] = 0,
	};
	if (!(legal[h->state] & 1 << state))
		abort();
	h->state = state;
}

/* ---- What is dropped, and which flows end early ---- */

/* "3 why, 4 why" of those that are not 0, which are counted anew; their sum. */
static uint64_t sum_up(uint64_t *counts, const char *const *why, size_t n, char text[SUM_SIZE])
{
	uint64_t sum = 0;
	size_t at = 0;
	text[0] = 0;
	for (size_t i = 0; i < n; i++) {
		if (counts[i])
			at += (size_t)snprintf(text + at, SUM_SIZE - at, "%s%llu %s",
				at ? ", " : "", (unsigned long long)counts[i], why[i]);
		sum += counts[i];
		counts[i] = 0;
	}
	return sum;
}

static void hatch_say(struct hatch *h)
{
	static const char *const drops[] = {
		[HATCH_DROP_NOBODY] = "no client was there for it",
		[HATCH_DROP_FULL] = "of too many flows",
		[HATCH_DROP_LATE] = "more than the client's link took in time",
		[HATCH_DROP_OVERRUN] = "came faster than they were read, for a receive buffer that "
				       "net.core.rmem_max may limit",
		[HATCH_DROP_SOCKET] = "not taken by the socket",
	};
	static const char *const crowds[] = {
		[HATCH_CROWD_ADDRESS] = "of an address beyond --max-flows-per-visitor",
		[HATCH_CROWD_CLIENT] = "of a client beyond --max-flows",
	};
	char text[SUM_SIZE], peer[ADDRESS_TEXT_SIZE];
	h->saying = false;
	address_format(&h->last, peer);
	uint64_t dropped = sum_up(h->drops, drops, HATCH_DROPS, text);
	if (dropped)
		log_warn("%s dropped %llu datagrams, the last of visitor %s: %s", h->place,
			(unsigned long long)dropped, peer, text);
	uint64_t crowded = sum_up(h->crowded, crowds, HATCH_CROWDS, text);
	if (crowded)
		log_warn("%s ended %llu flows for new ones, the last of visitor %s: %s", h->place,
			(unsigned long long)crowded, peer, text);
	if (dropped || crowded)
		h->said_at = loop_now(h->worker->loop);
}

static void hatch_say_due(struct loop_timer *timer)
{
	hatch_say(container_of(timer, struct hatch, say));
}

static void hatch_count(struct hatch *h, uint64_t *count, uint64_t n, const struct address *peer)
{
	*count += n;
	if (peer)
		h->last = *peer;
	if (h->saying)
		return;
	h->saying = true;
	loop_timer_set(&h->say, MAX(loop_now(h->worker->loop) + HATCH_SAY_FIRST,
					h->said_at ? h->said_at + HATCH_SAY_AGAIN : 0));
}

void hatch_dropped(struct hatch *h, enum hatch_drop why, uint64_t n, const struct address *peer)
{
	if (n)
		hatch_count(h, &h->drops[why], n, peer);
}

void hatch_crowded(struct hatch *h, enum hatch_crowd why, const struct address *peer)
{
	hatch_count(h, &h->crowded[why], 1, peer);
}

static void hatch_count_socket(struct hatch *h, const struct address *peer)
{
	hatch_dropped(h, HATCH_DROP_SOCKET, h->udp.dropped - h->socket_drops, peer);
	hatch_dropped(h, HATCH_DROP_OVERRUN, h->udp.overrun - h->overruns, peer);
	h->socket_drops = h->udp.dropped;
	h->overruns = h->udp.overrun;
}

/* ---- On a worker ---- */

void hatch_answer(struct hatch *h, const struct address *peer, const struct address *local,
	const uint8_t *p, size_t n)
{
	udp_send(&h->udp, peer, local, p, n);
	hatch_count_socket(h, peer);
}

static void hatch_pass(struct hatch *h, const struct address *peer, const struct address *local,
	const uint8_t *p, size_t n)
{
	if (h->state == HATCH_LEAVING)
		hatch_carry(h, peer, local, p, n);
	else
		sender_heard(h, peer, local, p, n);
}

static void hatch_received(struct udp *udp, const struct address *peer, const struct address *local,
	const uint8_t *p, size_t n)
{
	struct hatch *h = container_of(udp, struct hatch, udp);
	hatch_count_socket(h, peer);
	hatch_pass(h, peer, local, p, n);
}

void hatch_carry(struct hatch *h, const struct address *peer, const struct address *local,
	const uint8_t *p, size_t n)
{
	struct carried c = {.peer = *peer, .local = *local, .n = n};
	if (buf_len(&h->carried) + sizeof(c) + n > HATCH_CARRY_MAX ||
		buf_reserve(&h->carried, sizeof(c) + n) < 0) {
		hatch_dropped(h, HATCH_DROP_LATE, 1, peer);
		return;
	}
	buf_append(&h->carried, &c, sizeof(c));
	buf_append(&h->carried, p, n);
}

static void hatch_deliver_carried(struct hatch *h)
{
	struct buf carried = h->carried;
	h->carried = BUF_NULL;
	while (buf_len(&carried)) {
		struct carried c;
		memcpy(&c, buf_head(&carried), sizeof(c));
		buf_consume(&carried, sizeof(c));
		hatch_pass(h, &c.peer, &c.local, buf_head(&carried), c.n);
		buf_consume(&carried, c.n);
	}
	buf_deinit(&carried);
}

/* Out of everything of this worker's. */
static void hatch_leave_worker(struct hatch *h, const char *why)
{
	while (!list_empty(&h->senders))
		sender_close(list_entry(h->senders.next, struct sender, of_hatch), why);
	loop_task_cancel(&h->leave);
	udp_detach(&h->udp);
	hatch_say(h);
	loop_timer_cancel(&h->say);
	list_unlink(&h->link);
}

void hatch_stop(struct hatch *h)
{
	hatch_leave_worker(h, "closed");
	hatch_set_state(h, HATCH_CLOSED);
}

static void hatch_came_home(struct mail *mail);

/*
 * At the end of the turn, so that what was read with the datagram that wants to go elsewhere goes along.
 * Flows that are still here (their links are about to leave) end: their answers would have no socket.
 */
static void hatch_leave(struct loop_task *task)
{
	struct hatch *h = container_of(task, struct hatch, leave);
	hatch_leave_worker(h, "moved");
	hatch_set_state(h, HATCH_MOVING);
	h->mail.deliver = hatch_came_home;
	h->mailed = true;
	node_post(h->node, 0, &h->mail);
}

bool hatch_move(struct hatch *h, unsigned worker)
{
	if (loop_now(h->worker->loop) - h->opened_at < HATCH_REST)
		return false;
	h->to = worker;
	hatch_set_state(h, HATCH_LEAVING);
	loop_defer(h->worker->loop, LOOP_PHASE_READ, &h->leave);
	return true;
}

/* ---- Between the threads ---- */

static void hatch_free(struct hatch *h)
{
	port_range_close(&h->sockets);
	buf_deinit(&h->carried);
	free(h);
}

/* At the process's end mail is delivered after everything else, in any order. */
static bool hatch_over(struct hatch *h)
{
	if (!h->node->over)
		return false;
	if (h->closing && !h->mailed && !h->closer_mailed)
		hatch_free(h);
	return true;
}

static void hatch_arrived(struct mail *mail)
{
	struct hatch *h = container_of(mail, struct hatch, mail);
	h->mailed = false;
	if (hatch_over(h))
		return;
	struct worker *w = h->worker;
	loop_task_init(&h->leave, hatch_leave);
	loop_timer_init(&h->say, w->loop, hatch_say_due);
	h->socket_drops = h->overruns = 0;
	if (!w->senders.arena)
		w->senders.arena = udp_arena_new();
	if (!w->senders.arena ||
		udp_receive(&h->udp, w->loop, w->senders.arena, &h->sockets, hatch_received) < 0) {
		log_error("%s cannot be served: out of memory", h->place);
		hatch_set_state(h, HATCH_CLOSED);
		return;
	}
	hatch_set_state(h, HATCH_OPEN);
	list_append(&w->senders.hatches, &h->link);
	h->opened_at = loop_now(w->loop);
	hatch_deliver_carried(h);
}

static void hatch_post(struct hatch *h, unsigned worker)
{
	h->at = worker;
	h->worker = h->node->workers[worker];
	h->mail.deliver = hatch_arrived;
	h->mailed = true;
	node_post(h->node, worker, &h->mail);
}

static void hatch_came_home(struct mail *mail)
{
	struct hatch *h = container_of(mail, struct hatch, mail);
	h->mailed = false;
	if (hatch_over(h))
		return;
	if (!h->closing) /* else its closer is under way, and the last to know it */
		hatch_post(h, h->to);
}

static void hatch_closer_back(struct mail *mail)
{
	struct hatch *h = container_of(mail, struct hatch, closer);
	h->closer_mailed = false;
	if (!hatch_over(h))
		hatch_free(h);
}

static void hatch_closer_arrived(struct mail *mail)
{
	struct hatch *h = container_of(mail, struct hatch, closer);
	h->closer_mailed = false;
	if (hatch_over(h))
		return;
	/* Else it has gone home, and came there before its closer will. */
	if (h->state == HATCH_OPEN || h->state == HATCH_LEAVING)
		hatch_stop(h);
	h->closer.deliver = hatch_closer_back;
	h->closer_mailed = true;
	node_post(h->node, 0, &h->closer);
}

/* ---- For the registrar ---- */

struct hatch *hatch_new(struct node *n, const struct port_range *sockets)
{
	struct hatch *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->node = n;
	h->sockets = *sockets;
	h->udp.fd = -1;
	list_init(&h->link);
	list_init(&h->senders);
	return h;
}

void hatch_send(struct hatch *h, const char *place, unsigned worker)
{
	snprintf(h->place, sizeof(h->place), "%s", place);
	hatch_post(h, worker);
}

struct hatch *hatch_close(struct hatch *h)
{
	if (!h)
		return NULL;
	h->closing = true;
	if (hatch_over(h))
		return NULL;
	/* Another thread may be reading; only such a read holds a port until it ends, some microseconds. */
	port_range_give_up(&h->sockets);
	h->closer.deliver = hatch_closer_arrived;
	h->closer_mailed = true;
	node_post(h->node, h->at, &h->closer);
	return NULL;
}
