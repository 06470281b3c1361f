/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Request ids, by which a visitor's complaint, the upstream's log and a line of the access log find each
 * other (rule 41).
 */
#include <stddef.h>

#include "base/str.h"
#include "crypto/random.h"
#include "wire/http1.h"

/* Characters of an id: room for what other proxies make (UUIDs, traces of several parts), and a NUL */
#define REQUEST_ID_SIZE 128

/* Characters of our own: 128 random bits in hexadecimal. */
#define REQUEST_ID_LEN 32

/*
 * One per worker. Every bit of every id is from the kernel, a block at a time, so nobody who saw ids
 * can tell another one; an upstream may use them as keys.
 */
struct request_ids {
	struct random_pool pool;
};

void request_ids_init(struct request_ids *ids);
void request_ids_deinit(struct request_ids *ids);

/* A new id and a NUL; returns its length. */
size_t request_id_next(struct request_ids *ids, char id_out[REQUEST_ID_SIZE]);

/*
 * The id that a trusted peer gave, or empty: also when it is longer than REQUEST_ID_SIZE takes or has
 * a character that is no visible ASCII. Ask for trusted peers only (rule 41).
 */
struct str request_id_given(const struct http1_head *h);
