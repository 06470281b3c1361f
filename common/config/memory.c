/* SPDX-License-Identifier: MIT */
#include "config/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"

#define SHARE      8
#define BUDGET_MIN (UINT64_C(32) << 20)
#define BUDGET_MAX (UINT64_C(1) << 30)

/* memory.max of our own group (cgroup v2); "max", or no such file, is no limit. */
static uint64_t group_limit(void)
{
	char line[1024], path[1100] = "";
	uint64_t limit = UINT64_MAX;
	FILE *f = fopen("/proc/self/cgroup", "re");
	while (f && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = 0;
		if (strncmp(line, "0::", 3) == 0)
			snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", line + 3);
	}
	if (f)
		fclose(f);
	f = *path ? fopen(path, "re") : NULL;
	if (f) {
		if (fscanf(f, "%" SCNu64, &limit) != 1)
			limit = UINT64_MAX;
		fclose(f);
	}
	return limit;
}

uint64_t memory_budget_default(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	uint64_t ram = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
	uint64_t share = MIN(ram, group_limit()) / SHARE;
	return MIN(MAX(share, BUDGET_MIN), BUDGET_MAX);
}
