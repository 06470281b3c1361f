/* SPDX-License-Identifier: MIT */
#pragma once
/* A capture's request as a line of curl for a POSIX shell. */
#include "client/inspector/capture_view.h"

/*
 * Appends it, with its line end; secrets as the view shows them. A body that is no text comes from standard
 * input (--data-binary @-), and so does one that is larger than a command line should be. 0 or -ENOMEM.
 */
int curl_text(const struct capture_view *v, struct buf *out);
