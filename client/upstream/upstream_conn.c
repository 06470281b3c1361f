#include "client/upstream/upstream_conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/session/diagnosis.h"
#include "client/upstream/first_answer.h"
#include "net/dial.h"
#include "net/relay.h"
#include "net/tls_handshake.h"
#include "wire/proxy_protocol.h"

/*
 * QUEUED for a place under its service's --max-connections, which it keeps to its end; WAITING for its turn at
 * the queue of dials, where it has a slot until it relays.
 */
enum upstream_conn_state {
	UPSTREAM_CONN_QUEUED,
	UPSTREAM_CONN_WAITING,
	UPSTREAM_CONN_DIALLING,
	UPSTREAM_CONN_SECURING,
	UPSTREAM_CONN_RELAYING,
	UPSTREAM_CONN_OVER
};

struct upstream_conn;

/* Exists while an upstream connection is SECURING: it is big, and a stream lives for long. */
struct securing {
	struct tls_handshake handshake;
	struct upstream_conn *upstream_conn;
};

/* One stream. */
struct upstream_conn {
	struct relay relay;
	struct upstream_conns *all;
	struct publication *publication; /* counted */
	enum upstream_conn_state state;
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

static void upstream_conn_reap(struct loop_task *task)
{
	struct upstream_conn *c = container_of(task, struct upstream_conn, reap);
	publication_unref(c->publication);
	free(c);
}

/* Every legal transition; anything else is a bug of ours. */
static void upstream_conn_set_state(struct upstream_conn *c, enum upstream_conn_state state)
{
	static const uint8_t legal[] = {
		[UPSTREAM_CONN_QUEUED] = 1 << UPSTREAM_CONN_WAITING | 1 << UPSTREAM_CONN_OVER,
		[UPSTREAM_CONN_WAITING] = 1 << UPSTREAM_CONN_DIALLING | 1 << UPSTREAM_CONN_OVER,
		[UPSTREAM_CONN_DIALLING] = 1 << UPSTREAM_CONN_SECURING |
					   1 << UPSTREAM_CONN_RELAYING | 1 << UPSTREAM_CONN_OVER,
		[UPSTREAM_CONN_SECURING] = 1 << UPSTREAM_CONN_RELAYING | 1 << UPSTREAM_CONN_OVER,
		[UPSTREAM_CONN_RELAYING] = 1 << UPSTREAM_CONN_OVER,
		[UPSTREAM_CONN_OVER] = 0,
	};
	if (!(legal[c->state] & 1 << state))
		abort();
	c->state = state;
}

/* Its place in the queue is free for the next one. */
static void upstream_conn_leave(struct upstream_conn *c)
{
	struct upstream_conns *all = c->all;
	bool inside = c->slot.state == FAIR_SLOT_INSIDE;
	fair_queue_leave(&all->dials, &c->slot);
	if (inside && all->dials.waiting)
		loop_defer(all->loop, LOOP_PHASE_WRITE, &all->admit);
}

/* Who is queued for it may get a place at the end of the turn. */
static void upstream_conns_due(struct upstream_conns *all, struct publication *publication)
{
	if (!list_linked(&publication->due))
		list_append(&all->due, &publication->due);
	loop_defer(all->loop, LOOP_PHASE_WRITE, &all->admit);
}

/* So is its place at the upstream. */
static void upstream_conn_leave_place(struct upstream_conn *c)
{
	struct fair_queue *connections = &c->publication->connections;
	bool inside = c->place.state == FAIR_SLOT_INSIDE;
	fair_queue_leave(connections, &c->place);
	if (inside && connections->waiting)
		upstream_conns_due(c->all, c->publication);
}

/* The stream is closed, whoever closed it. Its memory goes when nothing of this turn looks at it. */
static void upstream_conn_end(struct upstream_conn *c)
{
	struct upstream_conns *all = c->all;
	timeout_cancel(&c->timeout);
	if (c->state == UPSTREAM_CONN_DIALLING)
		dial_cancel(&c->dial);
	if (c->securing)
		tls_handshake_cancel(&c->securing->handshake);
	free(c->securing);
	upstream_conn_set_state(c, UPSTREAM_CONN_OVER);
	upstream_conn_leave(c);
	upstream_conn_leave_place(c);
	all->n--;
	loop_defer(all->loop, LOOP_PHASE_REAP, &c->reap);
}

static void upstream_conn_ended(struct relay *relay, enum frame_reset reason)
{
	upstream_conn_end(container_of(relay, struct upstream_conn, relay));
}

static void upstream_conn_fail(struct upstream_conn *c, enum frame_reset reason, const char *why)
{
	publication_failed(c->publication, why, loop_now(c->all->loop));
	relay_abort(&c->relay, reason);
	upstream_conn_end(c);
}

static enum frame_reset reset_reason(const struct upstream_conn *c)
{
	switch (c->dial.outcome) {
	case DIAL_REFUSED:
		return FRAME_RESET_REFUSED;
	case DIAL_UNREACHABLE:
		return FRAME_RESET_UNREACHABLE;
	case DIAL_NO_ADDRESS:
		return FRAME_RESET_DNS;
	case DIAL_TIMED_OUT:
		/* Of one deadline, most went by before its turn came. */
		return c->queued ? FRAME_RESET_BUSY : FRAME_RESET_DIAL_TIMEOUT;
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
static bool send_proxy_header(const struct upstream_conn *c, int fd)
{
	uint8_t header[PROXY_HEADER_MAX];
	struct address visitor = address_of(&c->open.visitor), local = address_of(&c->open.local);
	size_t n = 0;
	switch (c->publication->upstream.proxy_protocol) {
	case UPSTREAM_PROXY_OFF:
		return true;
	case UPSTREAM_PROXY_V1:
		n = proxy_header_write_v1(header, &visitor, &local);
		break;
	case UPSTREAM_PROXY_V2:
		n = proxy_header_write_v2(header, &visitor, &local, (enum frame_tls)c->open.tls,
			publication_alpn(c->publication, c->open.alpn));
		break;
	}
	return send(fd, header, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n;
}

/* For its service's --tcp-idle. Requests have times of the exit node's. */
static int upstream_conn_watch(struct upstream_conn *c)
{
	uint64_t time = c->publication->upstream.limits.tcp_idle;
	if (!time || c->open.kind != FRAME_KIND_TCP || c->state != UPSTREAM_CONN_RELAYING)
		return 0;
	return idle_watch(&c->all->idle, &c->timeout, time);
}

static void upstream_conn_heard(struct relay *relay, const uint8_t *p, size_t n)
{
	const struct upstream_conn *c = container_of(relay, struct upstream_conn, relay);
	publication_heard(c->publication, publication_port(c->publication, c->open.service), p, n,
		loop_now(c->all->loop));
}

static void upstream_conn_connected(struct upstream_conn *c, struct detached_conn detached)
{
	upstream_conn_set_state(c, UPSTREAM_CONN_RELAYING);
	upstream_conn_leave(c);
	if (relay_connect(&c->relay, detached) < 0 || upstream_conn_watch(c) < 0)
		upstream_conn_fail(c, FRAME_RESET_NO_MEMORY, "out of memory");
}

static void upstream_conn_secured(struct tls_handshake *handshake, struct detached_conn detached,
	const char *why)
{
	struct securing *securing = container_of(handshake, struct securing, handshake);
	struct upstream_conn *c = securing->upstream_conn;
	if (detached.fd < 0) {
		char authority[URL_AUTHORITY_SIZE];
		struct error err;
		url_authority(&c->publication->upstream.url, authority);
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
		upstream_conn_fail(c, FRAME_RESET_TLS, err.text);
		return;
	}
	c->securing = NULL;
	free(securing);
	upstream_conn_connected(c, detached);
}

static void upstream_conn_secure(struct upstream_conn *c, int fd)
{
	struct upstream_conns *all = c->all;
	struct tls *tls = tls_connect(c->publication->tls, c->publication->server, true);
	c->securing = tls ? calloc(1, sizeof(*c->securing)) : NULL;
	if (!c->securing) {
		tls_free(tls);
		close(fd);
		upstream_conn_fail(c, FRAME_RESET_NO_MEMORY, "out of memory");
		return;
	}
	c->securing->upstream_conn = c;
	upstream_conn_set_state(c, UPSTREAM_CONN_SECURING);
	tls_handshake_start(&c->securing->handshake, all->loop, fd, tls,
		c->opened + all->dial_timeout, upstream_conn_secured);
}

static void upstream_conn_dialled(struct dial *dial, int fd)
{
	struct upstream_conn *c = container_of(dial, struct upstream_conn, dial);
	if (fd < 0) {
		const struct url *url = &c->publication->upstream.url;
		struct error err;
		if (url->scheme == URL_UNIX || url->scheme == URL_FILE)
			error_set(&err, 0, "%s", dial->reason);
		else
			diagnosis_of_dial(dial, url->host, "the service", &err);
		upstream_conn_fail(c, reset_reason(c), err.text);
	} else if (!send_proxy_header(c, fd)) {
		close(fd);
		upstream_conn_fail(c, FRAME_RESET_ABORTED, "it does not take the PROXY header");
	} else if (c->publication->tls) {
		upstream_conn_secure(c, fd);
	} else {
		upstream_conn_connected(c, DETACHED_CONN_OF(fd));
	}
}

/* Nothing is dialled: the file server is at the other end of a pair of sockets. */
static void upstream_conn_open_folder(struct upstream_conn *c)
{
	struct upstream_conns *all = c->all;
	int fd = file_server_connect(&all->files, c->publication);
	bool ours = fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM;
	enum dial_outcome outcome = fd >= 0 ? DIAL_CONNECTED : ours ? DIAL_FAILED : DIAL_REFUSED;
	dial_start_with(&c->dial, all->loop, fd, outcome, fd < 0 ? file_server_reason(fd) : "",
		upstream_conn_dialled);
}

static void upstream_conn_admitted(struct fair_queue *q, struct fair_slot *slot)
{
	struct upstream_conn *c = container_of(slot, struct upstream_conn, slot);
	struct upstream_conns *all = c->all;
	const struct url *url = &c->publication->upstream.url;
	uint64_t deadline = c->opened + all->dial_timeout;
	char host[URL_DIAL_SIZE];
	timeout_cancel(&c->timeout);
	c->queued = loop_now(all->loop) - c->opened > all->dial_timeout / 2;
	upstream_conn_set_state(c, UPSTREAM_CONN_DIALLING);
	if (url->scheme == URL_FILE)
		upstream_conn_open_folder(c);
	else if (url->scheme == URL_UNIX)
		dial_start_unix(&c->dial, all->loop, url->socket, deadline, upstream_conn_dialled);
	else
		dial_start(&c->dial, all->loop, all->resolver, url_dial_host(url, host),
			publication_port(c->publication, c->open.service), deadline,
			upstream_conn_dialled);
}

static void upstream_conn_impatient(struct timeout_queue *queue, struct timeout *entry)
{
	upstream_conn_fail(container_of(entry, struct upstream_conn, timeout), FRAME_RESET_BUSY,
		"too many connections to it are being opened");
}

/* ---- Before it may dial ---- */

static int upstream_conn_wait(struct upstream_conn *c)
{
	struct upstream_conns *all = c->all;
	struct address visitor = address_of(&c->open.visitor);
	upstream_conn_set_state(c, UPSTREAM_CONN_WAITING);
	c->opened = loop_now(all->loop);
	timeout_start(&all->waiting, &c->timeout);
	loop_defer(all->loop, LOOP_PHASE_WRITE, &all->admit);
	return fair_queue_enter(&all->dials, &c->slot, &visitor, &c->publication->dials);
}

/* There is a place for it at its upstream. */
static void upstream_conn_placed(struct fair_queue *q, struct fair_slot *slot)
{
	struct upstream_conn *c = container_of(slot, struct upstream_conn, place);
	if (upstream_conn_wait(c) < 0)
		upstream_conn_fail(c, FRAME_RESET_NO_MEMORY, "out of memory");
}

static void upstream_conn_turn_away(struct upstream_conn *c, const char *why)
{
	struct address visitor = address_of(&c->open.visitor);
	publication_crowded(c->publication, &visitor, why, loop_now(c->all->loop));
	relay_abort(&c->relay, FRAME_RESET_BUSY);
	upstream_conn_end(c);
}

static void upstream_conn_queued_in_vain(struct timeout_queue *queue, struct timeout *entry)
{
	upstream_conn_turn_away(container_of(entry, struct upstream_conn, timeout),
		"no connection ended within --queue-timeout");
}

static void upstream_conn_displaced(struct fair_queue *q, struct fair_slot *slot)
{
	upstream_conn_turn_away(container_of(slot, struct upstream_conn, place),
		"too many wait, most of them from this address");
}

/* Behind those who came before. 0, or -EBUSY or -ENOMEM. */
static int upstream_conn_queue(struct upstream_conn *c)
{
	struct upstream_conns *all = c->all;
	struct publication *publication = c->publication;
	struct address visitor = address_of(&c->open.visitor);
	publication_count(publication, upstream_conn_placed, upstream_conn_displaced);
	int r = fair_queue_enter(&publication->connections, &c->place, &visitor, NULL);
	if (r == -EBUSY)
		publication_crowded(publication, &visitor, "too many wait already",
			loop_now(all->loop));
	if (r < 0)
		return r;
	timeout_start(&all->queued, &c->timeout);
	upstream_conns_due(all, publication);
	return 0;
}

void upstream_conns_limits_changed(struct upstream_conns *all)
{
	for (size_t i = 0; i < all->publications->n; i++) {
		struct publication *publication = all->publications->v[i];
		if (publication->connections.waiting)
			upstream_conns_due(all, publication);
	}
}

/* ---- Silence ---- */

static uint64_t upstream_conn_moved(struct timeout *entry)
{
	return relay_moved(&container_of(entry, struct upstream_conn, timeout)->relay);
}

static void upstream_conn_silent(struct timeout *entry)
{
	struct upstream_conn *c = container_of(entry, struct upstream_conn, timeout);
	log_debug("a connection to %s carried nothing for --tcp-idle and is reset",
		c->publication->upstream.text);
	relay_abort(&c->relay, FRAME_RESET_TIMEOUT);
	upstream_conn_end(c);
}

/* ---- All of them ---- */

static void upstream_conns_admit(struct loop_task *task)
{
	struct upstream_conns *all = container_of(task, struct upstream_conns, admit);
	list_for_each_safe (it, &all->due) {
		list_unlink(it);
		fair_queue_admit(&list_entry(it, struct publication, due)->connections);
	}
	fair_queue_set_shared(&all->dials, all->publications->n > 1);
	fair_queue_admit(&all->dials);
}

int upstream_conns_init(struct upstream_conns *all, struct loop *loop, struct resolver *resolver,
	const struct publications *publications, const struct client_options *options)
{
	*all = (struct upstream_conns){
		.loop = loop,
		.resolver = resolver,
		.publications = publications,
		.dial_timeout = options->dial_timeout,
	};
	loop_task_init(&all->admit, upstream_conns_admit);
	timeout_queue_init(&all->waiting, loop, options->dial_timeout, upstream_conn_impatient);
	timeout_queue_init(&all->queued, loop, options->queue_timeout,
		upstream_conn_queued_in_vain);
	idle_init(&all->idle, loop, upstream_conn_moved, upstream_conn_silent);
	list_init(&all->due);
	fair_queue_init(&all->dials, options->max_dials, options->max_dials_per_visitor,
		upstream_conn_admitted);
	file_server_init(&all->files, loop);
	return upstream_flows_init(&all->flows, loop, resolver, options->udp_idle);
}

void upstream_conns_deinit(struct upstream_conns *all)
{
	if (!all->loop)
		return;
	upstream_flows_deinit(&all->flows);
	file_server_deinit(&all->files);
	loop_task_cancel(&all->admit);
	timeout_queue_deinit(&all->waiting);
	timeout_queue_deinit(&all->queued);
	idle_deinit(&all->idle);
	while (!list_empty(&all->due))
		list_unlink(all->due.next);
	fair_queue_deinit(&all->dials);
	all->loop = NULL;
}

/*
 * The dial begins behind this turn's reading, so that a stream whose RESET came in the same read as
 * its OPEN is never dialled (rule 25).
 */
static struct stream *upstream_conn_open(struct upstream_conns *all,
	struct publication *publication, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	*reason_out = FRAME_RESET_NO_MEMORY;
	struct upstream_conn *c = malloc(sizeof(*c));
	if (!c)
		return NULL;
	c->all = all;
	c->state = UPSTREAM_CONN_QUEUED;
	c->open = *open;
	c->securing = NULL;
	relay_init(&c->relay, all->loop, open->kind == FRAME_KIND_HTTP, upstream_conn_ended);
	struct address visitor = address_of(&open->visitor);
	c->relay.stream.group = address_network(&visitor);
	if (first_answer_tells(&publication->upstream))
		relay_hear(&c->relay, upstream_conn_heard);
	fair_slot_init(&c->place);
	fair_slot_init(&c->slot);
	timeout_init(&c->timeout);
	loop_task_init(&c->reap, upstream_conn_reap);
	c->publication = publication_ref(publication);
	all->n++;
	int r = publication_is_limited(publication) ? upstream_conn_queue(c)
						    : upstream_conn_wait(c);
	if (r == 0)
		return &c->relay.stream;
	*reason_out = r == -EBUSY ? FRAME_RESET_BUSY : FRAME_RESET_NO_MEMORY;
	upstream_conn_end(c);
	return NULL;
}

struct stream *upstream_conns_open(struct upstream_conns *all, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct publication *publication = publications_find(all->publications, open->service);
	if (!publication || !publication_takes(publication, open->kind)) {
		*reason_out = FRAME_RESET_UNKNOWN_SERVICE;
		return NULL;
	}
	if (open->kind == FRAME_KIND_UDP)
		return upstream_flows_open(&all->flows, publication, open->service, reason_out);
	return upstream_conn_open(all, publication, open, reason_out);
}
