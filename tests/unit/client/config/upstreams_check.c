/* SPDX-License-Identifier: MIT */
#include "upstreams_check.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* "place>where[ tls]" of each, such as "port 22>10.0.0.5:22". */
static void describe(const struct upstreams *u, char *to, size_t size)
{
	static const char *const kinds[] = {"?", "tcp ", "udp ", ""};
	static const char *const tls[] = {"", "+end", "+pass"};
	FILE *f = fmemopen(to, size, "w");
	for (size_t i = 0; i < u->n; i++) {
		const struct upstream *v = &u->v[i];
		const struct url *url = &v->url;
		char place[UPSTREAM_PLACE_SIZE];
		fprintf(f, "%s%s%s>", kinds[v->kind], upstream_place(v, place), tls[v->tls]);
		if (url->scheme == URL_UNIX)
			fprintf(f, "%.*s; ", STR_ARG(url->socket));
		else if (url->scheme == URL_FILE)
			fprintf(f, "%s%s", v->folder, v->listing ? " listed" : "");
		else
			fprintf(f, url->port == url->port_last ? "%s:%u" : "%s:%u-%u", url->host,
				url->port, url->port_last);
		if (url->scheme != URL_UNIX)
			fprintf(f, "%s%.*s; ", url->query.n ? "?" : "", STR_ARG(url->query));
		/* The views are into its own text. */
		if (url->query.n)
			assert_in_range((uintptr_t)url->query.p, (uintptr_t)v->text,
				(uintptr_t)v->text + strlen(v->text));
	}
	fclose(f);
}

void upstreams_check(const char *const *values, struct service_options o,
	struct option_ranges ports, const char *expected)
{
	struct upstreams u = UPSTREAMS_NULL;
	struct error err = {""};
	char got[2048] = "";
	int r = 0;
	for (size_t i = 0; values[i] && !r; i++) {
		o.upstream = (char *)values[i];
		r = upstreams_add(&u, &o, &ports, &err);
	}
	describe(&u, got, sizeof got);
	if (*expected == '!') {
		assert_int_equal(r, -EINVAL);
		if (!strstr(err.text, expected + 1))
			fail_msg("\"%s\" has no \"%s\"", err.text, expected + 1);
	} else if (r || strcmp(got, expected) != 0) {
		fail_msg("\"%s\": %s%s", values[0], got, err.text);
	}
	upstreams_deinit(&u);
}
