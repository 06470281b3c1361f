/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * --query, as the Azure CLI has it: JMESPath (https://jmespath.org/specification.html), so that what was written for
 * az picks the same out of our JSON. All of its grammar, and of its functions those that such scripts use.
 */
#include <jansson.h>

#include "base/error.h"
#include "base/str.h"

struct query;

/* 0; -EINVAL with a sentence that says where it is wrong; -ENOMEM. */
int query_parse(struct str text, struct query **out, struct error *err);
struct query *query_free(struct query *q);

/*
 * What it picks out of a value, a reference of the caller's; null where there is nothing. NULL with a sentence: a
 * function does not take what it was given; or memory is out.
 */
json_t *query_run(const struct query *q, json_t *value, struct error *err);
