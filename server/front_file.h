/* SPDX-License-Identifier: MIT */
#pragma once
/* The file of routes (--front) as a server has it. */
#include "server/base/options.h"

struct front;
struct node;

/*
 * Reads it, and makes what rules need for the whole process. `front_out` is NULL without --front, and the
 * caller's to release. On the main thread. 0, or < 0 with a sentence.
 */
int front_file_read(struct node *n, const struct server_options *o, const struct front **front_out,
	struct error *err);
/* When the workers have ended their connections, and before their loops are freed. */
void front_file_end(struct node *n);
