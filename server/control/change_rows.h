/* SPDX-License-Identifier: MIT */
#pragma once
/* Rows that clients' changes need besides their own: in a change's check(). */
#include "server/control/change.h"

struct identity;

/*
 * The id by which rows refer to an identity. `default` is no row before something refers to it: then its row is
 * added first. 0: memory is out, and the change was refused.
 */
uint64_t change_identity_id(struct change *c, const struct identity *i);
