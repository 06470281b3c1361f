/* SPDX-License-Identifier: MIT */
#pragma once
/* --otlp and what belongs to it: where spans go, and of which requests. */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "net/fetch.h"
#include "wire/hostname.h"

#define OTLP_PORT "4318" /* OTLP over HTTP; with TLS it is that of HTTPS */

struct otlp_target {
	struct fetch_target to;
	char text[HOSTNAME_SIZE + 32]; /* for people */
};

/* "http[s]://HOST[:PORT]": 0, or -EINVAL with a sentence. */
int otlp_target_parse(struct str text, struct otlp_target *out, struct error *err);
int otlp_target_check(struct str text, struct error *err);

/* "0.01", from 0 to 1, as a part of 2^32 - 1: 0, or -EINVAL with a sentence. */
int otlp_ratio_parse(struct str text, uint32_t *out, struct error *err);
int otlp_ratio_check(struct str text, struct error *err);

/*
 * The rows of the server's option table.
 *	otlp-ratio	a guess: a site of 1,000 requests a second sends ten spans
 */
#define OTLP_ROWS(side)                                                                            \
	{.name = "otlp",                                                                           \
		.type = OPTION_STRING,                                                             \
		.metavar = "URL",                                                                  \
		.check = otlp_target_check,                                                        \
		.help = "Send a span of each sampled request to this collector of OpenTelemetry, " \
			"http[s]://HOST[:PORT], by OTLP over HTTP; default: none, and "            \
			"traceparent "                                                             \
			"passes as it came",                                                       \
		.offset = offsetof(side, otlp)},                                                   \
		{.name = "otlp-ca",                                                                \
			.type = OPTION_STRING,                                                     \
			.metavar = "FILE",                                                         \
			.help = "Trust these CAs for the collector, instead of the system's",      \
			.offset = offsetof(side, otlp_ca)},                                        \
		{.name = "otlp-headers-from",                                                      \
			.type = OPTION_STRING,                                                     \
			.metavar = "FILE",                                                         \
			.help = "Send the fields in this file, NAME: VALUE a line, to the "        \
				"collector, such as its key",                                      \
			.offset = offsetof(side, otlp_headers_from)},                              \
		{.name = "otlp-ratio",                                                             \
			.type = OPTION_STRING,                                                     \
			.default_text = "0.01",                                                    \
			.metavar = "RATIO",                                                        \
			.check = otlp_ratio_check,                                                 \
			.help = "How many of the traces that begin here are sampled: 0 to 1",      \
			.offset = offsetof(side, otlp_ratio)},                                     \
	{                                                                                          \
		.name = "trace-visitors", .type = OPTION_FLAG, .default_text = "false",            \
		.help = "Go on with the trace that any visitor names, sampled or not as he says, " \
			"and not with those of --trusted-proxies alone",                           \
		.offset = offsetof(side, trace_visitors)                                           \
	}
