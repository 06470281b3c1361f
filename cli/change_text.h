/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a change was, for people: "hosts=a.example.org (was b.example.org); max-sessions=2". Programs read the
 * server's JSON of it, which has every right of a new identity; here stand those that it has.
 */
#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

/* A cell: the "detail" of a row of the audit or of an apply; "-" if there is none. 0 or -ENOMEM. */
int change_text_write(const json_t *row, bool raw, struct buf *to);
