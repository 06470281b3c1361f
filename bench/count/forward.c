/* SPDX-License-Identifier: MIT */
/* A parsed request written for the upstream, and a parsed answer for the visitor. */
#include "case.h"
#include "heads.h"
#include "server/http/forward.h"

static struct {
	struct http1_head request, answer;
	struct buf out;
} it = {
	.request = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT),
	.answer = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT),
};

static void prepare(void)
{
	const struct str request = STR(HEAD_BROWSER), answer = STR(HEAD_ANSWER);
	size_t scanned = 0;
	int r = http1_parse_request(&it.request, (const uint8_t *)request.p, request.n,
		HTTP1_REQUEST_MAX, &scanned);
	scanned = 0;
	if (r == HTTP1_OK)
		r = http1_parse_response(&it.answer, (const uint8_t *)answer.p, answer.n,
			HTTP1_RESPONSE_MAX, HTTP1_GET, &scanned);
	count_expect(r == HTTP1_OK, "the heads are refused");
}

static size_t forward(size_t n)
{
	const struct forward f = {
		.peer = STR("203.0.113.7"),
		.request_id = STR("0d9c1f6e2b7a48539e41c0d8a6f3b275"),
		.pseudonym = "tunnel-0123456789abcdef",
		.secure = true,
		.upgrade = true,
	};
	const struct forward_response back = {0};
	for (size_t i = 0; i < n; i++) {
		size_t host_at;
		int r = forward_request(&it.out, &it.request, &f, &host_at);
		buf_consume(&it.out, buf_len(&it.out));
		if (r == 0)
			r = forward_response(&it.out, &it.answer, &back);
		buf_consume(&it.out, buf_len(&it.out));
		if (r != 0)
			return i;
	}
	return n;
}

const struct count_case forward_cases[] = {
	{"forward/both-heads", "request", 4000, prepare, forward},
	{0},
};
