/* SPDX-License-Identifier: MIT */
#pragma once
/* A client in HTTP/1.1's words and our own server in memory, and what each of them heard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "h2/h2_client.h"

#define LIMIT    4096
#define STREAMS  8
#define ASK      "GET /a?b HTTP/1.1\r\nHost: a.example\r\nX-One: 1\r\n\r\n"
#define POST     "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello"
#define CHUNKED  "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

struct pair {
	struct h2_client client;
	struct h2 server;
	struct h2_stream streams[STREAMS];
	unsigned n_streams;
	struct buf heard;  /* by the server's owner */
	struct buf answer; /* what the client's owner took */
	size_t step;       /* bytes that go over at once */
	bool greedy;       /* the client's owner takes what there is */
	bool taking;       /* so does the server's */
};

void pair_init(struct pair *p);
void pair_deinit(struct pair *p);
void pair_say(struct buf *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As a text, good until the next call. */
const char *pair_text(struct buf *b);

/* The server's owner answers the last request. */
void pair_answer(struct pair *p, const char *head, bool last);
void pair_pass(struct pair *p, const char *body);
void pair_finish(struct pair *p, const char *trailers);

/* So many bytes of what there is for the client's owner. */
void pair_take(struct pair *p, size_t n);
/* A step of the bytes that wait. False: none did. */
bool pair_to_client(struct pair *p);
/* Until neither has anything to say. */
void pair_talk(struct pair *p);
/* The request's bytes, in pieces of that size, as far as they are wanted; how many were. */
size_t pair_ask_in(struct pair *p, const char *request, size_t n, size_t step);
/* A request, whole. */
void pair_ask(struct pair *p, const char *request);
void pair_expect(struct pair *p, enum h2_client_outcome outcome, const char *response);
