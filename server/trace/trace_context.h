/* SPDX-License-Identifier: MIT */
#pragma once
/* The field traceparent (W3C Trace Context, 3.2). */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define TRACE_ID_SIZE      16
#define TRACE_SPAN_SIZE    8
#define TRACE_PARENT_LEN   55 /* characters of a value of version 00 */
#define TRACE_FLAG_SAMPLED 1

struct trace_context {
	uint8_t trace[TRACE_ID_SIZE], span[TRACE_SPAN_SIZE];
	uint8_t flags;
};

/* False: it is none, and who reads it begins a trace of its own. What later versions append is passed over. */
bool trace_context_parse(struct str value, struct trace_context *out);

/* As version 00 writes it, with a NUL. */
void trace_context_format(const struct trace_context *c, char out[TRACE_PARENT_LEN + 1]);
