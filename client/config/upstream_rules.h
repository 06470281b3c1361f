/* SPDX-License-Identifier: MIT */
#pragma once
/* Which words of an --upstream go together; for client/config/upstreams.c. */
#include "client/config/upstreams.h"

enum key_kind { KEY_NONE, KEY_ALL, KEY_HOST, KEY_PORT };

/* What stands before the '='. */
struct key {
	enum key_kind kind;
	char host[HOSTNAME_SIZE];
	struct option_range port;
};

/* One upstream of an option's comma list, with all that is said about it. */
struct part {
	struct key key;
	const char *text; /* the URL */
	struct url url;
	const struct service_options *o;
	const struct option_ranges *ports; /* public; empty: found by name */
};

/* Of a short form: whether the exit node picks its port when none is said. */
bool upstream_takes_any_port(const struct part *p);

/* Its kind and public place, but for the port's number. 0, or -EINVAL with a sentence. */
int upstream_set_place(const struct part *p, struct upstream *add, struct error *err);

/* Whether the options behind it fit what it is now. 0, or -EINVAL with a sentence. */
int upstream_check_settings(const struct part *p, const struct upstream *add, struct error *err);

/* Its limits, likewise. */
int upstream_set_limits(const struct part *p, struct upstream *add, struct error *err);
