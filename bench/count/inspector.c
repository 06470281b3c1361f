/* SPDX-License-Identifier: MIT */
/* A request and its answer that the client's inspector reads along, on a kept connection; its memory is full. */
#include "case.h"
#include "client/inspector/inspector_tap.h"
#include "heads.h"

#define BODY 7498 /* as the answer says */

static struct {
	struct loop *loop;
	struct inspector in;
	struct inspector_tap *tap;
	char answer[sizeof(HEAD_ANSWER) - 1 + BODY];
} it;

static void prepare(size_t body_max)
{
	struct inspector_options o = {.size = MIB, .body_max = body_max};
	struct capture_facts facts = {.service = 1};
	it.loop = loop_new();
	count_expect(it.loop && inspector_init(&it.in, it.loop, &o) == 0, "there is no memory");
	it.tap = inspector_tap_new(&it.in, &facts);
	count_expect(it.tap, "there is no memory");
	memcpy(it.answer, HEAD_ANSWER, sizeof(HEAD_ANSWER) - 1);
}

static void prepare_heads(void)
{
	prepare(0);
}

static void prepare_bodies(void)
{
	prepare(64 << 10);
}

static size_t read_along(size_t n)
{
	const struct str request = STR(HEAD_CURL);
	uint64_t before = it.in.captured;
	for (size_t i = 0; i < n; i++) {
		it.tap->tap.wrote(&it.tap->tap, (const uint8_t *)request.p, request.n);
		it.tap->tap.read(&it.tap->tap, (const uint8_t *)it.answer, sizeof(it.answer));
	}
	count_expect(!inspector_tap_waits(it.tap) && it.tap->state == INSPECTOR_TAP_READS,
		"the exchanges have no end");
	return it.in.captured - before;
}

const struct count_case inspector_cases[] = {
	{"inspector/heads", "request", 4000, prepare_heads, read_along},
	{"inspector/bodies", "request", 4000, prepare_bodies, read_along},
	{0},
};
