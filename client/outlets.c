#include "client/outlets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/diagnosis.h"
#include "client/first_answer.h"
#include "net/dial.h"
#include "net/relay.h"
#include "net/tls_handshake.h"
#include "wire/proxy_protocol.h"

/*
 * QUEUED for a place under its service's --max-connections, which it keeps to its end; WAITING for its turn at
 * the queue of dials, where it has a slot until it relays.
 */
enum outlet_state {
	OUTLET_QUEUED,
	OUTLET_WAITING,
	OUTLET_DIALLING,
	OUTLET_SECURING,
	OUTLET_RELAYING,
	OUTLET_OVER
};

struct outlet;

/* Exists while an outlet is SECURING: it is big, and a stream lives for long. */
struct securing {
	struct tls_handshake handshake;
	struct outlet *outlet;
};

/* One stream. */
struct outlet {
	struct relay relay;
	struct outlets *all;
	struct publication *publication; /* counted */
	enum outlet_state state;
	struct fair_slot place; /* of publication::connections */
	struct fair_slot slot;
	struct timeout timeout; /* while it is queued or waits for its turn; then for --tcp-idle */
	uint64_t opened;        /* µs, when it began to wait for its turn to dial */
	bool queued;            /* had to wait for other dials to end */
	struct frame_open open;
	struct dial dial;
	struct securing *securing; /* NULL but while SECURING */
	struct loop_task reap;
};

static void outlet_reap(struct loop_task *task)
{
	struct outlet *o = container_of(task, struct outlet, reap);
	publication_unref(o->publication);
	free(o);
}

/* Every legal transition; anything else is a bug of ours. */
static void outlet_set_state(struct outlet *o, enum outlet_state state)
{
	static const uint8_t legal[] = {
		[OUTLET_QUEUED] = 1 << OUTLET_WAITING | 1 << OUTLET_OVER,
		[OUTLET_WAITING] = 1 << OUTLET_DIALLING | 1 << OUTLET_OVER,
		[OUTLET_DIALLING] = 1 << OUTLET_SECURING | 1 << OUTLET_RELAYING | 1 << OUTLET_OVER,
		[OUTLET_SECURING] = 1 << OUTLET_RELAYING | 1 << OUTLET_OVER,
		[OUTLET_RELAYING] = 1 << OUTLET_OVER,
		[OUTLET_OVER] = 0,
	};
	if (!(legal[o->state] & 1 << state))
		abort();
	o->state = state;
}

/* Its place in the queue is free for the next one. */
static void outlet_leave(struct outlet *o)
{
	struct outlets *all = o->all;
	bool inside = o->slot.state == FAIR_SLOT_INSIDE;
	fair_queue_leave(&all->dials, &o->slot);
	if (inside && all->dials.waiting)
		loop_defer(all->loop, LOOP_PHASE_WRITE, &all->admit);
}

/* Who is queued for it may get a place at the end of the turn. */
static void outlets_due(struct outlets *all, struct publication *publication)
{
	if (!list_linked(&publication->due))
		list_append(&all->due, &publication->due);
	loop_defer(all->loop, LOOP_PHASE_WRITE, &all->admit);
}

/* So is its place at the upstream. */
static void outlet_leave_place(struct outlet *o)
{
	struct fair_queue *connections = &o->publication->connections;
	bool inside = o->place.state == FAIR_SLOT_INSIDE;
	fair_queue_leave(connections, &o->place);
	if (inside && connections->waiting)
		outlets_due(o->all, o->publication);
}

/* The stream is closed, whoever closed it. Its memory goes when nothing of this turn looks at it. */
static void outlet_end(struct outlet *o)
{
	struct outlets *all = o->all;
	timeout_cancel(&o->timeout);
	if (o->state == OUTLET_DIALLING)
		dial_cancel(&o->dial);
	if (o->securing)
		tls_handshake_cancel(&o->securing->handshake);
	free(o->securing);
	outlet_set_state(o, OUTLET_OVER);
	outlet_leave(o);
	outlet_leave_place(o);
	all->n--;
	loop_defer(all->loop, LOOP_PHASE_REAP, &o->reap);
}

static void outlet_ended(struct relay *relay, enum frame_reset reason)
{
	outlet_end(container_of(relay, struct outlet, relay));
}

static void outlet_fail(struct outlet *o, enum frame_reset reason, const char *why)
{
	publication_failed(o->publication, why, loop_now(o->all->loop));
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

static struct address address_of(const struct frame_addr *from)
{
	struct address a = {.port = from->port, .family = from->family};
	memcpy(a.bytes, from->ip, sizeof(a.bytes));
	return a;
}

/* A fresh socket takes so few bytes at once, or is broken. */
static bool send_proxy_header(const struct outlet *o, int fd)
{
	uint8_t header[PROXY_HEADER_MAX];
	struct address visitor = address_of(&o->open.visitor), local = address_of(&o->open.local);
	size_t n = 0;
	switch (o->publication->upstream.proxy_protocol) {
	case UPSTREAM_PROXY_OFF:
		return true;
	case UPSTREAM_PROXY_V1:
		n = proxy_header_write_v1(header, &visitor, &local);
		break;
	case UPSTREAM_PROXY_V2:
		n = proxy_header_write_v2(header, &visitor, &local, (enum frame_tls)o->open.tls,
			publication_alpn(o->publication, o->open.alpn));
		break;
	}
	return send(fd, header, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n;
}

/* For its service's --tcp-idle. Requests have times of the exit node's. */
static int outlet_watch(struct outlet *o)
{
	uint64_t time = o->publication->upstream.limits.tcp_idle;
	if (!time || o->open.kind != FRAME_KIND_TCP || o->state != OUTLET_RELAYING)
		return 0;
	return idle_watch(&o->all->idle, &o->timeout, time);
}

static void outlet_heard(struct relay *relay, const uint8_t *p, size_t n)
{
	const struct outlet *o = container_of(relay, struct outlet, relay);
	publication_heard(o->publication, publication_port(o->publication, o->open.service), p, n,
		loop_now(o->all->loop));
}

static void outlet_connected(struct outlet *o, struct detached_conn detached)
{
	outlet_set_state(o, OUTLET_RELAYING);
	outlet_leave(o);
	if (relay_connect(&o->relay, detached) < 0 || outlet_watch(o) < 0)
		outlet_fail(o, FRAME_RESET_NO_MEMORY, "out of memory");
}

static void outlet_secured(struct tls_handshake *handshake, struct detached_conn detached,
	const char *why)
{
	struct securing *securing = container_of(handshake, struct securing, handshake);
	struct outlet *o = securing->outlet;
	if (detached.fd < 0) {
		char authority[URL_AUTHORITY_SIZE];
		struct error err;
		url_authority(&o->publication->upstream.url, authority);
		error_set(&err, 0, "%s", why);
		if (handshake->misnamed)
			error_set(&err, 0,
				"%s: name one of them with --upstream-host, or take any "
				"(--upstream-insecure)",
				why);
		else if (handshake->distrusted)
			error_set(&err, 0, "%s (see --upstream-ca and --upstream-insecure)", why);
		else if (handshake->foreign)
			error_set(&err, 0, "%s: write http://%s", why, authority);
		outlet_fail(o, FRAME_RESET_TLS, err.text);
		return;
	}
	o->securing = NULL;
	free(securing);
	outlet_connected(o, detached);
}

static void outlet_secure(struct outlet *o, int fd)
{
	struct outlets *all = o->all;
	struct tls *tls = tls_connect(o->publication->tls, o->publication->server, true);
	o->securing = tls ? calloc(1, sizeof(*o->securing)) : NULL;
	if (!o->securing) {
		tls_free(tls);
		close(fd);
		outlet_fail(o, FRAME_RESET_NO_MEMORY, "out of memory");
		return;
	}
	o->securing->outlet = o;
	outlet_set_state(o, OUTLET_SECURING);
	tls_handshake_start(&o->securing->handshake, all->loop, fd, tls,
		o->opened + all->dial_timeout, outlet_secured);
}

static void outlet_dialled(struct dial *dial, int fd)
{
	struct outlet *o = container_of(dial, struct outlet, dial);
	if (fd < 0) {
		const struct url *url = &o->publication->upstream.url;
		struct error err;
		if (url->scheme == URL_UNIX || url->scheme == URL_FILE)
			error_set(&err, 0, "%s", dial->reason);
		else
			diagnosis_of_dial(dial, url->host, "the service", &err);
		outlet_fail(o, reset_reason(o), err.text);
	} else if (!send_proxy_header(o, fd)) {
		close(fd);
		outlet_fail(o, FRAME_RESET_ABORTED, "it does not take the PROXY header");
	} else if (o->publication->tls) {
		outlet_secure(o, fd);
	} else {
		outlet_connected(o, DETACHED_CONN_OF(fd));
	}
}

/* Nothing is dialled: the file server is at the other end of a pair of sockets. */
static void outlet_open_folder(struct outlet *o)
{
	struct outlets *all = o->all;
	int fd = file_server_connect(&all->files, o->publication);
	bool ours = fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM;
	enum dial_outcome outcome = fd >= 0 ? DIAL_CONNECTED : ours ? DIAL_FAILED : DIAL_REFUSED;
	dial_start_with(&o->dial, all->loop, fd, outcome, fd < 0 ? file_server_reason(fd) : "",
		outlet_dialled);
}

static void outlet_admitted(struct fair_queue *q, struct fair_slot *slot)
{
	struct outlet *o = container_of(slot, struct outlet, slot);
	struct outlets *all = o->all;
	const struct url *url = &o->publication->upstream.url;
	uint64_t deadline = o->opened + all->dial_timeout;
	char host[URL_DIAL_SIZE];
	timeout_cancel(&o->timeout);
	o->queued = loop_now(all->loop) - o->opened > all->dial_timeout / 2;
	outlet_set_state(o, OUTLET_DIALLING);
	if (url->scheme == URL_FILE)
		outlet_open_folder(o);
	else if (url->scheme == URL_UNIX)
		dial_start_unix(&o->dial, all->loop, url->socket, deadline, outlet_dialled);
	else
		dial_start(&o->dial, all->loop, all->resolver, url_dial_host(url, host),
			publication_port(o->publication, o->open.service), deadline,
			outlet_dialled);
}

static void outlet_impatient(struct timeout_queue *queue, struct timeout *entry)
{
	outlet_fail(container_of(entry, struct outlet, timeout), FRAME_RESET_BUSY,
		"too many connections to it are being opened");
}

/* ---- Before it may dial ---- */

static int outlet_wait(struct outlet *o)
{
	struct outlets *all = o->all;
	struct address visitor = address_of(&o->open.visitor);
	outlet_set_state(o, OUTLET_WAITING);
	o->opened = loop_now(all->loop);
	timeout_start(&all->waiting, &o->timeout);
	loop_defer(all->loop, LOOP_PHASE_WRITE, &all->admit);
	return fair_queue_enter(&all->dials, &o->slot, &visitor, &o->publication->dials);
}

/* There is a place for it at its upstream. */
static void outlet_placed(struct fair_queue *q, struct fair_slot *slot)
{
	struct outlet *o = container_of(slot, struct outlet, place);
	if (outlet_wait(o) < 0)
		outlet_fail(o, FRAME_RESET_NO_MEMORY, "out of memory");
}

static void outlet_turn_away(struct outlet *o, const char *why)
{
	struct address visitor = address_of(&o->open.visitor);
	publication_crowded(o->publication, &visitor, why, loop_now(o->all->loop));
	relay_abort(&o->relay, FRAME_RESET_BUSY);
	outlet_end(o);
}

static void outlet_queued_in_vain(struct timeout_queue *queue, struct timeout *entry)
{
	outlet_turn_away(container_of(entry, struct outlet, timeout),
		"no connection ended within --queue-timeout");
}

static void outlet_displaced(struct fair_queue *q, struct fair_slot *slot)
{
	outlet_turn_away(container_of(slot, struct outlet, place),
		"too many wait, most of them from this address");
}

/* Behind those who came before. 0, or -EBUSY or -ENOMEM. */
static int outlet_queue(struct outlet *o)
{
	struct outlets *all = o->all;
	struct publication *publication = o->publication;
	struct address visitor = address_of(&o->open.visitor);
	publication_count(publication, outlet_placed, outlet_displaced);
	int r = fair_queue_enter(&publication->connections, &o->place, &visitor, NULL);
	if (r == -EBUSY)
		publication_crowded(publication, &visitor, "too many wait already",
			loop_now(all->loop));
	if (r < 0)
		return r;
	timeout_start(&all->queued, &o->timeout);
	outlets_due(all, publication);
	return 0;
}

void outlets_limits_changed(struct outlets *all)
{
	for (size_t i = 0; i < all->publications->n; i++) {
		struct publication *publication = all->publications->v[i];
		if (publication->connections.waiting)
			outlets_due(all, publication);
	}
}

/* ---- Silence ---- */

static uint64_t outlet_moved(struct timeout *entry)
{
	return relay_moved(&container_of(entry, struct outlet, timeout)->relay);
}

static void outlet_silent(struct timeout *entry)
{
	struct outlet *o = container_of(entry, struct outlet, timeout);
	log_debug("a connection to %s carried nothing for --tcp-idle and is reset",
		o->publication->upstream.text);
	relay_abort(&o->relay, FRAME_RESET_TIMEOUT);
	outlet_end(o);
}

/* ---- All of them ---- */

static void outlets_admit(struct loop_task *task)
{
	struct outlets *o = container_of(task, struct outlets, admit);
	list_for_each_safe (it, &o->due) {
		list_unlink(it);
		fair_queue_admit(&list_entry(it, struct publication, due)->connections);
	}
	fair_queue_set_shared(&o->dials, o->publications->n > 1);
	fair_queue_admit(&o->dials);
}

int outlets_init(struct outlets *o, struct loop *loop, struct resolver *resolver,
	const struct publications *publications, const struct client_options *options)
{
	*o = (struct outlets){
		.loop = loop,
		.resolver = resolver,
		.publications = publications,
		.dial_timeout = options->dial_timeout,
	};
	loop_task_init(&o->admit, outlets_admit);
	timeout_queue_init(&o->waiting, loop, options->dial_timeout, outlet_impatient);
	timeout_queue_init(&o->queued, loop, options->queue_timeout, outlet_queued_in_vain);
	idle_init(&o->idle, loop, outlet_moved, outlet_silent);
	list_init(&o->due);
	fair_queue_init(&o->dials, options->max_dials, options->max_dials_per_visitor,
		outlet_admitted);
	file_server_init(&o->files, loop);
	return flows_init(&o->flows, loop, resolver, options->udp_idle);
}

void outlets_deinit(struct outlets *o)
{
	if (!o->loop)
		return;
	flows_deinit(&o->flows);
	file_server_deinit(&o->files);
	loop_task_cancel(&o->admit);
	timeout_queue_deinit(&o->waiting);
	timeout_queue_deinit(&o->queued);
	idle_deinit(&o->idle);
	while (!list_empty(&o->due))
		list_unlink(o->due.next);
	fair_queue_deinit(&o->dials);
	o->loop = NULL;
}

/*
 * The dial begins behind this turn's reading, so that a stream whose RESET came in the same read as
 * its OPEN is never dialled (rule 25).
 */
static struct stream *outlet_open(struct outlets *all, struct publication *publication,
	const struct frame_open *open, enum frame_reset *reason_out)
{
	*reason_out = FRAME_RESET_NO_MEMORY;
	struct outlet *o = malloc(sizeof(*o));
	if (!o)
		return NULL;
	o->all = all;
	o->state = OUTLET_QUEUED;
	o->open = *open;
	o->securing = NULL;
	relay_init(&o->relay, all->loop, open->kind == FRAME_KIND_HTTP, outlet_ended);
	struct address visitor = address_of(&open->visitor);
	o->relay.stream.group = address_network(&visitor);
	if (first_answer_tells(&publication->upstream))
		relay_hear(&o->relay, outlet_heard);
	fair_slot_init(&o->place);
	fair_slot_init(&o->slot);
	timeout_init(&o->timeout);
	loop_task_init(&o->reap, outlet_reap);
	o->publication = publication_ref(publication);
	all->n++;
	int r = publication_is_limited(publication) ? outlet_queue(o) : outlet_wait(o);
	if (r == 0)
		return &o->relay.stream;
	*reason_out = r == -EBUSY ? FRAME_RESET_BUSY : FRAME_RESET_NO_MEMORY;
	outlet_end(o);
	return NULL;
}

struct stream *outlets_open(struct outlets *all, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct publication *publication = publications_find(all->publications, open->service);
	if (!publication || !publication_takes(publication, open->kind)) {
		*reason_out = FRAME_RESET_UNKNOWN_SERVICE;
		return NULL;
	}
	if (open->kind == FRAME_KIND_UDP)
		return flows_open(&all->flows, publication, open->service, reason_out);
	return outlet_open(all, publication, open, reason_out);
}
