/* SPDX-License-Identifier: MIT */
#pragma once
/* What a file's name says of what is in it, for Content-Type. */
#include "base/str.h"

/* By the ending of the last segment; application/octet-stream where that is unknown. Text is UTF-8. */
const char *media_type(struct str path);
