/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A worker of an exit node whose neighbours are made up: connections that take and give bytes as they are
 * told, and links without sockets, of which the test is the other end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules/front.h"
#include "server/base/worker.h"
#include "server/http/exchange.h"
#include "server/http/http_worker.h"
#include "server/link/server_link.h"
#include "server/link/session_shard.h"
#include "server/route/routing.h"
#include "server/route/service.h"

#define SCENE_WORKERS 2 /* the second is one that others only choose */
#define SCENE_WINDOW  (64u << 10)

struct scene {
	struct server_options options;
	struct node node;
	struct worker worker;
	struct routing routing;
	struct http_worker http;
	struct identity *identity;
	struct front *front; /* NULL: no host has a route */
};

struct scene *scene_new(void);
void scene_free(struct scene *s);
/* Runs what is due: memory that waits for the end of the turn, requests that wait for a session. */
void scene_turn(struct scene *s);
/* For what threads and timers do: true when `done` of `arg` was true within 10 s, however many turns that took. */
bool scene_until(struct scene *s, bool (*done)(void *arg), void *arg);
/* Takes this file of routes, as a reload does; NULL: none. */
void scene_set_front(struct scene *s, const char *text);

/* ---- A client: a session with one service and, mostly, one link ---- */

struct fake_client {
	struct scene *scene;
	struct session_base session;
	struct service *service;
	struct server_link *link; /* NULL: it has none on this worker */
	struct buf got;           /* bytes of the stream that sent last, as the client got them */
	uint32_t stream;          /* that */
	unsigned n_opens, n_reuses, n_resets; /* frames of these types so far */
	enum frame_reset reset;               /* what the last one said */
};

/* Publishes `place` (a host, or "" for all); `publish` (or NULL) says what else of the service. */
struct fake_client *fake_client_new(struct scene *s, const char *place,
	const struct control *publish);
/* Its link and its service go. */
void fake_client_free(struct fake_client *f);
/* A link on this worker; and away with it. */
void fake_client_link(struct fake_client *f);
void fake_client_unlink(struct fake_client *f);

/* Takes all that the link has to send; `got` is what the streams' bytes are since the last call. */
void fake_client_read(struct fake_client *f);
/* What the request's upstream gave, on the stream that sent last. */
void fake_client_answer(struct fake_client *f, const char *text);
void fake_client_send(struct fake_client *f, const uint8_t *p, size_t n);
/* `taken` bytes of the stream were written to the upstream. */
void fake_client_fin(struct fake_client *f, uint64_t taken);
/* The upstream, or the client, gave up. */
void fake_client_reset(struct fake_client *f, enum frame_reset reason, uint64_t taken);

struct service_shard *fake_client_shard(struct fake_client *f);

/* ---- A visitor's connection ---- */

struct fake_conn {
	struct exchange ex;
	struct downstream downstream;
	struct scene *scene;
	struct buf in; /* what the visitor sent and nobody has read */
	bool closed;   /* and behind that, its end */
	int broken;    /* what read() says then, instead */

	struct buf body; /* what it was sent behind the head */
	size_t space;    /* bytes that it still takes; SIZE_MAX: all */
	int head_result; /* what head() says */
	unsigned status; /* of the last final head, or page */
	char *reason;    /* page: its why */
	char phrase[64];
	bool page_closes; /* error_page::close */
	struct str location;
	char place[256];
	char fields[4096]; /* of that head: those that are passed on, a line each */
	char type[64], text[64], challenge[64]; /* error_page::type, body and challenge */
	unsigned retry_after;                   /* error_page::retry_after */

	unsigned n_heads, n_interim, n_pages, n_ends, n_aborts, n_fins, n_watches, n_charges,
		n_moves;
	unsigned moved_to;
	size_t charged;         /* exchange_memory() when it was charged last */
	unsigned logged_status; /* exchange::status at the end */
	const char *logged_why;
	char logged_rule[64]; /* that ended it; "": none did */
};

struct fake_conn *fake_conn_new(struct scene *s);
void fake_conn_free(struct fake_conn *c);

/* A request's head, whatever of its body stands behind it is read when the stream asks for it. */
void fake_conn_ask(struct fake_conn *c, const char *text);
/* The same, up to where dispatch_request() is to be called. */
void fake_conn_begin(struct fake_conn *c, const char *text);
/* And from there on. */
void fake_conn_dispatch(struct fake_conn *c);
/* More of the body. */
void fake_conn_send(struct fake_conn *c, const char *text);

#define assert_body(c, text) assert_bytes(&(c)->body, text)
#define assert_got(f, text)  assert_bytes(&(f)->got, text)
void assert_bytes(const struct buf *b, const char *text);
/* `b` begins so, whatever follows. */
void assert_begins(const struct buf *b, const char *text);
