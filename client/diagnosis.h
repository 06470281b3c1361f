#pragma once
/*
 * What is wrong when something answers at the remote's address but is not a tunnel server: a
 * sentence that says who answered, why that is not what we need, and what to do about it.
 */
#include "base/error.h"
#include "base/str.h"
#include "wire/http1.h"

/* An HTTP answer that does not open the link; `why` is upgrade_accepted()'s. */
void diagnosis_of_head(const struct http1_head *h, const char *path, const char *why,
	struct error *out);

/* Bytes that are no HTTP answer (`code` is the parser's), or an end before there was a whole one. */
void diagnosis_of_bytes(const uint8_t *p, size_t n, int code, struct error *out);
