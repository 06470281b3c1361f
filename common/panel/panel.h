/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * HTTP/1.1 for operators, by libwebsockets, on a thread and a poll loop of its own: at a Unix socket, where the
 * kernel says who comes, and at a TCP address, where a token does. It knows neither server nor client: it asks its
 * owner, and whoever answers does it from any thread. It owns nothing of what it is asked about, and nobody waits
 * for it.
 *
 * At the TCP address it has besides: the pages of web/, and a login that makes a cookie of the token. At both
 * there is the live feed (panel_live.h). What libwebsockets bounds beside the limits here: a head and a part of a body have 5 s, and a head
 * has 8 KiB.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/list.h"
#include "panel/panel_topic.h"
#include "wire/address.h"

/* Requests that the owner was asked and has not answered: each may hold a body. A guess. */
#define PANEL_REQUESTS_MAX 32

/* Of them from strangers, who may ask for panel_tcp_options::open alone: they must not keep others waiting. */
#define PANEL_REQUESTS_OPEN_MAX 8

/* Bytes of a request's body: a file of 1,000 identities for `tunnel apply` has a third of that. */
#define PANEL_BODY_MAX (1u << 20)

/*
 * Connections at a time, of each kind: at the Unix socket; over TCP of those that have shown the token or a cookie,
 * and of those that have not. One more takes the place of the one of its kind that was silent for longest. A guess.
 */
#define PANEL_CONNECTIONS_MAX 64

/* Of those that have not shown it from one address (address_network()): a browser opens six. */
#define PANEL_STRANGERS_PER_ADDRESS 8

/* Connections of the live feed: pages that are open. */
#define PANEL_WATCHING_MAX 16

/* How long a GET waits for its answer, in µs: a script should ask again rather than hang. */
#define PANEL_PATIENCE 2000000

struct panel;
struct unix_socket;
struct panel_conn;

enum panel_method {
	PANEL_GET,
	PANEL_POST,
	PANEL_PUT,
	PANEL_PATCH,
	PANEL_DELETE,
	PANEL_OPTIONS,
};

/* Who asks. */
enum panel_who {
	PANEL_SOCKET, /* somebody at the Unix socket: `peer` */
	PANEL_TOKEN,  /* somebody who has shown the token: `from` */
	PANEL_OPEN,   /* anybody, for one of panel_tcp_options::open: `from` */
	PANEL_FEED,   /* the live feed, for those who have subscribed to something */
};

/* Who is at the other end of a Unix socket, as the kernel says. */
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
	char *accept;   /* likewise, also where it is longer than anybody needs */
	enum panel_who who;
	struct panel_peer peer;
	struct address from;

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
	enum panel_topics topic; /* of PANEL_FEED */
	char *cookie;            /* Set-Cookie; owned by the request */
};

struct panel_owner {
	/* On the panel's thread. panel_answer() must follow, exactly once, unless it does not start again. */
	void (*ask)(void *arg, struct panel_request *rq);
	void *arg;
	/* What the live feed asks for, by topic, and says of who it is; a path that is NULL is none. */
	const char *topics[PANEL_TOPICS];
	const char *side; /* "server" */
};

struct panel_socket_options {
	const char *path;
	/* Users of this group may come in as well as root and this process's own. */
	bool group_given;
	gid_t group;
};

/* All of it is borrowed until the panel is freed. */
struct panel_tcp_options {
	const char *address; /* numeric; "": all */
	uint16_t port;       /* 0: any free one */
	unsigned more;       /* ports behind it to try where it is taken */
	const char *token;
	/* Names by which it is reached besides its address and "localhost". */
	char *const *hosts;
	size_t n_hosts;
	const char *cert, *key; /* PEM files, or one with both; NULL: no TLS */
	/* Paths that take no token, the last one NULL; NULL: there are none. */
	const char *const *open;
};

/* Outcome of panel_open_socket(): the socket is another process's, which lives. */
#define PANEL_TAKEN 1

/* Without a thread, and nowhere to be reached yet. 0 or -errno with a sentence. The owner's texts are borrowed. */
int panel_new(struct panel **out, const struct panel_owner *owner, struct error *err);

/*
 * Where it is reached, before panel_start(), and the first before other threads make files, as the umask is the
 * process's. 0; PANEL_TAKEN or -errno, with a sentence.
 */
int panel_open_socket(struct panel *p, const struct panel_socket_options *o, struct error *err);
/* The same with a socket that is open already, and becomes the panel's. `path` is not looked at. */
void panel_take_socket(struct panel *p, struct unix_socket *socket,
	const struct panel_socket_options *o);
int panel_open_tcp(struct panel *p, const struct panel_tcp_options *o, struct error *err);

/* Answers from here on, on a thread: 0, or -errno with a sentence. */
int panel_start(struct panel *p, struct error *err);

/* Of panel_open_tcp(). */
uint16_t panel_port(const struct panel *p);

/* From any thread; the request is the panel's again. Also behind panel_stop(). */
void panel_answer(struct panel *p, struct panel_request *rq);

/* From any thread: the files of the certificate are others now, and are read again. */
void panel_renew(struct panel *p);

/* Ends the thread and removes the socket. No ask() comes any more. */
void panel_stop(struct panel *p);

/* When nobody can call panel_answer() any more. Stops it first. NULL. */
struct panel *panel_free(struct panel *p);
