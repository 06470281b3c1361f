/* SPDX-License-Identifier: MIT */
#pragma once
/* All that the client can be asked: one table of each file that has handlers. */
#include "api/operation.h"

extern const struct api_operations client_api_attention, client_api_health, client_api_info,
	client_api_limits, client_api_metrics, client_api_overview, client_api_publications,
	client_api_sessions;

/* The last one is NULL. */
extern const struct api_operations *const client_api[];
