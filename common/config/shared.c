/* SPDX-License-Identifier: MIT */
#include "config/shared.h"

const char *const shared_log_levels[] = {"error", "warn", "info", "debug", NULL};
const char *const shared_log_formats[] = {"text", "json", NULL};
const char *const shared_generate_client[] = {"no", "systemd", "compose", "k8s-yaml", NULL};
const char *const shared_generate_server[] = {"no", "systemd", "compose", "k8s-yaml", "cloud-init",
	NULL};
