/* SPDX-License-Identifier: MIT */
#pragma once
/* All that the exit node can be asked: one table of each file that has handlers. */
#include "server/admin/operation.h"

/* The last one is NULL. */
extern const struct admin_operations *const admin_api[];
