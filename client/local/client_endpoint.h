/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One private service that this client wants to use: what it is asked for by, under a number that is never used again
 * for anything else, and how this client's endpoint there stands. The exit node decides; here its word is kept,
 * and said to people once for each change.
 *
 *	IDLE -> ASKED -> PENDING | USABLE | BARRED | REJECTED, each of them at any time
 *	          \----> DECLINED -> IDLE again, after a while
 *	OVER: its owner removed it (Disconnected), or the configuration does not have it any more
 *
 * Programs of this machine find it at its port (client/local/local_port), which opens when it is USABLE first. From
 * then on the port stays, whatever the exit node says: it must not be somebody else's when the answer changes
 * back. Only REJECTED and OVER close it.
 */
#include "base/log_limit.h"
#include "client/config/local_service.h"
#include "client/local/local_port.h"
#include "client/local/provider_key.h"
#include "link/link.h"

/*
 * How long until one that is declined is asked for again: at first soon, as its provider may be on its way back with
 * the exit node, and then twice as long each time.
 */
#define CLIENT_ENDPOINT_RETRY_FIRST CLOCK_S
#define CLIENT_ENDPOINT_RETRY       (10 * CLOCK_S)

/* How often the key of a provider that was refused is looked up again: somebody may wait for it at a terminal. */
#define CLIENT_ENDPOINT_KEY_RETRY (2 * CLOCK_S)

/* A line about it; what the exit node's texts have beyond that is cut. */
#define CLIENT_ENDPOINT_TEXT 512

enum client_endpoint_state {
	CLIENT_ENDPOINT_IDLE,
	CLIENT_ENDPOINT_ASKED,
	CLIENT_ENDPOINT_PENDING,
	CLIENT_ENDPOINT_USABLE,
	CLIENT_ENDPOINT_BARRED, /* approved, and yet not usable: an intention, a grant, an identity */
	CLIENT_ENDPOINT_REJECTED,
	CLIENT_ENDPOINT_DECLINED, /* there is nothing, as far as this client may know */
	CLIENT_ENDPOINT_OVER,
};

/* What becomes of a connection that a local program makes now. */
enum client_endpoint_way {
	CLIENT_ENDPOINT_OPENS,
	CLIENT_ENDPOINT_WAITS, /* the exit node has not answered yet, and may soon */
	CLIENT_ENDPOINT_RESETS,
};

struct client_endpoint {
	struct local_service service; /* its own copy, as configured */
	uint32_t number;
	unsigned users; /* its connections, flows and the list; freed with the last */
	enum client_endpoint_state state;
	bool used;      /* it was USABLE once */
	bool attached;  /* the exit node may have it as this session's: to be detached some day */
	bool leaving;   /* OVER because the configuration does not have it any more */
	uint64_t retry; /* µs: the next pause of one that is declined */
	uint64_t
		due; /* while DECLINED: when it is asked for again, µs; with `key_refused` likewise */

	struct local_port port;
	char host[LOCAL_PLACE_HOST_SIZE]; /* where it listens instead of the place's; "": there */
	uint64_t listen_at;               /* the port could not be opened: tried again then, µs */

	/* Of its provider: as the exit node said last, and as streams are opened. */
	struct provider_key said_key, key;
	bool key_refused; /* why it is BARRED: looked at again when it is `due` */
	bool hearing;     /* within client_endpoint_attached() */
	/* Its state has changed outside of that, when a key was looked up; set by their owner with its `arg`. */
	void (*settled)(struct client_endpoint *ep);
	void *arg;

	char *id;       /* of the endpoint, for who approves it; NULL: not known */
	char *alias;    /* of the private service, as the exit node has it; NULL: not known */
	char *fqdns;    /* its provider's names for it, with commas between; NULL: none */
	char *sentence; /* the approver's, or why it is not usable; NULL: none */

	char text[CLIENT_ENDPOINT_TEXT]; /* what is to be said of it, or was last */
	int level;                       /* enum log_level, of that */
	bool said;
	struct log_limit log_failed, log_dropped, log_overrun;
};

/* NULL when memory is out. */
struct client_endpoint *client_endpoint_new(const struct local_service *service, uint32_t number);
struct client_endpoint *client_endpoint_ref(struct client_endpoint *ep);
struct client_endpoint *client_endpoint_unref(
	struct client_endpoint *ep); /* accepts NULL; returns NULL */

void client_endpoint_set_state(struct client_endpoint *ep, enum client_endpoint_state state);

enum client_endpoint_way client_endpoint_way(const struct client_endpoint *ep);

/* Whether its port is to be open. */
bool client_endpoint_listens(const struct client_endpoint *ep);

/*
 * Sends ATTACH, or DETACH. What finds no room in the link now goes out with a later call. `own` is this client's
 * end-to-end key; NULL: it has none.
 */
void client_endpoint_attach(struct client_endpoint *ep, struct link *l, const struct key_pair *own);
void client_endpoint_detach(struct client_endpoint *ep, struct link *l);

/* What an answer about a key goes by; `keys` may be NULL. */
struct client_endpoint_keys {
	struct client_keys *keys;
	const char *remote; /* the exit node, of which a bare name is */
	uint64_t now;
};

/* The exit node's answers. One that is OVER, or not asked for, hears none. */
void client_endpoint_attached(struct client_endpoint *ep, const struct control *message,
	const struct client_endpoint_keys *by);
void client_endpoint_declined(struct client_endpoint *ep, const struct control *message,
	uint64_t now);

/* Its provider's key was refused: looked at again, as a person may have said that another one is right. */
void client_endpoint_check_key(struct client_endpoint *ep, const struct client_endpoint_keys *by);

/* To be asked for anew, unless it is OVER. */
void client_endpoint_again(struct client_endpoint *ep);

/* The configuration does not have it any more. */
void client_endpoint_leave(struct client_endpoint *ep);

/* Replaces the message; true: the exit node has to be told. */
bool client_endpoint_set_message(struct client_endpoint *ep, const char *message);

/* It is USABLE, and its port is open: what is to be said of that. */
void client_endpoint_say_listening(struct client_endpoint *ep);

const char *client_endpoint_state_name(enum client_endpoint_state state);
/* Why it is of no use so far, as a part of a sentence. */
const char *client_endpoint_hindrance(enum client_endpoint_state state);
