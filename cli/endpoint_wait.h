/* SPDX-License-Identifier: MIT */
#pragma once
#include "cli/verb.h"

/* tunnel endpoint wait: asks until the endpoint stands as --status says, at most for --timeout. verb::run. */
int endpoint_wait(struct call *c);
