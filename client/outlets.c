#include "client/outlets.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "crypto/random.h"
#include "net/dial.h"
#include "net/relay.h"

/*
 * One stream. It waits for its turn (ticket WAITING), dials (INSIDE), and then is nothing but its
 * relay (IDLE).
 */
struct outlet {
	struct relay relay;
	struct outlets *all;
	struct service *service;
	struct ticket ticket;
	struct timeout patience; /* while it waits for its turn */
	uint64_t opened;         /* µs */
	bool queued;             /* had to wait for other dials to end */
	struct dial dial;
	struct loop_task reap;
};

static void outlet_reap(struct loop_task *task)
{
	free(container_of(task, struct outlet, reap));
}

/* The stream is closed, whoever closed it. Its memory goes when nothing of this turn looks at it. */
static void outlet_end(struct outlet *o)
{
	struct outlets *all = o->all;
	timeout_cancel(&o->patience);
	if (o->ticket.state == TICKET_INSIDE) {
		dial_cancel(&o->dial);
		loop_defer(all->loop, LOOP_PHASE_WRITE, &all->admit);
	}
	turnstile_leave(&all->turnstile, &o->ticket);
	all->n--;
	loop_defer(all->loop, LOOP_PHASE_REAP, &o->reap);
}

static void outlet_ended(struct relay *relay, enum frame_reset reason)
{
	outlet_end(container_of(relay, struct outlet, relay));
}

static void outlet_fail(struct outlet *o, enum frame_reset reason)
{
	relay_abort(&o->relay, reason);
	outlet_end(o);
}

static enum frame_reset reset_reason(const struct outlet *o)
{
	switch (o->dial.outcome) {
	case DIAL_REFUSED:
		return FRAME_RESET_REFUSED;
	case DIAL_UNREACHABLE:
		return FRAME_RESET_UNREACHABLE;
	case DIAL_NO_ADDRESS:
		return FRAME_RESET_DNS;
	case DIAL_TIMED_OUT:
		/* Of one deadline, most went by before its turn came. */
		return o->queued ? FRAME_RESET_BUSY : FRAME_RESET_DIAL_TIMEOUT;
	case DIAL_FAILED:
	case DIAL_CONNECTED:
		break;
	}
	return FRAME_RESET_BUSY; /* descriptors or memory of ours */
}

static void outlet_dialled(struct dial *dial, int fd)
{
	struct outlet *o = container_of(dial, struct outlet, dial);
	struct outlets *all = o->all;
	turnstile_leave(&all->turnstile, &o->ticket);
	if (all->turnstile.waiting)
		loop_defer(all->loop, LOOP_PHASE_WRITE, &all->admit);
	if (fd < 0) {
		services_failed(o->service, dial->reason, loop_now(all->loop));
		outlet_fail(o, reset_reason(o));
	} else if (relay_connect(&o->relay, PLUG_OF(fd)) < 0) {
		outlet_fail(o, FRAME_RESET_NO_MEMORY);
	}
}

static void outlet_admitted(struct turnstile *t, struct ticket *ticket)
{
	struct outlet *o = container_of(ticket, struct outlet, ticket);
	struct outlets *all = o->all;
	const struct url *url = &o->service->upstream->url;
	timeout_cancel(&o->patience);
	o->queued = loop_now(all->loop) - o->opened > all->dial_timeout / 2;
	dial_start(&o->dial, all->loop, all->offload, url->host, url->port,
		o->opened + all->dial_timeout, outlet_dialled);
}

static void outlet_impatient(struct timeout_queue *queue, struct timeout *entry)
{
	struct outlet *o = container_of(entry, struct outlet, patience);
	services_failed(o->service, "too many connections to it are being opened",
		loop_now(o->all->loop));
	outlet_fail(o, FRAME_RESET_BUSY);
}

static void outlets_admit(struct loop_task *task)
{
	struct outlets *o = container_of(task, struct outlets, admit);
	turnstile_admit(&o->turnstile);
}

int outlets_init(struct outlets *o, struct loop *loop, struct offload *offload,
	const struct services *services, const struct client_options *options)
{
	*o = (struct outlets){
		.loop = loop,
		.offload = offload,
		.services = services,
		.dial_timeout = options->dial_timeout,
	};
	uint64_t hash_key;
	random_bytes(&hash_key, sizeof(hash_key));
	loop_task_init(&o->admit, outlets_admit);
	timeout_queue_init(&o->waiting, loop, options->dial_timeout, outlet_impatient);
	return turnstile_init(&o->turnstile, options->max_dials, options->max_dials_per_visitor,
		hash_key, outlet_admitted);
}

void outlets_deinit(struct outlets *o)
{
	if (!o->loop)
		return;
	loop_task_cancel(&o->admit);
	timeout_queue_deinit(&o->waiting);
	turnstile_deinit(&o->turnstile);
	o->loop = NULL;
}

static struct address visitor_of(const struct frame_open *open)
{
	struct address a = {.port = open->visitor.port, .family = open->visitor.family};
	memcpy(a.bytes, open->visitor.ip, sizeof(a.bytes));
	return a;
}

/*
 * The dial begins behind this turn's reading, so that a stream whose RESET came in the same read as
 * its OPEN is never dialled (rule 25).
 */
struct stream *outlets_open(struct outlets *all, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct service *service = services_find(all->services, open->service);
	*reason_out = FRAME_RESET_UNKNOWN_SERVICE;
	/* A request that may become a WebSocket has a stream of its own, of kind tcp. */
	bool requests = open->kind == FRAME_KIND_HTTP;
	if (!service || !(requests || open->kind == FRAME_KIND_TCP))
		return NULL;
	*reason_out = FRAME_RESET_NO_MEMORY;
	struct outlet *o = malloc(sizeof(*o));
	if (!o)
		return NULL;
	o->all = all;
	o->service = service;
	o->opened = loop_now(all->loop);
	relay_init(&o->relay, all->loop, requests, outlet_ended);
	ticket_init(&o->ticket);
	timeout_init(&o->patience);
	loop_task_init(&o->reap, outlet_reap);
	struct address visitor = visitor_of(open);
	if (turnstile_enter(&all->turnstile, &o->ticket, &visitor) < 0) {
		free(o);
		return NULL;
	}
	timeout_start(&all->waiting, &o->patience);
	loop_defer(all->loop, LOOP_PHASE_WRITE, &all->admit);
	all->n++;
	return &o->relay.stream;
}
