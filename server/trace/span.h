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

struct span {
	struct trace_context context; /* its own span, of its parent's trace */
	uint8_t parent[TRACE_SPAN_SIZE];
	bool has_parent; /* else it is the root */
	bool http10;
	uint64_t began, ended;        /* µs of CLOCK_MONOTONIC */
	uint64_t events[SPAN_EVENTS]; /* likewise; 0: did not happen */
	unsigned status;              /* 0: the visitor had left */
	const char *why;              /* what went wrong, a constant; NULL: nothing */
	char method[SPAN_METHOD_SIZE];
	char host[HOSTNAME_SIZE];  /* that was asked for */
	char route[HOSTNAME_SIZE]; /* that matched; "": none */
	char session[SPAN_SESSION_SIZE];
};
