/* SPDX-License-Identifier: MIT */
#include "server/base/otlp_options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/url.h"

int otlp_target_parse(struct str text, struct otlp_target *out, struct error *err)
{
	struct url url;
	if (!memmem(text.p, text.n, "://", 3))
		return error_set(err, -EINVAL,
			"\"%.*s\" is no collector's address: write http://HOST:" OTLP_PORT
			" or https://HOST",
			STR_ARG(text));
	int r = url_parse_upstream(text, &url, err);
	if (r)
		return r;
	bool tls = url.scheme == URL_HTTPS;
	if (!tls && url.scheme != URL_HTTP)
		return error_set(err, -EINVAL,
			"\"%.*s\": OTLP goes over HTTP here: write http://HOST:" OTLP_PORT
			" or https://HOST",
			STR_ARG(text));
	if (url.path.n > 1 || url.query.n)
		return error_set(err, -EINVAL,
			"\"%.*s\" has a path: write http%s://HOST:PORT, /v1/traces is put behind "
			"it",
			STR_ARG(text), tls ? "s" : "");
	struct str path;
	r = fetch_url_parse(text, &out->to, &path, err);
	if (r)
		return r;
	if (!url.port_given && !tls) {
		size_t host = strlen(out->to.authority) - strlen(out->to.port);
		snprintf(out->to.port, sizeof(out->to.port), OTLP_PORT);
		strcpy(out->to.authority + host, OTLP_PORT);
	}
	snprintf(out->text, sizeof(out->text), "http%s://%s", tls ? "s" : "", out->to.authority);
	return 0;
}

int otlp_target_check(struct str text, struct error *err)
{
	struct otlp_target target;
	return otlp_target_parse(text, &target, err);
}

int otlp_ratio_parse(struct str text, uint32_t *out, struct error *err)
{
	char copy[32], *end = copy;
	double ratio = -1;
	if (text.n < sizeof(copy) && text.n && strspn(text.p, "0123456789.") >= text.n) {
		snprintf(copy, sizeof(copy), "%.*s", STR_ARG(text));
		ratio = strtod(copy, &end);
	}
	if (*end || !(ratio >= 0 && ratio <= 1))
		return error_set(err, -EINVAL,
			"\"%.*s\" is no ratio: write a number from 0 to 1, as 0.01", STR_ARG(text));
	*out = (uint32_t)(ratio * UINT32_MAX);
	return 0;
}

int otlp_ratio_check(struct str text, struct error *err)
{
	uint32_t ratio;
	return otlp_ratio_parse(text, &ratio, err);
}
