#pragma once
/*
 * The second half of the head parser: what the parsed lines mean together. Sets everything of the
 * head that follows from its fields; 0 or an HTTP1_E_*. Not for other modules.
 */
#include "wire/http1.h"

int http1_judge_request(struct http1_head *h);
int http1_judge_response(struct http1_head *h, enum http1_method asked);
