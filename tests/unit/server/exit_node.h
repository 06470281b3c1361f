/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * An exit node of several workers and its registrar, all on one thread: the test decides which worker has its
 * turn, so what the threads may interleave is tried in the orders that are hard. Its clients are made up:
 * links are real but their handshakes are not, and the test is the other end of each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "server/base/node.h"
#include "server/control/enforce.h"
#include "server/control/session.h"
#include "server/link/link_worker.h"
#include "server/route/balance.h"
#include "server/workers.h"
#include "wire/frame.h"
#include "wire/ws.h"

#define WORKERS        3 /* of exit_node_options */
#define CLIENTS_MAX    1024
#define MESSAGES_MAX   64
#define CLIENT_STREAMS 32          /* that a client lets the exit node open */
#define CLIENT_WINDOW  (64u << 10) /* bytes */

/* Two identities with every grant, each by a credential. */
extern struct credential alice, bob;

/* What a client was told. */
struct message {
	enum control_type type;
	uint32_t service, port, ports;
	enum control_reason reason;
	bool warning, exclusive;
	char text[CONTROL_TEXT + 1]; /* address, sentence, or whose endpoint is pending */
	/* Of `attached`, whose number is `service`, as that of `declined` is */
	enum control_endpoint_state state;
	bool usable;
	uint32_t link;
	char id[CONTROL_ENDPOINT + 1]; /* of `pending`, too */
	char alias[CONTROL_TEXT + 1];
};

/* One link's other end. */
struct fake_client {
	struct server_link *link; /* freed once `ended` */
	int fd;
	struct buf in;
	struct ws_rx ws;
	bool ended; /* the exit node closed the connection */

	struct message *messages; /* room for MESSAGES_MAX, which do not move; owned */
	size_t n_messages;
	struct frame_open open; /* the last one */
	uint32_t stream;        /* it opened */
	unsigned n_opens, n_fins, n_resets, n_datagrams, n_pings, n_goaways;
	enum frame_reset reset; /* what the last one said */
	uint8_t goaway;         /* likewise: enum frame_goaway */
	struct buf got;         /* bytes of streams and datagrams */
};

struct exit_node {
	struct server_options options;
	struct node node;
	struct workers workers;
	struct catalog catalog;
	struct registrar registrar;
	struct fake_client clients[CLIENTS_MAX];
	size_t n_clients;
	bool ended;
	struct option_range ports; /* exit_node_ports() */
};

/* As fixtures. */
int exit_node_open(void **state);
int exit_node_close(void **state);
/* With other options than exit_node_options. */
struct exit_node *exit_node_new(const struct server_options *options);
/* The first half of that, once: no worker runs any more, and no session is there. */
void exit_node_end(struct exit_node *n);
/* Whatever the test left, nothing may be counted any more. */
void exit_node_free(struct exit_node *n);
extern const struct server_options exit_node_options;

/* The first of PORTS ports on 127.0.0.1, for TCP and UDP, that were free just now; the options give them away. */
#define PORTS 100
uint16_t exit_node_ports(struct exit_node *n);

/* All workers have a certificate from here on, for no name that anybody asks for. */
void exit_node_tls(struct exit_node *n);

/* One turn of a worker, which does not wait. */
void turn(struct exit_node *n, unsigned worker);
/* More turns of each than any mail goes back and forth. */
void settle(struct exit_node *n);
/* Until then, at most a second. */
#define settle_until(n, condition)                                              \
	do {                                                                    \
		for (int turns_ = 0; !(condition) && turns_ < 1000; turns_++) { \
			settle(n);                                              \
			usleep(500);                                            \
		}                                                               \
		assert_true(condition);                                         \
	} while (0)

/* ---- Clients ---- */

/* A link that has come up, on whichever worker it was placed; `resume` may be NULL. */
struct server_link *dial(struct exit_node *n, struct credential *who, const char *instance,
	const uint8_t *resume);
/* The same; `remote` (or NULL) is what it says it dialled. */
struct server_link *dial_by(struct exit_node *n, struct credential *who, const char *instance,
	const uint8_t *resume, const char *remote);
/* The two halves of it: a link that has not said who it is, and one that has proved to be its credential. */
struct server_link *dial_begin(struct exit_node *n);
void dial_proved(struct server_link *l, const char *instance, const uint8_t *resume,
	const char *remote);
void hang_up(struct server_link *l);
/* Its client proves to be of this session, by a secret that may be wrong. */
void join(struct server_link *l, const struct session *s, const uint8_t secret[CONTROL_SECRET]);

void say(struct server_link *l, struct control m);
struct control publish_http(uint32_t number, const char *host);
struct control publish_port(uint32_t number, enum control_kind kind, uint32_t port);
void publish(struct server_link *l, uint32_t number, const char *host);
void withdraw(struct server_link *l, uint32_t number);

/* The other end of a link, with all that came there. */
struct fake_client *client_of(struct exit_node *n, const struct server_link *l);
/* The last message of that type that a link's client got, of that service (of a notice: 0); NULL: none. */
const struct message *told(struct exit_node *n, const struct server_link *l, enum control_type type,
	uint32_t service);
/* Asks, and lets everybody have their turns: the answer, granted or refused. */
const struct message *ask(struct exit_node *n, struct server_link *l, struct control m);
/* The link's client sends frames. */
void client_send(struct fake_client *c, const void *frames, size_t size);
/* By a PONG: it is suspected no longer. */
void client_shows_life(struct fake_client *c);
void client_data(struct fake_client *c, uint32_t stream, const char *text);
void client_datagram(struct fake_client *c, uint32_t stream, const char *text);
void client_fin(struct fake_client *c, uint32_t stream, uint64_t taken);
void client_reset(struct fake_client *c, uint32_t stream, enum frame_reset reason);

/* ---- What there is ---- */

struct session *only_session(struct exit_node *n);
/* The first shard of the name on that worker, or NULL. */
struct service_shard *service_shard_at(struct exit_node *n, unsigned worker, const char *host);
unsigned workers_with(struct exit_node *n, const char *host);
unsigned usable(const struct session *s);
