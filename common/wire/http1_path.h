/* SPDX-License-Identifier: MIT */
#pragma once
/* The path of a request with its dot segments resolved (RFC 3986, 5.2.4). */
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * Whether a segment of the path is "." or ".." to anybody: with dots or slashes percent-encoded once or
 * several times, as %u002E, in overlong UTF-8 or as wide forms (U+FF0E), with backslashes for slashes,
 * with parameters (";x") or white space about the dots. `room` is for path.n bytes and holds nothing afterwards.
 */
bool http1_path_has_dots(struct str path, uint8_t *room);
