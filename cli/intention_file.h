/* SPDX-License-Identifier: MIT */
#pragma once
/* Intentions in files, as Consul's API and command have them. */
#include <jansson.h>

#include "base/error.h"

/*
 * Appends what a file has, one intention or an array of them, to `list` as our API takes them: {"source": …,
 * "destination": …, "action": …, "description": …, "meta": {…}}. "-" is standard input. Of what Consul has besides, what the
 * server counts itself (ID, Precedence, times) is passed over, and what would change its meaning (namespaces, peers,
 * layer-7 permissions) is refused. 0 or an exit status, with a sentence.
 */
int intention_file_read(const char *path, json_t *list, struct error *err);
