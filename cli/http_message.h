/* SPDX-License-Identifier: MIT */
#pragma once
/* A whole HTTP/1.1 response in memory: the admin API's answer. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct http_message {
	unsigned status;
	struct str body; /* into the bytes; chunks have been put together in place */
};

/* Whether nothing is missing; true as well when the bytes will never be a response. */
bool http_message_complete(const uint8_t *p, size_t n);

/* Takes it apart. `p` is changed where the body is in chunks. 0 or -EINVAL: cut short, or no response. */
int http_message_parse(struct http_message *m, uint8_t *p, size_t n);
