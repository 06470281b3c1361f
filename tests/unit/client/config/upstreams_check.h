/* SPDX-License-Identifier: MIT */
#pragma once
/* What upstreams come to, in a line. */
#include "client/config/upstreams.h"

/*
 * Adds the values, up to NULL, each with these options. `expected` is "place>host:port; " of each, such as
 * "tcp port 22>10.0.0.5:22; ", or a part of the sentence behind a '!'.
 */
void upstreams_check(const char *const *values, struct service_options o,
	struct option_ranges ports, const char *expected);
