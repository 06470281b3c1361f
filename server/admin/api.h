/* SPDX-License-Identifier: MIT */
#pragma once
/* All that the exit node can be asked: one table of each file that has handlers. */
#include "server/admin/admin.h"

extern const struct api_operations admin_identities, admin_tokens, admin_audit, admin_store,
	admin_apply, admin_intentions, admin_intention_check, admin_services, admin_endpoints,
	admin_ca, admin_certificates;
extern const struct api_operations admin_metrics, admin_attention, admin_info, admin_overview,
	admin_explain, admin_publications, admin_requests, admin_routes, admin_sessions,
	admin_status;

/* The last one is NULL. */
extern const struct api_operations *const admin_api[];
/* What needs the store alone: for a command that has it to itself, as no server runs. */
extern const struct api_operations *const admin_api_offline[];
