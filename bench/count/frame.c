/* SPDX-License-Identifier: MIT */
/* The mux's frames as bytes: headers of a record walked along, and an OPEN both ways. */
#include "base/macros.h"
#include "case.h"
#include "wire/frame.h"

static uint8_t record[FRAME_MESSAGE_MAX];
static size_t size;

static void prepare(void)
{
	while (size + FRAME_HEADER + SMALL <= sizeof(record)) {
		frame_write_header(record + size, FRAME_DATA, SMALL, 1);
		size += FRAME_HEADER + SMALL;
	}
}

static size_t read_headers(size_t n)
{
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		struct frame f;
		if (frame_read_header(record + at, size - at, &f) != 0 || f.size != SMALL)
			return i;
		at += FRAME_HEADER + f.size;
		if (at == size)
			at = 0;
	}
	return n;
}

static size_t carry_opens(size_t n)
{
	const struct frame_open open = {
		.kind = FRAME_KIND_TCP,
		.service = 7,
		.visitor = {.family = 4, .port = 50000, .ip = {203, 0, 113, 7}},
		.local = {.family = 4, .port = 443, .ip = {192, 0, 2, 1}},
	};
	for (size_t i = 0; i < n; i++) {
		uint8_t bytes[FRAME_SMALL_MAX];
		struct frame f;
		struct frame_open came;
		size_t written = frame_write_open(bytes, (uint32_t)(2 * i + 1), &open);
		if (frame_read_header(bytes, written, &f) != 0 || frame_read_open(&f, &came) != 0 ||
			came.service != open.service)
			return i;
	}
	return n;
}

const struct count_case frame_cases[] = {
	{"frame/read", "frame", 50000, prepare, read_headers},
	{"frame/open", "frame", 20000, prepare, carry_opens},
	{0},
};
