/* SPDX-License-Identifier: MIT */
#include "net/dial.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "net/socket.h"

/* One address being connected to. */
struct attempt {
	struct loop_event event;
	struct dial_state *state;
	struct address address;
	int fd; /* -1 when not under way */
};

/* Exists while a dial is under way; big, and many dials belong to streams that live for long. */
struct dial_state {
	struct dial *dial;
	struct loop *loop;
	struct resolver_query query; /* held until the end, to say what became of the addresses */
	struct loop_timer deadline;
	struct loop_timer stagger; /* when the next address is tried beside the current ones */
	struct dial_sources from;  /* its list is the caller's */
	struct sockaddr_un local;  /* of a Unix socket, which is asked again with `stagger` */
	struct loop_task reap;
	struct attempt attempts[RESOLVER_LIST_MAX];
	size_t n, tried; /* addresses known, and begun with */
	size_t open;     /* attempts under way */
	int error;       /* of the most telling failure so far; 0 none */
	struct address failed_at;
};

static void state_reap(struct loop_task *task)
{
	free(container_of(task, struct dial_state, reap));
}

static void attempt_end(struct attempt *attempt)
{
	loop_unwatch(&attempt->event);
	if (attempt->fd >= 0)
		socket_abandon(attempt->fd);
	attempt->fd = -1;
}

/* Ends everything that is under way; the memory goes when nothing can call back any more. */
static void state_end(struct dial_state *state)
{
	resolver_release(&state->query);
	loop_timer_cancel(&state->deadline);
	loop_timer_cancel(&state->stagger);
	for (size_t i = 0; i < state->tried; i++)
		attempt_end(&state->attempts[i]);
	state->dial->state = NULL;
	loop_defer(state->loop, LOOP_PHASE_REAP, &state->reap);
}

/*
 * How much a failure tells about what is wrong. An address family that this machine does not have
 * tells least: the other family's failure is the one to report.
 */
static int telling(int error)
{
	switch (error) {
	case 0:
		return 0;
	case ENETUNREACH:
	case EAFNOSUPPORT:
	case EADDRNOTAVAIL:
		return 1;
	case ETIMEDOUT:
		return 3;
	case EHOSTUNREACH:
		return 4;
	case ECONNREFUSED:
	case ECONNRESET:
		return 5;
	default:
		return 2;
	}
}

static void note_failure(struct dial_state *state, int error, const struct address *address)
{
	resolver_report(&state->query, address, false);
	if (telling(error) <= telling(state->error))
		return;
	state->error = error;
	state->failed_at = *address;
}

/* The kernel's own texts name what it looked for, not what is amiss. */
static void explain_no_way(struct dial *dial, int error, const char *where)
{
	char *to = dial->reason;
	size_t size = sizeof dial->reason;
	switch (error) {
	case ENETUNREACH:
		snprintf(to, size, "this machine has no route to %s: is its network up?", where);
		return;
	case EHOSTUNREACH:
		snprintf(to, size, "no machine answers at %s, or a firewall refuses", where);
		return;
	}
	snprintf(to, size, "this machine has no address of the kind of %s", where);
}

static void explain_source(struct dial *dial)
{
	char where[ADDRESS_TEXT_SIZE];
	address_format(&dial->address, where);
	snprintf(dial->reason, sizeof dial->reason,
		"no source address has a port left for %.60s, or is of its kind", where);
}

static void explain(struct dial *dial, int error)
{
	char where[ADDRESS_TEXT_SIZE];
	address_format(&dial->address, where);
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
		dial->outcome = DIAL_REFUSED;
		snprintf(dial->reason, sizeof dial->reason, "connection refused by %s", where);
		break;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EAFNOSUPPORT:
	case EADDRNOTAVAIL:
		dial->outcome = DIAL_UNREACHABLE;
		explain_no_way(dial, error, where);
		break;
	case ETIMEDOUT:
		dial->outcome = DIAL_TIMED_OUT;
		snprintf(dial->reason, sizeof dial->reason, "%s did not answer in time", where);
		break;
	default:
		dial->outcome = DIAL_FAILED;
		snprintf(dial->reason, sizeof dial->reason, "cannot connect to %s: %s", where,
			strerror(error));
	}
}

/* All addresses have failed, or the time is up. */
static void give_up(struct dial_state *state)
{
	struct dial *dial = state->dial;
	int error = state->error;
	dial->address = state->failed_at;
	state_end(state); /* its memory is there until the end of the turn */
	explain(dial, error);
	if (error == EADDRNOTAVAIL && state->from.n)
		explain_source(dial);
	dial->result = -error;
}

/* Those begun before it are slower. */
static void report_order(struct attempt *attempt)
{
	struct dial_state *state = attempt->state;
	for (struct attempt *a = state->attempts; a < attempt; a++)
		if (a->fd >= 0)
			resolver_report(&state->query, &a->address, false);
	resolver_report(&state->query, &attempt->address, true);
}

static void succeed(struct attempt *attempt)
{
	struct dial *dial = attempt->state->dial;
	report_order(attempt);
	dial->outcome = DIAL_CONNECTED;
	dial->address = attempt->address;
	dial->reason[0] = '\0';
	loop_unwatch(&attempt->event);
	dial->result = attempt->fd;
	attempt->fd = -1; /* the caller's now */
	state_end(attempt->state);
}

/* Tells the outcome, once there is one. */
static void report(struct dial *dial)
{
	if (dial->state)
		return;
	int result = dial->result;
	dial->result = -EBADF; /* no longer ours */
	dial->done(dial, result);
}

static void report_run(struct loop_task *task)
{
	report(container_of(task, struct dial, report));
}

/*
 * A port of the ephemeral range that nobody listens on may be drawn for the dialling socket itself,
 * and TCP then connects it to itself.
 */
static bool connected_to_itself(int fd, const struct address *address)
{
	struct address local;
	return socket_local(fd, &local) == 0 && local.port == address->port &&
	       address_same_ip(&local, address);
}

static void attempt_event(int fd, short what, void *arg);

/* Begins with an address: 1 connected, 0 under way, -errno. */
static int attempt_start(struct attempt *attempt)
{
	auto_close int fd = -1;
	int at_once = dial_source_connect(&attempt->state->from, &attempt->address,
		loop_now(attempt->state->loop), &fd);
	if (at_once < 0)
		return at_once;
	if (!at_once) {
		int r = loop_watch(&attempt->event, attempt->state->loop, fd, LOOP_WRITE,
			attempt_event, attempt);
		if (r < 0)
			return r;
	}
	attempt->fd = fd;
	fd = -1;
	return at_once;
}

/* Goes on to addresses not tried yet, until one is under way; ends the dial with the last. */
static void try_next(struct dial_state *state)
{
	while (state->tried < state->n) {
		struct attempt *attempt = &state->attempts[state->tried++];
		int r = attempt_start(attempt);
		if (r > 0) {
			succeed(attempt);
			return;
		}
		if (r == 0) {
			state->open++;
			if (state->tried < state->n)
				loop_timer_set(&state->stagger,
					loop_now(state->loop) + DIAL_STAGGER);
			return;
		}
		note_failure(state, -r, &attempt->address);
	}
	/* If they came from a stale answer, the new one has a chance too. */
	if (state->open == 0 && !resolver_doubt(&state->query))
		give_up(state);
}

static void attempt_event(int fd, short what, void *arg)
{
	struct attempt *attempt = arg;
	struct dial_state *state = attempt->state;
	struct dial *dial = state->dial;
	int error = -socket_error(fd);
	if (!error && connected_to_itself(fd, &attempt->address)) {
		socket_abort_on_close(fd);
		error = ECONNREFUSED;
	}
	if (!error) {
		succeed(attempt);
	} else {
		note_failure(state, error, &attempt->address);
		attempt_end(attempt);
		state->open--;
		try_next(state);
	}
	report(dial);
}

static void stagger_fired(struct loop_timer *timer)
{
	struct dial_state *state = container_of(timer, struct dial_state, stagger);
	struct dial *dial = state->dial;
	try_next(state);
	report(dial);
}

static void deadline_fired(struct loop_timer *timer)
{
	struct dial_state *state = container_of(timer, struct dial_state, deadline);
	struct dial *dial = state->dial;
	if (state->n > 0) {
		for (size_t i = 0; i < state->tried; i++)
			if (state->attempts[i].fd >= 0)
				note_failure(state, ETIMEDOUT, &state->attempts[i].address);
		resolver_doubt(&state->query);
		give_up(state);
	} else {
		state_end(state);
		dial->outcome = DIAL_TIMED_OUT;
		snprintf(dial->reason, sizeof dial->reason, "looking up the name took too long");
		dial->result = -ETIMEDOUT;
	}
	report(dial);
}

static void set_addresses(struct dial_state *state, const struct address *list, size_t n)
{
	state->n = n;
	state->tried = 0;
	state->error = 0;
	for (size_t i = 0; i < n; i++)
		state->attempts[i] = (struct attempt){.state = state, .address = list[i], .fd = -1};
}

static void resolved(struct resolver_query *query, const struct address *list, size_t n,
	const char *why)
{
	struct dial_state *state = container_of(query, struct dial_state, query);
	struct dial *dial = state->dial;
	if (n > 0) {
		set_addresses(state, list, n);
		try_next(state);
	} else {
		state_end(state);
		dial->outcome = DIAL_NO_ADDRESS;
		snprintf(dial->reason, sizeof dial->reason, "%s", why);
		dial->result = -ENOENT;
	}
	report(dial);
}

static struct dial_state *state_new(struct dial *dial, struct loop *loop)
{
	struct dial_state *state = calloc(1, sizeof *state);
	if (!state)
		return NULL;
	state->dial = dial;
	state->loop = loop;
	loop_timer_init(&state->deadline, loop, deadline_fired);
	loop_timer_init(&state->stagger, loop, stagger_fired);
	loop_task_init(&state->reap, state_reap);
	return state;
}

static_assert(sizeof((struct sockaddr_un *)0)->sun_path > DIAL_UNIX_MAX, "a NUL ends it");

static void explain_unix(struct dial *dial, int error, const char *path)
{
	const char *what;
	switch (error) {
	case ENOENT:
		what = "there is no such socket";
		break;
	case ECONNREFUSED:
		what = "nobody listens on it";
		break;
	case EAGAIN:
		what = "its queue was full all the time";
		break;
	default:
		what = strerror(error);
	}
	bool ours = error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
	dial->outcome = error == EAGAIN ? DIAL_TIMED_OUT : ours ? DIAL_FAILED : DIAL_REFUSED;
	snprintf(dial->reason, sizeof dial->reason, "%.70s: %s", path, what);
	dial->result = -error;
}

/* True: it is decided. */
static bool try_unix(struct dial_state *state)
{
	struct dial *dial = state->dial;
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = fd < 0 ? errno : 0;
	if (!error && connect(fd, (struct sockaddr *)&state->local, sizeof state->local) < 0)
		error = errno;
	if (error == EAGAIN) {
		loop_timer_set(&state->stagger, loop_now(state->loop) + DIAL_QUEUE_LOOK);
		return false;
	}
	if (error) {
		explain_unix(dial, error, state->local.sun_path);
	} else {
		dial->outcome = DIAL_CONNECTED;
		dial->result = fd;
		fd = -1; /* the caller's now */
	}
	state_end(state);
	return true;
}

static void unix_again(struct loop_timer *timer)
{
	struct dial_state *state = container_of(timer, struct dial_state, stagger);
	struct dial *dial = state->dial;
	if (try_unix(state))
		report(dial);
}

static void unix_late(struct loop_timer *timer)
{
	struct dial_state *state = container_of(timer, struct dial_state, deadline);
	struct dial *dial = state->dial;
	explain_unix(dial, EAGAIN, state->local.sun_path);
	state_end(state);
	report(dial);
}

/* Failures on our side that come before there is an address. */
static void fail_early(struct dial *dial, int error)
{
	if (dial->state)
		state_end(dial->state);
	dial->outcome = DIAL_FAILED;
	snprintf(dial->reason, sizeof dial->reason, "%s", strerror(error));
	dial->result = -error;
}

void dial_start(struct dial *dial, struct loop *loop, struct resolver *resolver, const char *host,
	uint16_t port, uint64_t deadline, void (*done)(struct dial *dial, int fd))
{
	dial_start_from(dial, loop, resolver, host, port, &(struct dial_sources){0}, deadline,
		done);
}

void dial_start_from(struct dial *dial, struct loop *loop, struct resolver *resolver,
	const char *host, uint16_t port, const struct dial_sources *from, uint64_t deadline,
	void (*done)(struct dial *dial, int fd))
{
	*dial = (struct dial){.done = done, .result = -EBADF};
	loop_task_init(&dial->report, report_run);
	struct dial_state *state = dial->state = state_new(dial, loop);
	if (!state) {
		fail_early(dial, ENOMEM);
	} else {
		state->from = *from;
		loop_timer_set(&state->deadline, deadline);
		struct address literal;
		int r = 0;
		if (address_parse_zoned(str_from(host), &literal)) {
			literal.port = port;
			set_addresses(state, &literal, 1);
			try_next(state);
		} else if (strchr(host, '%')) {
			r = -ENODEV; /* no name has one: the interface is not there */
		} else {
			state->query.port = port;
			state->query.done = resolved;
			r = resolver ? resolver_ask(resolver, &state->query, host) : -EINVAL;
		}
		if (r < 0)
			fail_early(dial, -r);
	}
	/* Decided already: the caller hears of it when it has returned. */
	if (!dial->state)
		loop_defer(loop, LOOP_PHASE_READ, &dial->report);
}

void dial_start_unix(struct dial *dial, struct loop *loop, struct str path, uint64_t deadline,
	void (*done)(struct dial *dial, int fd))
{
	*dial = (struct dial){.done = done, .result = -EBADF};
	loop_task_init(&dial->report, report_run);
	struct dial_state *state = dial->state = state_new(dial, loop);
	if (!state || path.n > DIAL_UNIX_MAX) {
		fail_early(dial, state ? ENAMETOOLONG : ENOMEM);
	} else {
		state->local.sun_family = AF_UNIX;
		memcpy(state->local.sun_path, path.p, path.n);
		state->stagger.fired = unix_again;
		state->deadline.fired = unix_late;
		loop_timer_set(&state->deadline, deadline);
		try_unix(state);
	}
	if (!dial->state)
		loop_defer(loop, LOOP_PHASE_READ, &dial->report);
}

void dial_start_with(struct dial *dial, struct loop *loop, int result, enum dial_outcome outcome,
	const char *reason, void (*done)(struct dial *dial, int fd))
{
	*dial = (struct dial){.done = done, .result = result, .outcome = outcome};
	snprintf(dial->reason, sizeof dial->reason, "%s", result < 0 ? reason : "");
	loop_task_init(&dial->report, report_run);
	loop_defer(loop, LOOP_PHASE_READ, &dial->report);
}

void dial_cancel(struct dial *dial)
{
	loop_task_cancel(&dial->report);
	if (dial->state)
		state_end(dial->state);
	else if (dial->done && dial->result >= 0)
		socket_abandon(dial->result); /* connected, not reported yet */
	dial->result = -EBADF;
}
