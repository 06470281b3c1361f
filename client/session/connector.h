#pragma once
/*
 * From an address to a connection that has become a WebSocket.
 * Looks up the name, connects, asks a proxy for the way if there is one, speaks TLS if the remote is
 * wss://, sends the link request and judges the answer.
 *
 *	IDLE -> DIALLING [-> PROXY] [-> SECURING] -> ASKING -> IDLE, with one call of opened() or failed()
 */
#include "base/buf.h"
#include "client/session/proxy.h"
#include "link/upgrade.h"
#include "net/conn.h"
#include "net/dial.h"
#include "net/tls_handshake.h"

#define CONNECTOR_DIAL_TIME \
	(10 * CLOCK_S)                    /* to look up and connect: two lost SYNs and a slow DNS */
#define CONNECTOR_TLS_TIME (10 * CLOCK_S) /* for the TLS handshake: a few round trips */
#define CONNECTOR_ANSWER_TIME \
	(10 * CLOCK_S)                    /* for each HTTP answer: a server does nothing for it */
#define CONNECTOR_HEAD_MAX    (16 * 1024) /* bytes of such an answer; proxies add cookies */
#define CONNECTOR_FIELDS_MAX  HTTP1_FIELDS_DEFAULT /* of such a head */
#define CONNECTOR_INTERIM_MAX 16 /* 1xx answers before the one that counts (rule 32) */

enum connector_state {
	CONNECTOR_IDLE,
	CONNECTOR_DIALLING,
	CONNECTOR_PROXY,
	CONNECTOR_SECURING,
	CONNECTOR_ASKING
};

/* The remote and the path, the proxy, TLS, loop and resolver are borrowed. */
struct connector {
	struct loop *loop;
	struct resolver *resolver;
	const struct url *remote;
	const char *path;
	const struct proxy *proxy;
	struct tls_client *tls;             /* NULL: no TLS */
	char authority[URL_AUTHORITY_SIZE]; /* of the exit node, for CONNECT and for people */

	enum connector_state state;
	struct resolver_query query; /* for a SOCKS proxy that is told an address */
	struct dial dial;
	struct tls_handshake handshake;
	struct conn conn;
	struct loop_timer timer;
	struct loop_task work;
	struct buf out, in;
	struct socks5 socks;
	size_t scanned; /* http1_parse_response()'s */
	unsigned interim;
	char key[WS_KEY_SIZE + 1];

	/* The connection is the callee's, as are the first `n` bytes behind the answer, until it returns. */
	void (*opened)(struct connector *c, struct detached_conn detached, const void *early,
		size_t n);
	/* `why` is a sentence's rest: "connection refused by …" */
	void (*failed)(struct connector *c, const char *why);
};

void connector_init(struct connector *c, struct loop *loop, struct resolver *resolver,
	const struct url *remote, const char *path, const struct proxy *proxy,
	struct tls_client *tls);

/*
 * Behind the exit node's name in a sentence: where its port comes from, if nobody has named one; else "".
 * Returns `text`.
 */
#define CONNECTOR_PORT_NOTE_SIZE 96
const char *connector_port_note(const struct connector *c, char text[CONNECTOR_PORT_NOTE_SIZE]);

/* In IDLE. The calls come later, from the loop; the next attempt may be started from within them. */
void connector_start(struct connector *c);

/* Neither call comes any more. */
void connector_cancel(struct connector *c);
