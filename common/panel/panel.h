/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The admin socket: HTTP/1.1 at a Unix socket, by libwebsockets, on a thread and a poll loop of its own. It
 * knows neither server nor client: it asks its owner, and whoever answers does it from any thread. It owns
 * nothing of what it is asked about, and nobody waits for it.
 *
 * libwebsockets has its limits and bounds beside those here: a head and a part of a body have 5 s, and a head has
 * 8 KiB.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/list.h"

/* Requests that the owner was asked and has not answered: each may hold a body. A guess. */
#define PANEL_REQUESTS_MAX 32

/* Bytes of a request's body: a file of 1,000 identities for `tunnel apply` has a third of that. */
#define PANEL_BODY_MAX (1u << 20)

/* Connections at a time. One more takes the place of the one that was silent for longest. A guess. */
#define PANEL_CONNECTIONS_MAX 64

/* How long a GET waits for its answer, in µs: a script should ask again rather than hang. */
#define PANEL_PATIENCE 2000000

struct panel;
struct panel_conn;

enum panel_method {
	PANEL_GET,
	PANEL_POST,
	PANEL_PUT,
	PANEL_PATCH,
	PANEL_DELETE,
	PANEL_OPTIONS,
};

/* Who is at the other end, as the kernel says. */
struct panel_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

/* The owner's from panel_owner::ask() to panel_answer(). */
struct panel_request {
	enum panel_method method; /* PANEL_GET for HEAD, whose answer is sent without its content */
	char *target;             /* "/path?name=value&…": normalised, and percent-encoded anew */
	char *body;               /* NULL: none; ends in a NUL behind `body_size` */
	size_t body_size;
	char *if_match; /* NULL: not said */
	struct panel_peer peer;

	/* The owner's to set; what is NULL or 0 is left out */
	int status;
	char *answer; /* owned by the request */
	size_t answer_size;
	const char *content_type;      /* a constant */
	char *etag, *location, *allow; /* owned by the request */
	unsigned retry_after;          /* seconds */

	/* The panel's alone */
	struct list link;
	struct panel_conn *conn; /* NULL: gone, or it has its answer already */
};

struct panel_owner {
	/* On the panel's thread. panel_answer() must follow, exactly once, unless it does not start again. */
	void (*ask)(void *arg, struct panel_request *rq);
	void *arg;
};

struct panel_options {
	const char *path; /* of the socket */
	/* Users of this group may come in as well as root and this process's own. */
	bool group_given;
	gid_t group;
	struct panel_owner owner;
};

/* Outcome of panel_new(): the socket is another process's, which lives. */
#define PANEL_TAKEN 1

/*
 * Opens the socket and starts the thread: before other threads make files, as the umask is the process's. 0;
 * PANEL_TAKEN or -errno, with a sentence.
 */
int panel_new(struct panel **out, const struct panel_options *o, struct error *err);

/* From any thread; the request is the panel's again. Also behind panel_stop(). */
void panel_answer(struct panel *p, struct panel_request *rq);

/* Ends the thread and removes the socket. No ask() comes any more. */
void panel_stop(struct panel *p);

/* When nobody can call panel_answer() any more. Stops it first. NULL. */
struct panel *panel_free(struct panel *p);
