/* SPDX-License-Identifier: MIT */
#pragma once
/* A span: what a trace tells of one request at this exit node. One is made of each request that is sampled. */
#include "server/trace/trace_context.h"
#include "wire/hostname.h"

#define SPAN_METHOD_SIZE  16
#define SPAN_SESSION_SIZE 17

enum span_event {
	SPAN_ROUTED,     /* a session was found for it */
	SPAN_OPENED,     /* its stream was ready to send */
	SPAN_FIRST_BYTE, /* the answer's head went to the visitor */
	SPAN_EVENTS,
};

/* What its trace has to do with the one that the visitor named. */
enum span_origin {
	SPAN_ROOT,   /* he named none */
	SPAN_CHILD,  /* it is the same */
	SPAN_LINKED, /* it is another: he is not believed, and the span only refers to his */
};

struct span {
	struct trace_context context; /* its own */
	struct trace_context came;    /* the visitor's, if `origin` says so */
	enum span_origin origin;
	bool http10, http2;
	uint64_t began, ended;        /* µs of CLOCK_MONOTONIC */
	uint64_t events[SPAN_EVENTS]; /* likewise; 0: did not happen */
	unsigned status;              /* 0: the visitor had left */
	const char *why;              /* what went wrong, a constant; NULL: nothing */
	char method[SPAN_METHOD_SIZE];
	char host[HOSTNAME_SIZE];  /* that was asked for */
	char route[HOSTNAME_SIZE]; /* that matched; "": none */
	char session[SPAN_SESSION_SIZE];
};
