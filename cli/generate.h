/* SPDX-License-Identifier: MIT */
#pragma once
/* --generate: prints what runs a command line for good, instead of running it. */
#include <stdio.h>

#include "cli/deployment.h"
#include "cli/launch.h"
#include "config/shared.h"

/* To standard output, whole or nothing. 0, or -errno with a sentence. */
int generate(const struct launch *l, void *opts, const struct config *c, enum generate form,
	struct error *err);

/* The forms: 0, or -EINVAL with a sentence for what such a place does not have. */
int generate_systemd(FILE *to, const struct deployment *d, struct error *err);
int generate_compose(FILE *to, const struct deployment *d, struct error *err);
int generate_k8s(FILE *to, const struct deployment *d, struct error *err);
int generate_cloud_init(FILE *to, const struct deployment *d, struct error *err);
