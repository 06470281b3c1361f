/* SPDX-License-Identifier: MIT */
#pragma once
/* The target of a request, put together: "/api/v1/identities/web?limit=500". 0 or -ENOMEM each. */
#include "base/buf.h"

/* As it stands. */
int target_append(struct buf *to, const char *text);

/* A segment of a path, or a value in a query: percent-encoded. */
int target_encode(struct buf *to, const char *text);

/* "?name=value", or "&name=value" behind another. */
int target_add(struct buf *to, const char *name, const char *value);
