/* SPDX-License-Identifier: MIT */
/*
 * The WebSocket codec. A frame is looked at from its first byte with every call until it is there
 * as a whole, and only then unmasked: its few header bytes cost less than a state machine, and no
 * payload is ever half unmasked.
 *
 * A fragmented message in the buffer, after its second frame was taken in:
 *
 *	p      held_at        held_at + held     next            p + n
 *	| dead | payload 1, 2 |  dead (header)   | not looked at |
 *
 * Moving the held bytes up to `next` makes the dead bytes one run at the front, which can be
 * consumed. That is done once, when the buffer has nothing more to give, and not for each fragment
 * or ping: a peer could otherwise buy a move of 64 KiB with every 6 bytes.
 */
#include <string.h>

#include "base/macros.h"
#include "wire/bytes.h"
#include "wire/ws.h"

struct header {
	uint8_t opcode;
	bool fin;
	size_t size;    /* of the header */
	size_t payload; /* of the payload */
	uint32_t key;
};

size_t ws_header_size(size_t payload, bool masked)
{
	return 2u + (payload < 126 ? 0 : payload <= UINT16_MAX ? 2 : 8) + (masked ? 4 : 0);
}

size_t ws_write_header(uint8_t *at, enum ws_opcode opcode, size_t payload, bool masked,
	uint32_t key)
{
	uint8_t mask_bit = masked ? 0x80 : 0;
	size_t n = 2;
	at[0] = (uint8_t)(0x80 | opcode);
	if (payload < 126) {
		at[1] = (uint8_t)(mask_bit | payload);
	} else if (payload <= UINT16_MAX) {
		at[1] = mask_bit | 126;
		bytes_set_be16(at + 2, (uint16_t)payload);
		n += 2;
	} else {
		at[1] = mask_bit | 127;
		bytes_set_be64(at + 2, payload);
		n += 8;
	}
	if (masked) {
		memcpy(at + n, &key, 4);
		n += 4;
	}
	return n;
}

static bool utf8_valid(const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n;
	while (p < end) {
		uint8_t c = *p++;
		if (c < 0x80)
			continue;
		/* The second byte's range shuts out overlong forms, surrogates, beyond U+10FFFF. */
		size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
		uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
		if (c < 0xc2 || c > 0xf4 || (size_t)(end - p) < more || *p < low || *p > high)
			return false;
		for (size_t i = 1; i < more; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		p += more;
	}
	return true;
}

/* Which codes may stand in a close frame: 7.4.1, 7.4.2 and IANA's registry (1012 to 1014). */
static bool close_code_valid(uint16_t code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
	       (code >= 3000 && code <= 4999);
}

/* What the first two bytes alone tell. */
static int check_opcode(const struct ws_rx *rx, const uint8_t *p)
{
	uint8_t opcode = p[0] & 0x0f;
	bool fin = p[0] & 0x80, masked = p[1] & 0x80;

	if (p[0] & 0x70)
		return WS_E_RESERVED_BITS;
	if (masked != rx->masked)
		return masked ? WS_E_MASKED : WS_E_UNMASKED;
	if (opcode > WS_OP_PONG || (opcode > WS_OP_BINARY && opcode < WS_OP_CLOSE))
		return WS_E_RESERVED_OPCODE;
	if (opcode >= WS_OP_CLOSE) {
		if (!fin)
			return WS_E_CONTROL_SPLIT;
		return (p[1] & 0x7f) > WS_CONTROL_MAX ? WS_E_CONTROL_SIZE : 0;
	}
	if (opcode == WS_OP_CONTINUATION)
		return rx->opcode ? 0 : WS_E_CONTINUATION;
	if (rx->opcode)
		return WS_E_INTERLEAVED;
	return opcode == WS_OP_TEXT && rx->binary_only ? WS_E_TEXT : 0;
}

/* 0, a violation, or WS_MORE with the number of bytes that are missing for certain. */
static int read_header(const struct ws_rx *rx, const uint8_t *p, size_t n, struct header *h_out,
	size_t *missing_out)
{
	if (n < 2) {
		*missing_out = 2 - n;
		return WS_MORE;
	}
	int r = check_opcode(rx, p);
	if (r != 0)
		return r;

	uint8_t form = p[1] & 0x7f;
	size_t length_end = form < 126 ? 2 : form == 126 ? 4 : 10;
	size_t size = length_end + (rx->masked ? 4 : 0);
	if (n < length_end) {
		*missing_out = size - n;
		return WS_MORE;
	}
	uint64_t payload = form;
	if (form == 126) {
		payload = bytes_be16(p + 2);
		if (payload < 126)
			return WS_E_LENGTH_FORM;
	} else if (form == 127) {
		payload = bytes_be64(p + 2);
		if (payload <= UINT16_MAX || payload >> 63)
			return WS_E_LENGTH_FORM;
	}
	uint8_t opcode = p[0] & 0x0f;
	/* No difference: the limit may have been lowered below what is held. No overflow: 63 bits. */
	if (opcode < WS_OP_CLOSE && rx->held + payload > rx->limit)
		return WS_E_TOO_BIG;
	if (n < size || n - size < payload) {
		*missing_out = size + payload - n;
		return WS_MORE;
	}

	h_out->opcode = opcode;
	h_out->fin = p[0] & 0x80;
	h_out->size = size;
	h_out->payload = payload;
	h_out->key = 0;
	if (rx->masked)
		memcpy(&h_out->key, p + length_end, 4);
	return 0;
}

static int give_control(struct ws_rx *rx, const struct header *h, uint8_t *payload, size_t end,
	struct ws_event *event_out)
{
	struct ws_event ev = {.payload = payload, .size = h->payload};

	if (h->opcode == WS_OP_CLOSE) {
		ev.type = WS_CLOSE;
		ev.close_code = 1005;
		if (ev.size == 1)
			return WS_E_CLOSE_SIZE;
		if (ev.size >= 2) {
			ev.close_code = bytes_be16(payload);
			ev.payload += 2;
			ev.size -= 2;
			if (!close_code_valid(ev.close_code))
				return WS_E_CLOSE_CODE;
			if (!utf8_valid(ev.payload, ev.size))
				return WS_E_UTF8;
		}
	} else {
		ev.type = h->opcode == WS_OP_PING ? WS_PING : WS_PONG;
	}
	if (rx->opcode)
		rx->next = end; /* what is held before it stays; see the top of the file */
	else
		ev.consumed = end;
	*event_out = ev;
	return 0;
}

static int give_message(struct ws_rx *rx, uint8_t opcode, uint8_t *payload, size_t size, size_t end,
	struct ws_event *event_out)
{
	if (opcode == WS_OP_TEXT && !utf8_valid(payload, size))
		return WS_E_UTF8;
	*event_out = (struct ws_event){
		.type = WS_MESSAGE,
		.text = opcode == WS_OP_TEXT,
		.payload = payload,
		.size = size,
		.consumed = end,
	};
	rx->opcode = 0;
	rx->held_at = rx->held = rx->next = 0;
	return 0;
}

static int give_more(struct ws_rx *rx, uint8_t *p, size_t missing, struct ws_event *event_out)
{
	*event_out = (struct ws_event){.missing = missing};
	if (rx->opcode) {
		size_t at = rx->next - rx->held;
		if (rx->held && at != rx->held_at)
			memmove(p + at, p + rx->held_at, rx->held);
		event_out->consumed = at;
		rx->held_at = 0;
		rx->next = rx->held;
	}
	return WS_MORE;
}

int ws_rx_next(struct ws_rx *rx, uint8_t *p, size_t n, struct ws_event *event_out)
{
	for (;;) {
		struct header h;
		size_t missing;
		int r = read_header(rx, p + rx->next, n - rx->next, &h, &missing);
		if (r == WS_MORE)
			return give_more(rx, p, missing, event_out);
		if (r != 0)
			return r;

		size_t at = rx->next + h.size, end = at + h.payload;
		if (rx->masked)
			ws_mask(p + at, h.payload, h.key);
		if (h.opcode >= WS_OP_CLOSE)
			return give_control(rx, &h, p + at, end, event_out);
		if (!rx->opcode && h.fin)
			return give_message(rx, h.opcode, p + at, h.payload, end, event_out);

		if (!rx->opcode) {
			rx->opcode = h.opcode;
			rx->held_at = at;
		} else if (h.payload) {
			memmove(p + rx->held_at + rx->held, p + at, h.payload);
		}
		rx->held += h.payload;
		rx->next = end;
		if (h.fin)
			return give_message(rx, rx->opcode, p + rx->held_at, rx->held, end,
				event_out);
	}
}

static const struct {
	const char *name;
	uint16_t code;
} errors[] = {
	[WS_E_RESERVED_BITS] = {"reserved bits are set", 1002},
	[WS_E_RESERVED_OPCODE] = {"a reserved opcode", 1002},
	[WS_E_MASKED] = {"a masked frame from a server", 1002},
	[WS_E_UNMASKED] = {"an unmasked frame from a client", 1002},
	[WS_E_CONTROL_SIZE] = {"a control frame of more than 125 bytes", 1002},
	[WS_E_CONTROL_SPLIT] = {"a fragmented control frame", 1002},
	[WS_E_CONTINUATION] = {"a continuation of nothing", 1002},
	[WS_E_INTERLEAVED] = {"a new message inside a fragmented one", 1002},
	[WS_E_LENGTH_FORM] = {"a length that is not in its shortest form", 1002},
	[WS_E_TOO_BIG] = {"a message above the limit", 1009},
	[WS_E_TEXT] = {"a text message where only binary ones are spoken", 1003},
	[WS_E_UTF8] = {"text that is not UTF-8", 1007},
	[WS_E_CLOSE_SIZE] = {"a close frame with half a code", 1002},
	[WS_E_CLOSE_CODE] = {"a close code that must not be sent", 1002},
};

const char *ws_error_name(int error)
{
	if (error < 0 || (size_t)error >= ARRAY_LEN(errors) || !errors[error].name)
		return "no error";
	return errors[error].name;
}

uint16_t ws_close_code(int error)
{
	if (error < 0 || (size_t)error >= ARRAY_LEN(errors) || !errors[error].name)
		return 1000;
	return errors[error].code;
}
