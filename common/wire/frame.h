/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The mux's frames: what stands inside one message of a link (protocol.md, rules 14 and 18 to 23).
 * Numbers are big-endian.
 *
 *	type u8 | flags u8 | payload size u16 | stream id u32 | payload
 *
 * Flags are sent as zero and not looked at: room for a later version.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/address.h"
#include "wire/bytes.h"

#define FRAME_HEADER       8     /* bytes */
#define FRAME_MESSAGE_MAX  65519 /* bytes of frames in one message: rule 14 */
#define FRAME_PAYLOAD_MAX  (FRAME_MESSAGE_MAX - FRAME_HEADER)
#define FRAME_DATAGRAM_MAX 65507 /* bytes: the largest UDP payload over IPv4 */
#define FRAME_CONTROL_MAX  65000 /* bytes: a whole number below the limit */
#define FRAME_OPEN_MAX     113   /* bytes: 7, two IPv6 addresses, and a tail of 5 and a name */
#define FRAME_SMALL_MAX    (FRAME_HEADER + FRAME_OPEN_MAX) /* bytes that any frame_write_*() needs */
#define FRAME_CONSUMER_MAX 63                              /* bytes: an identity's name */
#define FRAME_CREDIT_MAX   INT32_MAX /* bytes of a WINDOW, and of a window: rule 20 */

#define FRAME_CRITICAL 0x80

/*
 * A receiver that does not know a critical type closes the link: it cannot tell what the frame changes.
 * The others may be lost without harm: a datagram always may, a PONG answers only a PING, and a REUSE
 * is one check more.
 * The bit is part of the number; a DATAGRAM with it set is another type, an unknown one.
 */
enum frame_type {
	FRAME_OPEN = FRAME_CRITICAL | 1,     /* struct frame_open; the stream is its sender's */
	FRAME_DATA = FRAME_CRITICAL | 2,     /* 1 byte or more, within the window */
	FRAME_DATAGRAM = 3,                  /* one UDP payload, 0 bytes or more */
	FRAME_FIN = FRAME_CRITICAL | 4,      /* u64 written: no DATA follows */
	FRAME_RESET = FRAME_CRITICAL | 5,    /* u8 reason, u64 written: the stream is gone */
	FRAME_WINDOW = FRAME_CRITICAL | 6,   /* u32: so many bytes more may be sent */
	FRAME_PING = FRAME_CRITICAL | 7,     /* 8 bytes, to come back in a PONG */
	FRAME_PONG = 8,                      /* the PING's 8 bytes */
	FRAME_GOAWAY = FRAME_CRITICAL | 9,   /* u32 last stream id served, u8 reason */
	FRAME_CONTROL = FRAME_CRITICAL | 10, /* JSON: wire/control.h */
	FRAME_REUSE = 11, /* u64 taken: what is sent from here on follows that much of the peer's */
};

/* Why a stream was reset. Numbers that are not listed may come; they say no more than "reset". */
enum frame_reset {
	FRAME_RESET_NONE,         /* done with: the rest is not wanted */
	FRAME_RESET_REFUSED,      /* the upstream refused the connection */
	FRAME_RESET_DIAL_TIMEOUT, /* the upstream did not answer */
	FRAME_RESET_UNREACHABLE,  /* no way to the upstream's network or host */
	FRAME_RESET_DNS,          /* the upstream's name does not resolve */
	FRAME_RESET_BUSY,         /* too many dials or streams: rule 25 */
	FRAME_RESET_NO_MEMORY,    /* the memory budget is used up: rule 21 */
	FRAME_RESET_LINK_LOST,    /* never sent; what a link's end means for its streams: rule 24 */
	FRAME_RESET_ABORTED,      /* the socket was reset */
	FRAME_RESET_PROTOCOL,     /* what came cannot be carried on */
	FRAME_RESET_TIMEOUT,      /* nothing moved for too long */
	FRAME_RESET_DENIED,       /* this visitor or peer may not */
	FRAME_RESET_UNKNOWN_SERVICE, /* no such service, or not of this kind */
	FRAME_RESET_CANCELLED,       /* the visitor has gone */
	FRAME_RESET_TLS,             /* the upstream's TLS failed, or its certificate was refused */
	FRAME_RESET_SURPLUS, /* the upstream sent bytes that no request asked for: rule 33 */
};

enum frame_goaway {
	FRAME_GOAWAY_SHUTDOWN,  /* the process ends */
	FRAME_GOAWAY_IDS,       /* stream ids run out: rule 19 */
	FRAME_GOAWAY_REPLACED,  /* the session was resumed elsewhere: rule 28 */
	FRAME_GOAWAY_DENIED,    /* the token is no longer valid, or a limit was reached */
	FRAME_GOAWAY_PROTOCOL,  /* the peer broke a rule */
	FRAME_GOAWAY_NO_MEMORY, /* the process cannot carry this link */
};

enum frame_kind {
	FRAME_KIND_TCP = 1,
	FRAME_KIND_UDP = 2,
	FRAME_KIND_HTTP = 3,
	FRAME_KIND_ADMIN = 4, /* a client's: requests to the admin API, one after another */
};

struct frame {
	uint8_t type;
	uint16_t size; /* of the payload */
	uint32_t stream;
	const uint8_t *payload; /* in the caller's message */
};

struct frame_addr {
	uint8_t family; /* 0 (none, then the rest is zeros), 4 or 6 */
	uint16_t port;
	uint8_t ip[16]; /* 4 or 16 bytes, network order */
};

/*
 * kind u8 | service u32 | visitor | local | tls u8 | alpn u8, an address being family u8 | port u16 |
 * 0, 4 or 16 bytes. Kind, tls and alpn are not checked here: a receiver that cannot serve a stream resets
 * the stream, not the link.
 *
 * The tail, of a private service's streams to its provider: link u32 | n u8 | n bytes of a name, of
 * lower-case letters, digits and hyphens. Whole or not there; a client sends none (rule 48).
 */
struct frame_open {
	uint8_t kind;
	uint32_t service;          /* the number that the publisher gave it */
	struct frame_addr visitor; /* its address */
	struct frame_addr local;   /* to what address of the exit node */
	uint8_t tls;   /* enum frame_tls: of the visitor's connection, ended by the exit node */
	uint8_t alpn;  /* enum frame_alpn: what was agreed there */
	uint32_t link; /* the tail: its consumer's link id; 0: there is no tail */
	char consumer[FRAME_CONSUMER_MAX +
		      1]; /* the identity that consumes it; "" without a tail */
};

/* Of kind 0, without a tail. Of the name it clears no more than that takes: most streams have none. */
static inline void frame_open_init(struct frame_open *open)
{
	memset(open, 0, offsetof(struct frame_open, consumer) + 1);
}

enum frame_tls { FRAME_TLS_NONE, FRAME_TLS_1_2, FRAME_TLS_1_3 };
/* From FRAME_ALPN_LISTED on: the name with the index above it in the list that the service published. */
enum frame_alpn { FRAME_ALPN_NONE, FRAME_ALPN_HTTP11, FRAME_ALPN_LISTED = 0x80 };

enum frame_result {
	FRAME_SKIP = 1, /* unknown and not critical: step over it */
	/* Violations: the link closes. */
	FRAME_E_TRUNCATED, /* the message ends before the frame does */
	FRAME_E_UNKNOWN,   /* critical, and of no known type */
	FRAME_E_SIZE,      /* not a size that the type can have */
	FRAME_E_STREAM,    /* id 0 on a stream's frame, another on a link's */
	FRAME_E_OPEN,      /* a family that is none, a tail in part, or sizes that do not add up */
	FRAME_E_INCREMENT, /* 0, or above FRAME_CREDIT_MAX */
};

/*
 * Reads the frame at the front of what is left of a message: 0, FRAME_SKIP or FRAME_E_…; set with 0
 * and FRAME_SKIP. The next one begins FRAME_HEADER + size bytes on. Sizes are checked for the type,
 * so that the payload readers below find what they need.
 */
int frame_read_header(const uint8_t *p, size_t n, struct frame *frame_out);

/* 0, or FRAME_E_OPEN with part of it set. */
int frame_read_open(const struct frame *f, struct frame_open *open_out);

/* 0 or FRAME_E_INCREMENT. */
int frame_read_window(const struct frame *f, uint32_t *increment_out);

static inline uint64_t frame_read_fin(const struct frame *f)
{
	return bytes_be64(f->payload);
}

static inline uint64_t frame_read_reuse(const struct frame *f)
{
	return bytes_be64(f->payload);
}

static inline uint8_t frame_read_reset(const struct frame *f, uint64_t *written_out)
{
	*written_out = bytes_be64(f->payload + 1);
	return f->payload[0];
}

static inline uint8_t frame_read_goaway(const struct frame *f, uint32_t *last_out)
{
	*last_out = bytes_be32(f->payload);
	return f->payload[4];
}

/* Writes FRAME_HEADER bytes. */
static inline void frame_write_header(uint8_t *at, enum frame_type type, size_t size,
	uint32_t stream)
{
	bytes_set_be32(at, (uint32_t)type << 24 | (uint32_t)size);
	bytes_set_be32(at + 4, stream);
}

/* Whole frames, of at most FRAME_SMALL_MAX bytes; they return their size. */
size_t frame_write_open(uint8_t *at, uint32_t stream, const struct frame_open *open);
size_t frame_write_fin(uint8_t *at, uint32_t stream, uint64_t written);
size_t frame_write_reuse(uint8_t *at, uint32_t stream, uint64_t taken);
size_t frame_write_reset(uint8_t *at, uint32_t stream, enum frame_reset reason, uint64_t written);
size_t frame_write_window(uint8_t *at, uint32_t stream, uint32_t increment);
size_t frame_write_ping(uint8_t *at, const uint8_t opaque[8]);
size_t frame_write_pong(uint8_t *at, const uint8_t opaque[8]);
size_t frame_write_goaway(uint8_t *at, uint32_t last, enum frame_goaway reason);

struct frame_addr frame_addr_of(const struct address *a);
struct address frame_addr_address(const struct frame_addr *f);

/* For the log; "unknown" for numbers that are not listed. */
const char *frame_type_name(uint8_t type);
const char *frame_reset_name(uint8_t reason);
const char *frame_goaway_name(uint8_t reason);
const char *frame_error_name(int error);

/* The upstream could not be reached: another way to it may do better. */
bool frame_reset_is_dial(uint8_t reason);
