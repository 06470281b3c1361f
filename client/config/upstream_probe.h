/* SPDX-License-Identifier: MIT */
#pragma once
/* What --probe and the options with it say: how this client finds out whether the upstream is well. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "config/option.h"
#include "wire/control.h"

#define UPSTREAM_PROBE_EVERY \
	(10 * CLOCK_S) /* Azure has 30 s, from each of its edges; here it is one */
#define UPSTREAM_PROBE_EVERY_MIN CLOCK_S
#define UPSTREAM_PROBE_EVERY_MAX (300 * CLOCK_S)
#define UPSTREAM_PROBE_EXPECTED  16 /* ranges of statuses: as many as one would type */

struct part;
struct service_options;

enum upstream_probe_kind {
	UPSTREAM_PROBE_NONE,
	UPSTREAM_PROBE_CONNECT, /* it is well if it can be connected to */
	UPSTREAM_PROBE_GET,     /* and answers a GET with a status that is expected */
};

struct upstream_probe {
	enum upstream_probe_kind kind;
	char *path;     /* UPSTREAM_PROBE_GET; owned */
	uint64_t every; /* µs */
	struct option_range expected[UPSTREAM_PROBE_EXPECTED];
	size_t n_expected; /* 0: 200 to 399 */
};

/* 0, -EINVAL with a sentence, or -ENOMEM; `out` is for upstream_probe_deinit() in any case. */
int upstream_probe_init(struct upstream_probe *out, const struct part *p, enum control_kind kind,
	struct error *err);
/* 0 or -ENOMEM; likewise. */
int upstream_probe_copy(struct upstream_probe *to, const struct upstream_probe *from);
void upstream_probe_deinit(struct upstream_probe *v);
bool upstream_probe_same(const struct upstream_probe *a, const struct upstream_probe *b);

bool upstream_probe_expects(const struct upstream_probe *v, unsigned status);
