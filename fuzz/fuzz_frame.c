/* SPDX-License-Identifier: MIT */
/*
 * What stands inside a link's messages. First byte: 0 and above 6 mux frames, with every reader that
 * their type has; 1 to 6 the hello, the first message, the answer, a proof, a result, a CONTROL
 * message. What was read is written again, and what was written is read to the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/control.h"
#include "wire/frame.h"
#include "wire/hello.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_frame(const struct frame *f, const uint8_t *p)
{
	uint8_t at[FRAME_SMALL_MAX], want[FRAME_SMALL_MAX];
	size_t n = 0;
	uint64_t written;
	uint32_t number;
	struct frame_open open;

	switch ((enum frame_type)f->type) {
	case FRAME_OPEN:
		if (frame_read_open(f, &open) == 0)
			n = frame_write_open(at, f->stream, &open);
		break;
	case FRAME_FIN:
		n = frame_write_fin(at, f->stream, frame_read_fin(f));
		break;
	case FRAME_RESET: {
		uint8_t reason = frame_read_reset(f, &written);
		check(frame_reset_name(reason) != NULL);
		n = frame_write_reset(at, f->stream, (enum frame_reset)reason, written);
		break;
	}
	case FRAME_WINDOW:
		if (frame_read_window(f, &number) == 0)
			n = frame_write_window(at, f->stream, number);
		break;
	case FRAME_PING:
		n = frame_write_ping(at, f->payload);
		break;
	case FRAME_PONG:
		n = frame_write_pong(at, f->payload);
		break;
	case FRAME_GOAWAY: {
		uint8_t reason = frame_read_goaway(f, &number);
		check(frame_goaway_name(reason) != NULL);
		n = frame_write_goaway(at, number, (enum frame_goaway)reason);
		break;
	}
	case FRAME_REUSE:
		n = frame_write_reuse(at, f->stream, frame_read_reuse(f));
		break;
	case FRAME_CONTROL:
	case FRAME_DATA:
	case FRAME_DATAGRAM:
		break;
	}
	if (n == 0)
		return;
	check(n == FRAME_HEADER + (size_t)f->size);
	memcpy(want, p, n);
	want[1] = 0; /* flags */
	check(memcmp(at, want, n) == 0);
}

static void read_frames(const uint8_t *p, size_t n)
{
	while (n) {
		struct frame f;
		int r = frame_read_header(p, n, &f);
		if (r != 0 && r != FRAME_SKIP)
			return;
		size_t size = FRAME_HEADER + (size_t)f.size;
		check(size <= n);
		if (r == 0)
			check_frame(&f, p);
		p += size;
		n -= size;
	}
}

static void read_control(const uint8_t *p, size_t n)
{
	static char once[CONTROL_MAX], twice[CONTROL_MAX];
	struct error err;
	struct control c;
	size_t n_once, n_twice;

	if (control_decode(p, n, &err, &c) != 0)
		return;
	check(control_encode(&c, once, sizeof once, &err, &n_once) == 0);
	control_deinit(&c);
	check(control_decode(once, n_once, &err, &c) == 0);
	check(control_encode(&c, twice, sizeof twice, &err, &n_twice) == 0);
	control_deinit(&c);
	check(n_once == n_twice && memcmp(once, twice, n_once) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const uint8_t *p = data + 1;
	size_t n = size - 1;
	uint8_t at[HELLO_MAX];
	struct hello hello;
	struct hello_first first;
	struct hello_answer answer;
	struct hello_proof proof;
	struct hello_result result;

	switch (data[0]) {
	case 1:
		if (hello_read(p, n, &hello) == 0)
			check(hello_write(at, &hello) == n && memcmp(at, p, n) == 0);
		break;
	case 2:
		if (hello_read_first(p, n, &first) == 0)
			check(first.noise + HELLO_NOISE_FIRST == p + n);
		break;
	case 3:
		if (hello_read_answer(p, n, &answer) == 0)
			check(hello_reason_name(answer.reason) != NULL);
		break;
	case 4:
		if (hello_read_proof(p, n, &proof) == 0) {
			hello_write_proof(at, &proof);
			check(memcmp(at, p, n) == 0);
		}
		break;
	case 5:
		if (hello_read_result(p, n, &result) == 0) {
			hello_write_result(at, &result);
			check(memcmp(at, p, n) == 0);
		}
		break;
	case 6:
		read_control(p, n);
		break;
	default:
		read_frames(p, n);
	}
	return 0;
}
