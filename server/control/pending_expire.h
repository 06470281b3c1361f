/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Endpoints that wait for an approval, and that nobody has asked for in POLICY_PENDING_MAX, are deleted, each by a
 * change of its own, which the audit has. On the main thread.
 */
#include "server/control/registrar.h"

#define PENDING_EXPIRE_EVERY (24 * 60 * 60 * CLOCK_S)
/* After the start: clients that wait have come back by then. */
#define PENDING_EXPIRE_FIRST (600 * CLOCK_S)
/* Changes at a time, a second apart: others have the queue, too. */
#define PENDING_EXPIRE_BATCH 64

void pending_expire_init(struct registrar *r);
void pending_expire_deinit(struct registrar *r);
