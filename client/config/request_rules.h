/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * --rules of an upstream: a file of rules for the requests to it, which the exit node goes through
 * (rules/client_rules.h). It is compiled here as well, so that its author reads of a mistake where it is.
 */
#include "base/error.h"
#include "client/config/upstream.h"

/* The file's text, owned. 0, -EINVAL, -EIO or -ENOMEM with a sentence that has file and line. */
int request_rules_read(const char *path, const struct upstream *u, char **text_out,
	struct error *err);
