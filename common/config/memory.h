/* SPDX-License-Identifier: MIT */
#pragma once
/* How much memory a side takes for queued bytes when no option says. */
#include <stdint.h>

/*
 * An eighth of what this process may use, the machine's RAM or its control group's limit, and from
 * 32 MiB (below that a handful of fast streams already starve) to 1 GiB (more would only be queued).
 */
uint64_t memory_budget_default(void);
