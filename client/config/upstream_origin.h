/* SPDX-License-Identifier: MIT */
#pragma once
/* What --group, --origin and the options with them say: which of several origins of one place this upstream is. */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/control.h"
#include "wire/hostname.h"

struct part;
struct service_options;

struct upstream_origin {
	char group[HOSTNAME_SIZE];   /* canonical; "": none, its place is a host or a port */
	char name[CONTROL_NAME + 1]; /* "": the exit node calls it by this process */
	uint32_t priority, weight;   /* 0: not said */
	bool disabled;               /* it takes nobody new */
};

/* 0, or -EINVAL with a sentence. `kind` is the upstream's. */
int upstream_origin_init(struct upstream_origin *out, const struct part *p, enum control_kind kind,
	struct error *err);
bool upstream_origin_same(const struct upstream_origin *a, const struct upstream_origin *b);

/* Whether anything is said that an exit node without groups does not know. */
bool upstream_origin_said(const struct upstream_origin *o);
