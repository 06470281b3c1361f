/* SPDX-License-Identifier: MIT */
#include "client/admin/client_api.h"

#include "api/log_operations.h"
#include "client/admin/requests.h"

const struct api_operations *const client_api[] = {
	&client_api_attention,
	&client_api_health,
	&client_api_info,
	&api_log,
	&client_api_limits,
	&client_api_metrics,
	&client_api_overview,
	&client_api_publications,
	&client_api_sessions,
	&client_api_requests,
	&client_api_replay,
	&client_api_har,
	NULL,
};
