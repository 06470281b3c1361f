/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The second half of the head parser: what the parsed lines mean together. Sets everything of the
 * head that follows from its fields; 0 or an HTTP1_E_*. Not for other modules.
 */
#include "wire/http1_error.h"
#include "wire/http1_head.h"

int http1_check_request(struct http1_head *h);
int http1_check_response(struct http1_head *h, enum http1_method asked);
