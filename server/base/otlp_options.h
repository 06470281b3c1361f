/* SPDX-License-Identifier: MIT */
#pragma once
/* --otlp and --otlp-ratio: where spans go, and of how many requests. */
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "wire/hostname.h"

#define OTLP_PORT "4318" /* OTLP over HTTP */

struct otlp_target {
	char host[HOSTNAME_SIZE + 1]; /* as getaddrinfo() takes it */
	char port[6];
	char authority[HOSTNAME_SIZE + 16]; /* for Host */
	char text[HOSTNAME_SIZE + 32];      /* for people */
};

/* "http://HOST[:PORT]": 0, or -EINVAL with a sentence. */
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
		.metavar = "http://HOST[:PORT]",                                                   \
		.check = otlp_target_check,                                                        \
		.help = "Send a span of each sampled request to this collector of OpenTelemetry, " \
			"by OTLP over HTTP; default: none, and traceparent passes as it came",     \
		.offset = offsetof(side, otlp)},                                                   \
	{                                                                                          \
		.name = "otlp-ratio", .type = OPTION_STRING, .default_text = "0.01",               \
		.metavar = "RATIO", .check = otlp_ratio_check,                                     \
		.help = "How many of the requests are sampled that come without a traceparent, "   \
			"which says it for the others: 0 to 1",                                    \
		.offset = offsetof(side, otlp_ratio)                                               \
	}
