/* SPDX-License-Identifier: MIT */
#include "api/request_filter.h"

#include <stdlib.h>
#include <string.h>

#include "api/page.h"
#include "base/str.h"

static bool read_status(struct api_request *rq, struct request_filter *f)
{
	const char *text = api_query(rq, "status");
	char *end;
	if (!text)
		return true;
	unsigned long n = strtoul(text, &end, 10);
	if (n >= 1 && n <= 5 && str_same(end, "xx"))
		f->class = (unsigned)n;
	else if (n >= 100 && n <= 999 && !*end)
		f->status = (unsigned)n;
	else
		api_refuse(rq, API_INVALID, "status is a number such as 404, or 4xx");
	return f->class || f->status;
}

bool request_filter_read(struct api_request *rq, struct request_filter *f)
{
	*f = (struct request_filter){.host = api_query(rq, "host"),
		.method = api_query(rq, "method"),
		.q = api_query(rq, "q"),
		.before = UINT64_MAX,
		.limit = API_PAGE_DEFAULT};
	return read_status(rq, f) && api_query_number(rq, "limit", 1, API_PAGE_MAX, &f->limit) &&
	       api_query_number(rq, "after", 0, INT64_MAX, &f->after) &&
	       api_query_number(rq, "before", 0, INT64_MAX, &f->before);
}

bool request_filter_passes(const struct request_filter *f, const char *method, const char *host,
	const char *target, unsigned status)
{
	return (!f->host || strcasecmp(f->host, host) == 0) &&
	       (!f->method || strcasecmp(f->method, method) == 0) &&
	       (!f->status || f->status == status) && (!f->class || f->class == status / 100) &&
	       (!f->q || strcasestr(target, f->q) || strcasestr(host, f->q));
}
