/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Scope-bound release of what a local variable owns. Disarm by setting the variable to its empty
 * value (NULL, -1) on the line where ownership moves on.
 */
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define auto_free  __attribute__((cleanup(cleanup_free)))
#define auto_close __attribute__((cleanup(cleanup_close)))
