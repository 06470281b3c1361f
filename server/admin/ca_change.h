/* SPDX-License-Identifier: MIT */
#pragma once
/* The certificate authority made, and given another root. */
#include "server/admin/admin_change.h"

void ca_init(struct api_request *rq);
void ca_rotate(struct api_request *rq);

/*
 * The body's "lifetime", in µs, which is as it was where there is none. False: it is beyond its bounds, and the request
 * was refused.
 */
bool ca_lifetime(struct api_request *rq, uint64_t min, uint64_t max, uint64_t *us_out);

/* There is none. */
void ca_refuse_none(struct api_request *rq);
