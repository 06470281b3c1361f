#pragma once
/*
 * The way up of one link of the session: gets a link, keeps it, gets another when it is lost.
 *
 *	IDLE -> CONNECTING -> HANDSHAKING -> UP
 *	              ^            |          |
 *	              +-- BACKOFF <+----------+        STOPPED, from anywhere, ends it
 *
 * CONNECTING takes the name's look-up, the proxy, TLS and the HTTP upgrade (client/session/connector), anew each
 * time. A link whose exit node says GOAWAY goes on with its streams while the next one is sought.
 */
#include "base/log_limit.h"
#include "client/session/backoff.h"
#include "client/session/connector.h"
#include "wire/control.h"
#include "wire/hello.h"

#define UPLINK_STEADY       (5 * CLOCK_S) /* a link that lived for less does not reset the back-off */
#define UPLINK_SAY_AGAIN    (60 * CLOCK_S) /* between two lines about the same failure */
#define UPLINK_REJECTIONS   3              /* rule 11: believed after so many in a row, */
#define UPLINK_REJECTED_FOR (10 * CLOCK_S) /* over at least so long */

enum uplink_state {
	UPLINK_IDLE,
	UPLINK_CONNECTING,
	UPLINK_HANDSHAKING,
	UPLINK_UP,
	UPLINK_BACKOFF,
	UPLINK_STOPPED
};

struct client_link;
struct client_session;
struct token_key;

struct uplink {
	struct client_session *session;
	unsigned number; /* from 1, for people */
	enum uplink_state state;
	struct connector connector;
	struct client_link *link; /* the link that is being made or is up; NULL: none */

	struct backoff backoff;  /* of connecting, since a link was up last */
	struct backoff young;    /* of links that died young, one after another */
	struct loop_timer timer; /* the next attempt */
	unsigned rejections;     /* in a row */
	uint64_t rejected_since;
	bool unwelcome; /* its last link joined and soon ended: perhaps it may not */
	char last_failure[512];
	struct log_limit log_failure; /* the same one again */
};

void uplink_init(struct uplink *u, struct client_session *s, unsigned number);
void uplink_deinit(struct uplink *u);

/* Begins, unless it has. */
void uplink_start(struct uplink *u);

/* Not up, and need not try any more until it is started again. Not from within its link's callbacks. */
void uplink_rest(struct uplink *u);

/* No further link. One that is up goes on without it. Not from within a handshake's callbacks. */
void uplink_stop(struct uplink *u);

/* The key for this salt was made; NULL: memory is out. For a link that waits for it. */
void uplink_key(struct uplink *u, const uint8_t salt[HELLO_SALT], const struct token_key *key);

/* ---- For its links; all but uplink_lost() come from within the link ---- */

void uplink_salt(struct uplink *u, struct client_link *l, const uint8_t salt[HELLO_SALT]);
void uplink_up(struct uplink *u, struct client_link *l, const struct control *hello);
void uplink_goaway(struct uplink *u, struct client_link *l, uint8_t reason);
void uplink_lost(struct uplink *u, struct client_link *l); /* its link is closed; it frees itself */
