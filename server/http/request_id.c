/* SPDX-License-Identifier: MIT */
#include "server/http/request_id.h"

#include "server/http/forwarded.h"

void request_ids_init(struct request_ids *ids)
{
	random_pool_init(&ids->pool);
}

void request_ids_deinit(struct request_ids *ids)
{
	random_pool_deinit(&ids->pool);
}

size_t request_id_next(struct request_ids *ids, char id_out[REQUEST_ID_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	char *to = id_out;
	for (unsigned i = 0; i < REQUEST_ID_LEN / 8; i++) {
		uint8_t bits[4];
		random_pool_mask(&ids->pool, bits);
		for (unsigned j = 0; j < sizeof bits; j++) {
			*to++ = hex[bits[j] >> 4];
			*to++ = hex[bits[j] & 15];
		}
	}
	*to = '\0';
	return REQUEST_ID_LEN;
}

struct str request_id_given(const struct http1_head *h)
{
	struct str given = forwarded_claim(h, HTTP1_X_REQUEST_ID);
	if (given.n >= REQUEST_ID_SIZE)
		return STR_NULL;
	for (size_t i = 0; i < given.n; i++)
		if (given.p[i] <= ' ' || given.p[i] > '~')
			return STR_NULL;
	return given;
}
