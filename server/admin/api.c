/* SPDX-License-Identifier: MIT */
#include "server/admin/api.h"

const struct admin_operations *const admin_api[] = {
	NULL,
};
