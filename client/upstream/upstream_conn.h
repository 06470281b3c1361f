/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The client's end of the streams that the exit node opens: for each OPEN an upstream connection, which dials the
 * service's upstream, says in a PROXY header for whom if that is wanted, speaks TLS if that is, and
 * then is a relay between it and the stream. Data that comes before the upstream has answered waits in
 * the stream's window. UDP's are in client/upstream_flow.
 */
#include "client/files/file_server.h"
#include "client/upstream/upstream_flow.h"
#include "client/upstream/idle.h"
#include "client/config/options.h"
#include "client/inspector/inspector.h"
#include "client/keys/client_keys.h"
#include "client/publish/publications.h"
#include "client/publish/fair_queue.h"
#include "loop/loop.h"
#include "net/resolver.h"
#include "loop/timeouts.h"

struct upstream_conns {
	struct loop *loop;
	struct resolver *resolver;
	const struct publications *publications;
	struct fair_queue dials;
	struct loop_task admit;       /* lets waiting dials begin, once a turn */
	struct timeout_queue waiting; /* of upstream connections that may not dial yet */
	struct client_keys *keys;     /* set by who has services that are end to end; else NULL */
	struct timeout_queue sealing; /* of those whose consumer's key is not accepted yet */
	struct timeout_queue queued;  /* of those whose service has --max-connections */
	struct list due;              /* of publications that have room for one that is queued */
	struct idle idle;             /* of those that relay */
	uint64_t dial_timeout;        /* µs; for all that it takes to reach the upstream */
	size_t n;                     /* streams open, UDP's not counted */
	struct upstream_flows flows;
	struct file_server files;    /* the upstream of file:// */
	struct inspector *inspector; /* set by who has one; NULL: nobody looks at requests */
};

/* Whoever waits for a turn at upstream_conns::dials. */
struct dial_turn {
	struct fair_slot slot;
	/* From upstream_conns::admit; must not free it. */
	void (*admitted)(struct dial_turn *turn);
};

/* 0 or -ENOMEM. `visitor` and `pub` as fair_queue_enter() has them. */
int dial_turn_wait(struct upstream_conns *all, struct dial_turn *turn,
	const struct address *visitor, struct publication *pub);
/* Its place is free for the next one. */
void dial_turn_leave(struct upstream_conns *all, struct dial_turn *turn);

/* 0 or -ENOMEM. */
int upstream_conns_init(struct upstream_conns *all, struct loop *loop, struct resolver *resolver,
	const struct publications *publications, const struct client_options *options);

/* After the links that hold their streams. Accepts zeroed memory. */
void upstream_conns_deinit(struct upstream_conns *all);

/* The services' limits were read again. */
void upstream_conns_limits_changed(struct upstream_conns *all);

/* For link_ops::open: the stream that belongs to it, or NULL with a reason. */
struct stream *upstream_conns_open(struct upstream_conns *all, const struct frame_open *open,
	enum frame_reset *reason_out);
