/* SPDX-License-Identifier: MIT */
#pragma once
/* The files of web/, which web/embed.py puts into the program, and which of them a request is for. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct panel_file {
	const char *path; /* "/index.html" */
	const char *type; /* Content-Type */
	const char *etag; /* weak, as the same tag is for both forms of the content */
	struct str plain, gzip;
};

extern const struct panel_file panel_files[];
extern const size_t panel_files_n;

/* The file of a request target, whose query does not matter, "/" being the page; NULL: there is none. */
const struct panel_file *panel_site_find(const char *target);

/* Whether a list of tags (If-None-Match) has this one: weakly compared (RFC 9110, 8.8.3.2). */
bool panel_site_has_tag(struct str list, const char *etag);

/* Whether who sends this Accept-Encoding takes gzip (RFC 9110, 12.5.3). */
bool panel_site_takes_gzip(struct str list);
