/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdatomic.h>

static atomic_int current = LOG_INFO;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&current, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&current, memory_order_relaxed);
}
