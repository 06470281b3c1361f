/* SPDX-License-Identifier: MIT */
#include "config/shared.h"

const char *const shared_log_levels[] = {"error", "warn", "info", "debug", NULL};
const char *const shared_log_formats[] = {"text", "json", NULL};
