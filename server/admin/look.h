/* SPDX-License-Identifier: MIT */
#pragma once
/* Requests whose answer needs what the workers alone know. */
#include "server/admin/admin.h"
#include "server/metrics/metrics.h"

/* Collects the gauges (gauges_ask()), and then goes on, unless the request was dropped meanwhile. */
void admin_look(struct api_request *rq,
	void (*then)(struct api_request *rq, const struct gauges *gauges));
