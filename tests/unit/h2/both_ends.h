/* SPDX-License-Identifier: MIT */
#pragma once
/* Our server and nghttp2's client in memory, and what each of them heard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "base/buf.h"
#include "h2/h2.h"

#define STREAMS 160

/* A request as the server has it. */
struct served {
	struct h2_stream stream;
	bool whole, closed;
};

struct ends {
	struct h2 server;
	nghttp2_session *client;
	struct served *served[STREAMS]; /* by their order */
	unsigned n_served;
	struct buf heard; /* what the server's owner was told, a line each */
	struct buf got;   /* what the client was */
	/* What the client sends as its body */
	const char *body;
	size_t body_n;
	const char *trailer; /* NULL: none */
	bool taking;         /* the owner takes bodies at once */
	bool pages;          /* the owner answers from within the request */
	uint32_t goaway;     /* its code, at the client; UINT32_MAX: none came */
};

void ends_init(struct ends *e, uint32_t client_window);
void ends_deinit(struct ends *e);
/* Until neither has anything to say. */
void ends_talk(struct ends *e);
/* What the client has to say now: appended. */
void ends_client_says(struct ends *e, struct buf *out);
/* The client asks; its stream. With a body, if there is one. */
int32_t ends_ask(struct ends *e, const char *method, const char *path);
void ends_answer(struct served *s, const char *head, bool end);
/* As texts, for comparison; good until the next call. */
const char *ends_heard(struct ends *e);
const char *ends_got(struct ends *e);
