/* SPDX-License-Identifier: MIT */
#pragma once
/* Which HTTP requests a list of them has: the query of GET /api/v1/requests, the same on both sides. */
#include "api/operation.h"

struct request_filter {
	const char *host, *method, *q; /* NULL: any */
	unsigned status, class;        /* 404, 5; 0: any */
	uint64_t after, before; /* ids: only what came later; or earlier, which `next` is for */
	uint64_t limit;
};

/* Parameters that it has. */
#define REQUEST_FILTER_QUERY "host", "method", "status", "q", "before", "limit", "after"

/* False: it was refused. Borrows the request's texts. */
bool request_filter_read(struct api_request *rq, struct request_filter *f);

/* By all but the ids and the limit. */
bool request_filter_passes(const struct request_filter *f, const char *method, const char *host,
	const char *target, unsigned status);
