/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * WebSocket frames (RFC 6455, section 5), both ways, without I/O and without memory of its own.
 * Sending: the header is written in front of a payload that already lies where it will be sent
 * from. Receiving: messages are unmasked, and fragments put together, in the caller's buffer.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/mask.h"

#define WS_HEADER_MAX           14  /* bytes: 2, 8 of length, 4 of key */
#define WS_CONTROL_MAX          125 /* payload bytes of ping, pong and close (5.5) */
#define WS_MESSAGE_MAX          65535 /* bytes, once the peer proved its key: Noise's limit (rule 14) */
#define WS_MESSAGE_MAX_UNPROVEN 1024 /* bytes, before: room for a handshake, no more (rule 14) */

enum ws_opcode {
	WS_OP_CONTINUATION = 0,
	WS_OP_TEXT = 1,
	WS_OP_BINARY = 2,
	WS_OP_CLOSE = 8,
	WS_OP_PING = 9,
	WS_OP_PONG = 10,
};

enum ws_result {
	WS_MORE = 1, /* no event yet */
	/* Violations: close with ws_close_code(), never call again. */
	WS_E_RESERVED_BITS,
	WS_E_RESERVED_OPCODE,
	WS_E_MASKED,        /* from a server */
	WS_E_UNMASKED,      /* from a client: it could be a cross-protocol attack (10.3) */
	WS_E_CONTROL_SIZE,  /* above 125 */
	WS_E_CONTROL_SPLIT, /* a fragmented control frame */
	WS_E_CONTINUATION,  /* nothing was begun */
	WS_E_INTERLEAVED,   /* a new message inside a fragmented one */
	WS_E_LENGTH_FORM,   /* longer than needed, or its top bit set (5.2) */
	WS_E_TOO_BIG,    /* the message exceeds the limit; told from the header, before it comes */
	WS_E_TEXT,       /* with binary_only */
	WS_E_UTF8,       /* in a text message or a close reason */
	WS_E_CLOSE_SIZE, /* one byte, where a code has two */
	WS_E_CLOSE_CODE, /* one that must not be sent (7.4) */
};

enum ws_event_type { WS_MESSAGE, WS_PING, WS_PONG, WS_CLOSE };

struct ws_event {
	enum ws_event_type type;
	bool text;           /* WS_MESSAGE */
	uint16_t close_code; /* WS_CLOSE: 1005 when the frame had none */
	uint8_t *payload;    /* in the caller's buffer, unmasked; for WS_CLOSE the reason */
	size_t size;
	size_t consumed; /* bytes at the front of the buffer that the caller now drops */
	size_t missing;  /* WS_MORE: at least so many bytes must come before there is an event */
};

/* One direction of one connection. The first three fields are the owner's, at any time. */
struct ws_rx {
	bool masked;      /* whether frames must come masked (server) or unmasked (client) */
	bool binary_only; /* whether a text message is refused, as on a link */
	size_t limit;     /* payload bytes of a whole message */

	/* Of a fragmented message under way, as offsets into the buffer; else zeros. */
	uint8_t opcode;
	size_t held_at, held; /* the payload gathered so far */
	size_t next;          /* the first byte not looked at */
};

/*
 * Looks at the `n` unconsumed bytes at `p` and gives the next event: 0, WS_MORE or a WS_E_…
 * `*event_out` is set with 0 and WS_MORE.
 *
 * With 0 and WS_MORE alike the caller drops `consumed` bytes from the front (buf_consume()) before
 * the next call, and passes all the others again, unchanged, with new ones after them. Between
 * calls they may be moved as a whole (buf_reserve()). Inside a fragmented message they begin with
 * what is gathered of it, and a control frame then consumes nothing. A payload is valid, and may be
 * written to, until the next call or until the buffer is moved.
 *
 * A buffer that can hold limit + WS_HEADER_MAX + WS_CONTROL_MAX always makes progress.
 */
int ws_rx_next(struct ws_rx *rx, uint8_t *p, size_t n, struct ws_event *event_out);

/* A sentence fragment for the log ("a masked frame from a server"), and the code to close with. */
const char *ws_error_name(int error);
uint16_t ws_close_code(int error);

/* Bytes of the header of a frame with that payload. */
size_t ws_header_size(size_t payload, bool masked);

/*
 * Writes the header of an unfragmented frame in its shortest form and returns its size. `key` is
 * used when `masked`; masking the payload with it (ws_mask()) is left to the caller.
 */
size_t ws_write_header(uint8_t *at, enum ws_opcode opcode, size_t payload, bool masked,
	uint32_t key);
