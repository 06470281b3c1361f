/* SPDX-License-Identifier: MIT */
#pragma once
/* What a link of a test is made with, but for what the test is about. */
#include <string.h>

#include "link/link.h"

#define LINK_CONFIG_STREAMS 1000 /* that the other end may have open */

/* `random`, `budget` and `instance` (CONTROL_INSTANCE bytes) must outlive the link. */
static inline struct link_config link_config_make(struct budget *budget, struct random_pool *random,
	const uint8_t *instance)
{
	struct link_config config = {
		.limits = {MUX_BASE_WINDOW, MUX_MAX_WINDOW, LINK_CONFIG_STREAMS},
		.budget = budget,
		.random = random,
		.instance = instance,
		.version = "0-test",
	};
	memset(config.salt, 0x5a, sizeof(config.salt));
	return config;
}
