/* SPDX-License-Identifier: MIT */
#include "config/cores.h"

#include <sched.h>

#include "base/macros.h"

unsigned cores_default(void)
{
	cpu_set_t set;
	/* Machines with more cores than the set has room for: an error, and more than enough. */
	if (sched_getaffinity(0, sizeof set, &set) < 0)
		return CORES_MOST;
	int n = CPU_COUNT(&set);
	return (unsigned)MIN(MAX(n, 1), CORES_MOST);
}
