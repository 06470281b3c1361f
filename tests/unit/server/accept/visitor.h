/* SPDX-License-Identifier: MIT */
#pragma once
/* Visitors' ends of connections that an exit node accepts, with TLS or without. */
#include "server/accept/preread.h"
#include "tests/unit/server/exit_node.h"
#include "tls/tls.h"

#define REQUEST "GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n"

extern const struct address visitor;

/* One end of a connection that comes by that listener; worker 0 has it at once. */
int visit(struct exit_node *n, const struct listener_config *by);
void send_text(struct exit_node *n, int fd, const char *text);
/* The exit node closed it. */
bool is_closed(int fd);
/* By the front's page for a host that nobody publishes. */
bool answered(struct exit_node *n, int fd);
/* By a fatal alert (RFC 8446, 6) that needs no handshake. */
bool got_alert(int fd, uint8_t what);

/* The first that is not anybody's yet. */
struct preread *preread_at(struct exit_node *n);
/* Connections that are counted. */
unsigned visitors(struct exit_node *n);

/* A client of a TCP service under this name, or (NULL) at that port. */
struct server_link *serve(struct exit_node *n, uint32_t number, const char *name, uint16_t port,
	enum control_tls tls, const char *alpn);
/* A service's visitor has gone: so does its client's connection. */
void stream_over(struct exit_node *n, const struct server_link *l);

struct tls_visitor {
	struct conn conn;
	struct tls_client *tls;
};

/* Begins a handshake for that name, on worker 1's loop. */
void tls_visit(struct exit_node *n, struct tls_visitor *v, const struct listener_config *by,
	const char *name, bool alpn);
/* Once its handshake is over. */
void tls_send(struct exit_node *n, struct tls_visitor *v, const char *text);
bool tls_answered(struct exit_node *n, struct tls_visitor *v);
void tls_gone(struct tls_visitor *v);
void on_changed(struct conn *conn);
