/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * This client as a consumer of private services: what it wants of them, what local programs open, and when there is
 * nothing left to wait for. The session tells it of links and answers, and calls nothing else of this room.
 */
#include "client/config/options.h"
#include "client/local/client_endpoints.h"
#include "client/local/hosts_file.h"
#include "client/local/local_conns.h"
#include "client/local/local_flows.h"
#include "client/local/stdio.h"

/* Bytes of HOST:PORT. */
#define CONSUMER_REMOTE (URL_AUTHORITY_SIZE)

enum consumer_end {
	CONSUMER_END_DISCONNECTED, /* the owners of all services removed its endpoints */
	CONSUMER_END_WAITED,       /* --wait went by, and one of them could not be used yet */
	CONSUMER_END_DONE,         /* --stdio: both directions ended in order */
	CONSUMER_END_BROKEN, /* --stdio: the connection was reset, or its output could not be written */
};

struct consumer;

/* What the session does for it. */
struct consumer_ops {
	/* The link for a new stream; NULL: none may open one now. */
	struct mux *(*pick)(void *arg);
	/* Something is to be told to the exit node: calls consumer_offer() if there is a link. */
	void (*due)(void *arg);
};

struct consumer {
	const struct client_options *options;
	const struct consumer_ops *ops;
	void *arg; /* for the ops */
	struct loop *loop;
	struct client_endpoints endpoints;
	struct local_conns conns;
	struct local_flows flows;

	struct stdio stdio;
	struct local_conn_owner stdio_conn;
	bool stdio_begun, stdio_ended, stdio_written;
	enum frame_reset stdio_reason;
	bool stdio_explained; /* the log has it */
	int stdio_error;      /* errno of the output */

	struct hosts_file hosts;      /* with --hosts-file */
	char remote[CONSUMER_REMOTE]; /* the exit node, for keys that are remembered */

	struct loop_timer wait;
	struct loop_task
		tidy; /* flows of closed ports end, names are kept, and the end is looked for */
	bool over;    /* ended() was called */
	/* There is nothing more to do, and the caller may end. Runs once, from the loop. */
	void (*ended)(struct consumer *c, enum consumer_end end);
};

/* What it is given must outlive it. Opens nothing yet. 0, or -ENOMEM with a sentence. */
int consumer_init(struct consumer *c, struct loop *loop, struct offload *offload,
	const struct client_options *options, struct error *err);
/* After the links. Accepts zeroed memory. */
void consumer_deinit(struct consumer *c);

/* The session's side of it; before consumer_start(). */
void consumer_set_ops(struct consumer *c, const struct consumer_ops *ops, void *arg);

/*
 * Whether each port could be opened at this moment: an address that the machine does not have, or a port that
 * another program has, is said at the start and not when an approval comes; and whether --hosts-file may be
 * written. 0, or -errno with a sentence.
 */
int consumer_probe(struct consumer *c, struct error *err);

/* What end to end needs of this client, and must outlive it. Before consumer_start(); without, it has no keys. */
void consumer_set_keys(struct consumer *c, struct client_keys *keys);

/* --wait counts from here. */
void consumer_start(struct consumer *c);

/* The configuration was read again. 0, or -ENOMEM with a sentence and nothing changed. */
int consumer_set(struct consumer *c, const struct local_services *list, struct error *err,
	struct client_endpoints_change *change_out);

/* Asks the exit node for what it has not been asked for; `has_private`: its hello says that it can be. */
void consumer_offer(struct consumer *c, struct link *l, bool has_private);

/* One link of several is lost; and all of them are. */
void consumer_unanswered(struct consumer *c);
void consumer_lost(struct consumer *c);

/* A link may open streams now. */
void consumer_link_ready(struct consumer *c);

/* `attached` or `declined`. */
void consumer_answered(struct consumer *c, const struct control *message);

/* The client ends: nothing new is taken, what is open goes on. */
void consumer_drain(struct consumer *c);

/* Whether there is, or may be, something to use: a client without it need not stay for it. */
bool consumer_lives(const struct consumer *c);

/* Connections of local programs, those that wait included. */
size_t consumer_conns(const struct consumer *c);
