/* SPDX-License-Identifier: MIT */
#pragma once
/* What lost its client a moment ago, as far as somebody waits for it to come back (rule 38). */
#include <jansson.h>

#include "server/admin/admin.h"

#define LOST_MAX 100 /* names and ports; of more an answer has those that were asked for first */

/*
 * Asks each worker who waits there, and then goes on, unless the request was dropped meanwhile, with an array of
 * objects, which is the callee's; NULL: memory is out.
 */
void lost_look(struct api_request *rq, void (*then)(struct api_request *rq, json_t *lost));
