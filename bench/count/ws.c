/* SPDX-License-Identifier: MIT */
/* WebSocket messages: taking those that came, heading and masking those that go. */
#include <string.h>

#include "case.h"
#include "wire/ws.h"

static struct {
	uint8_t bytes[WS_HEADER_MAX + WS_MESSAGE_MAX];
	size_t size, at; /* of the messages in there, and the next one to be taken */
	size_t payload;
	struct ws_rx rx;
} it;

static void prepare(size_t payload, bool masked)
{
	size_t whole = ws_header_size(payload, masked) + payload;
	it.payload = payload;
	it.rx = (struct ws_rx){.masked = masked, .binary_only = true, .limit = WS_MESSAGE_MAX};
	for (; it.size + whole <= sizeof(it.bytes); it.size += whole)
		ws_write_header(it.bytes + it.size, WS_OP_BINARY, payload, masked, 0x5eed1234);
}

static void prepare_masked(void)
{
	prepare(WS_MESSAGE_MAX, true);
}

static void prepare_unmasked(void)
{
	prepare(WS_MESSAGE_MAX, false);
}

static void prepare_small(void)
{
	prepare(SMALL, true);
}

/* Unmasking leaves other bytes, but the same headers, so the same messages can come again. */
static size_t receive(size_t n)
{
	size_t done = 0;
	while (done < n) {
		struct ws_event ev;
		if (ws_rx_next(&it.rx, it.bytes + it.at, it.size - it.at, &ev) != 0 ||
			ev.size != it.payload)
			break;
		it.at += ev.consumed;
		if (it.at == it.size)
			it.at = 0;
		done++;
	}
	return done;
}

static size_t receive_mib(size_t n)
{
	return receive(n * RECORDS_PER_MIB) / RECORDS_PER_MIB;
}

static size_t send(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t key = 0x5eed1234;
		size_t header = ws_write_header(it.bytes, WS_OP_BINARY, it.payload, true, key);
		ws_mask(it.bytes + header, it.payload, key);
	}
	return n;
}

static size_t send_mib(size_t n)
{
	return send(n * RECORDS_PER_MIB) / RECORDS_PER_MIB;
}

const struct count_case ws_cases[] = {
	{"ws/receive-masked", "MiB", 64, prepare_masked, receive_mib},
	{"ws/receive-unmasked", "MiB", 64, prepare_unmasked, receive_mib},
	{"ws/receive-small", "message", 20000, prepare_small, receive},
	{"ws/send-masked", "MiB", 64, prepare_masked, send_mib},
	{"ws/send-small", "message", 20000, prepare_small, send},
	{0},
};
