/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The remote answers, but not as an exit node that takes a link: a sentence that says who answered, why
 * that is not what the client needs, and what to do about it.
 */
#include "base/error.h"
#include "base/str.h"
#include "wire/http1.h"

/* Where an answer came from. */
struct diagnosis {
	const char *authority; /* "host:port" of the exit node */
	const char *path;      /* the control path */
	bool proxy;            /* a proxy on the way answers */
};

/* An HTTP answer that does not open the link; `why` is upgrade_accepted()'s, `body` what came of it. */
void diagnosis_of_head(const struct diagnosis *d, const struct http1_head *h, struct str body,
	const char *why, struct error *out);

/* Bytes that are no HTTP answer (`code` is the parser's), or an end before there was a whole one. */
void diagnosis_of_bytes(const struct diagnosis *d, const uint8_t *p, size_t n, int code,
	struct error *out);
