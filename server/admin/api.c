/* SPDX-License-Identifier: MIT */
#include "server/admin/api.h"

#include "api/log_operations.h"

const struct api_operations *const admin_api[] = {
	&admin_identities,
	&admin_tokens,
	&admin_apply,
	&admin_intentions,
	&admin_services,
	&admin_endpoints,
	&admin_ca,
	&admin_audit,
	&admin_store,
	&admin_intention_check,
	&admin_certificates,
	&admin_info,
	&admin_overview,
	&admin_attention,
	&admin_metrics,
	&admin_publications,
	&admin_requests,
	&api_log,
	&admin_routes,
	&admin_explain,
	&admin_sessions,
	&admin_status,
	NULL,
};

const struct api_operations *const admin_api_offline[] = {
	&admin_identities,
	&admin_tokens,
	&admin_apply,
	&admin_intentions,
	&admin_services,
	&admin_endpoints,
	&admin_ca,
	&admin_audit,
	&admin_store,
	NULL,
};
