/* SPDX-License-Identifier: MIT */
#pragma once
/* A visitor of HTTP/2 on a socket, which is nghttp2's client, and a made-up client of ours. */
#include <nghttp2/nghttp2.h>

#include "scene.h"
#include "server/http/h2_conn.h"

struct h2_visitor {
	struct scene *scene;
	struct fake_client *client; /* of a.test */
	struct h2_conn *conn;       /* the last; void once it is closed */
	int fd;                     /* the visitor's end; -1: closed */
	nghttp2_session *session;
	struct buf got;  /* a line for each field, stretch of data and end: h2_hear() */
	uint32_t goaway; /* its code; UINT32_MAX: none came */
	bool ended;      /* the server's end came */
	bool reads_not;  /* what came stays in the socket */
	bool gives_not;  /* windows are the test's to give back; before h2_enter() */
	bool tcp; /* over TCP on the loopback, whose kernel says what was acknowledged; likewise */
	size_t n_data;     /* bytes of responses' bodies so far */
	const char *body;  /* what is left to be sent of it */
	const char *trail; /* name of a trailer behind it, or NULL */
};

int h2_setup(void **state);
int h2_teardown(void **state);

/* A connection, by prior knowledge; the client's window for each stream. What the server's socket takes is little. */
void h2_enter(struct h2_visitor *v, uint32_t window);
/* Bytes of the socket, before or instead of what nghttp2 says. */
void h2_say_bytes(struct h2_visitor *v, const void *p, size_t n);
/* The visitor closes its socket. */
void h2_leave(struct h2_visitor *v);
bool h2_is_open(const struct h2_visitor *v);

/*
 * Asks with GET, or with POST and `body`. `more`: another field, "name: value", or NULL. `length`: Content-Length
 * says how long the body is. The stream's id.
 */
int32_t h2_get(struct h2_visitor *v, const char *host, const char *path, const char *more);
int32_t h2_post(struct h2_visitor *v, const char *path, const char *body, bool length);

/* Until nobody has anything to say. */
void h2_talk(struct h2_visitor *v);
/* The same; everything since the last call, as a text that is good until the next. */
const char *h2_hear(struct h2_visitor *v);
/* The request came to the client, which answers. */
void h2_answer_text(struct h2_visitor *v, const char *text);
/* `part` stands somewhere in the text. */
void assert_part(const char *text, const char *part);
