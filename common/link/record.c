/* SPDX-License-Identifier: MIT */
/*
 * Messages into the send buffer. A message is made behind a gap for its WebSocket header, so that the bytes are
 * written once, where they are sent from. The gap fits the four-byte form of the header; the shorter form, of
 * the few messages below 126 bytes, moves those few bytes.
 */
#include <errno.h>
#include <string.h>

#include "link/link_internal.h"

#define HEADER_MAX 8 /* bytes of a ws header up to 65,535 bytes, masked */

uint8_t *link_put(struct link *l, size_t n)
{
	if (buf_reserve(&l->out, HEADER_MAX + n) < 0)
		return NULL;
	return buf_tail(&l->out) + ws_header_size(WS_CONTROL_MAX + 1, l->config.client);
}

static void link_frame(struct link *l, enum ws_opcode opcode, uint8_t *message, size_t n)
{
	bool masked = l->config.client;
	uint8_t *at = buf_tail(&l->out);
	uint32_t key = 0;
	if (masked)
		random_pool_mask(l->config.random, (uint8_t *)&key);
	size_t header = ws_write_header(at, opcode, n, masked, key);
	if (at + header != message)
		memmove(at + header, message, n);
	if (masked)
		ws_mask(at + header, n, key);
	buf_commit(&l->out, header + n);
}

void link_commit(struct link *l, uint8_t *message, size_t n)
{
	link_frame(l, WS_OP_BINARY, message, n);
}

void link_put_close(struct link *l, uint16_t code)
{
	uint8_t *message = link_put(l, 2);
	if (!message)
		return;
	bytes_set_be16(message, code);
	link_frame(l, WS_OP_CLOSE, message, 2);
}

void link_put_pong(struct link *l, const uint8_t *payload, size_t n)
{
	uint8_t *message = link_put(l, n);
	if (!message)
		return;
	memcpy(message, payload, n);
	link_frame(l, WS_OP_PONG, message, n);
}

int link_put_control(struct link *l, const struct control *message)
{
	char json[CONTROL_MAX];
	struct error err;
	size_t n;
	int r = control_encode(message, json, sizeof(json), &err, &n);
	if (r != 0)
		return r < 0 ? r : -EINVAL;
	return mux_control(&l->mux, json, n);
}

static bool buf_rests(const struct buf *b)
{
	return b->data && !buf_len(b);
}

bool link_may_rest(const struct link *l)
{
	return buf_rests(&l->in) || buf_rests(&l->out);
}

void link_rest(struct link *l)
{
	if (buf_rests(&l->in))
		buf_deinit(&l->in);
	if (buf_rests(&l->out))
		buf_deinit(&l->out);
}
