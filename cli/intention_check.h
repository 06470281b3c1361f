/* SPDX-License-Identifier: MIT */
#pragma once
/* tunnel intention check: its answer is its exit status. */
#include "cli/verb.h"

/* 0: Allowed; 1: Denied; 2: there is no answer, whatever the reason, as with Consul's command. */
int intention_check(struct call *c);
