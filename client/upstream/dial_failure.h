/* SPDX-License-Identifier: MIT */
#pragma once
/* Why a dial failed, in words for the log. */
#include "base/error.h"
#include "net/dial.h"

/* The rest of a sentence about a dial of `host` that failed; `what` should listen there: "the service". */
void dial_failure_describe(const struct dial *dial, const char *host, const char *what,
	struct error *out);
