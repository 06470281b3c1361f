/* SPDX-License-Identifier: MIT */
#pragma once
/* The URL of a folder (RFC 8089); for wire/url.c. */
#include "wire/url.h"

/* Whether it has that scheme, with an authority or without: "file:///srv/www", "file:/srv/www". */
bool url_is_file(struct str text);

/* 0, or -EINVAL with a sentence that begins with `what`. */
int url_parse_file(struct str text, const char *what, struct url *out, struct error *err);
