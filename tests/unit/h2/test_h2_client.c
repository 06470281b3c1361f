/* SPDX-License-Identifier: MIT */
/* A client's requests and responses in HTTP/1.1's words, in pieces of every size. */
#include "client_pair.h"
#include "wire/http1.h"

/* ---- Requests ---- */

static void test_requests(void **state)
{
	static const struct {
		const char *asked, *heard;
	} rows[] = {
		{ASK, "[GET /a?b HTTP/1.1\r\nHost: a.example\r\nx-one: 1\r\n\r\n]"},
		{POST, "[POST / HTTP/1.1\r\nHost: a.example\r\ncontent-length: 5\r\n\r\n]hello[end "
		       "]"},
		{CHUNKED "5\r\nhello\r\n0\r\nSum: 1\r\n\r\n",
			"[POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: "
			"chunked\r\n\r\n]hello[end sum: 1\r\n]"},
		{CHUNKED "0\r\n\r\n", "[POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: "
				      "chunked\r\n\r\n][end ]"},
		/* What speaks of a connection ends here, but that trailers are understood. */
		{"GET / HTTP/1.1\r\nhost: b\r\nConnection: TE\r\nTE: trailers\r\n\r\n",
			"[GET / HTTP/1.1\r\nHost: b\r\nte: trailers\r\n\r\n]"},
		{"GET / HTTP/1.1\r\nHost: b\r\nConnection: TE\r\nTE: gzip\r\n\r\n",
			"[GET / HTTP/1.1\r\nHost: b\r\n\r\n]"},
		{"OPTIONS * HTTP/1.1\r\nHost: b\r\nExpect: 100-continue\r\n\r\n",
			"[OPTIONS * HTTP/1.1\r\nHost: b\r\nexpect: 100-continue\r\n\r\n]"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t step = 1; step < 200; step += step < 9 ? 1 : 37) {
			struct pair p;
			pair_init(&p);
			h2_client_begin(&p.client, STR("http"));
			pair_ask_in(&p, rows[i].asked, strlen(rows[i].asked), step);
			p.step = step;
			pair_talk(&p);
			assert_string_equal(pair_text(&p.heard), rows[i].heard);
			assert_int_equal(p.client.state, H2_CLIENT_SENT);
			pair_deinit(&p);
		}
}

/* What the peer has no window for waits, and nothing more is wanted until then. */
static void test_upload(void **state)
{
	size_t n = 3 * H2_STREAM_WINDOW, at;
	char *body = malloc(n);
	memset(body, 'x', n);
	struct pair p;
	pair_init(&p);
	p.taking = false;
	pair_talk(&p);
	h2_client_begin(&p.client, STR("http"));
	const char head[] = "PUT / HTTP/1.1\r\nHost: b\r\nContent-Length: 196608\r\n\r\n";
	assert_int_equal(pair_ask_in(&p, head, sizeof(head) - 1, SIZE_MAX), sizeof(head) - 1);
	at = pair_ask_in(&p, body, n, 10000);
	assert_in_range(at, H2_STREAM_WINDOW, H2_STREAM_WINDOW + 10000);
	pair_talk(&p);
	assert_false(h2_client_hungry(&p.client));
	for (unsigned i = 0; i < 9 && p.client.state == H2_CLIENT_BODY; i++) {
		h2_consume(&p.streams[0], H2_STREAM_WINDOW);
		pair_talk(&p);
		assert_true(h2_client_hungry(&p.client));
		at += pair_ask_in(&p, body + at, n - at, 10000);
		pair_talk(&p);
	}
	assert_int_equal(at, n);
	h2_consume(&p.streams[0], H2_STREAM_WINDOW);
	pair_talk(&p);
	assert_non_null(strstr(pair_text(&p.heard), "x[end ]"));
	pair_deinit(&p);
	free(body);
}

/* ---- Responses ---- */

static struct http1_head parsed = HTTP1_HEAD_OF(32);

/* Chunks are as long as the pieces that came: their data in one, as the owner reads it. */
static void join_chunks(struct pair *p)
{
	static const char mark[] = "Transfer-Encoding: chunked\r\n\r\n";
	const char *body = strstr(pair_text(&p->answer), mark);
	if (!body)
		return;
	body += sizeof(mark) - 1;
	size_t head_n = (size_t)(body - (const char *)buf_head(&p->answer)), used, wrote;
	size_t n = buf_len(&p->answer) - head_n;
	uint8_t plain[1000];
	struct http1_chunks chunks;
	http1_chunks_init(&chunks);
	chunks.data_only = true;
	assert_int_equal(http1_chunks_copy(&chunks, (const uint8_t *)body, n, plain, sizeof(plain),
				 &used, &wrote),
		HTTP1_OK);
	assert_int_equal(used, n);
	const char *last = strstr(body, "\r\n0\r\n");
	struct buf joined = BUF_NULL;
	assert_non_null(last);
	pair_say(&joined, "%.*s%zx\r\n%.*s%s", (int)head_n, pair_text(&p->answer), wrote,
		(int)wrote, (const char *)plain, last);
	buf_deinit(&p->answer);
	p->answer = joined;
}

/* In pieces of every size the owner reads the same, and the strict parser takes it. */
static void test_responses(void **state)
{
	static const struct {
		const char *asked, *interim, *head, *body, *trailers, *read;
	} rows[] = {
		{ASK, NULL, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Y: z\r\n\r\n", "no", "",
			"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-y: z\r\n\r\nno"},
		{ASK, NULL, "HTTP/1.1 404 No\r\n\r\n", "gone", "",
			"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: "
			"chunked\r\n\r\n4\r\ngone\r\n0\r\n\r\n"},
		{ASK, NULL, "HTTP/1.1 200 OK\r\n\r\n", "m", "Grpc-Status: 0\r\n",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
			"chunked\r\n\r\n1\r\nm\r\n0\r\ngrpc-status: 0\r\n\r\n"},
		/* gRPC's answer of trailers alone */
		{ASK, NULL, "HTTP/1.1 200 OK\r\nGrpc-Status: 12\r\n\r\n", NULL, "",
			"HTTP/1.1 200 OK\r\ngrpc-status: 12\r\nContent-Length: 0\r\n\r\n"},
		{ASK, NULL, "HTTP/1.1 299 X\r\n\r\n", NULL, "",
			"HTTP/1.1 299 Unknown\r\nContent-Length: 0\r\n\r\n"},
		{ASK, NULL, "HTTP/1.1 204 No\r\n\r\n", NULL, "", "HTTP/1.1 204 No Content\r\n\r\n"},
		{ASK, NULL, "HTTP/1.1 304 No\r\nETag: \"a\"\r\n\r\n", "", "",
			"HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n"},
		{ASK, "HTTP/1.1 103 Hints\r\nLink: </s>\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", NULL,
			"", "HTTP/1.1 103 Early Hints\r\nlink: </s>\r\n\r\n" OK_EMPTY},
		{"HEAD / HTTP/1.1\r\nHost: b\r\n\r\n", NULL,
			"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", NULL, "",
			"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n"},
		{"HEAD / HTTP/1.1\r\nHost: b\r\n\r\n", NULL, "HTTP/1.1 200 OK\r\n\r\n", "", "",
			"HTTP/1.1 200 OK\r\n\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t step = 1; step < 200; step += step < 20 ? 1 : 60) {
			struct pair p;
			pair_init(&p);
			p.step = step;
			pair_ask(&p, rows[i].asked);
			if (rows[i].interim)
				pair_answer(&p, rows[i].interim, false);
			pair_answer(&p, rows[i].head, !rows[i].body);
			if (rows[i].body) {
				pair_pass(&p, rows[i].body);
				pair_finish(&p, rows[i].trailers);
			}
			pair_talk(&p);
			size_t scanned = 0;
			assert_int_equal(http1_parse_response(&parsed, buf_head(&p.answer),
						 buf_len(&p.answer), LIMIT, HTTP1_GET, &scanned),
				HTTP1_OK);
			join_chunks(&p);
			pair_expect(&p, H2_CLIENT_WHOLE, rows[i].read);
			assert_true(h2_client_end(&p.client));
			pair_deinit(&p);
		}
}

/* Both directions are open at once, as gRPC's streams have them. */
static void test_both_ways(void **state)
{
	struct pair p;
	pair_init(&p);
	pair_ask(&p, CHUNKED "1\r\na\r\n");
	pair_answer(&p, "HTTP/1.1 200 OK\r\n\r\n", false);
	pair_pass(&p, "A");
	pair_talk(&p);
	pair_expect(&p, H2_CLIENT_OPEN,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nA\r\n");
	assert_int_equal(pair_ask_in(&p, "1\r\nb\r\n0\r\n\r\n", 11, 3), 11);
	pair_talk(&p);
	pair_pass(&p, "B");
	pair_finish(&p, "T: u\r\n");
	pair_talk(&p);
	pair_expect(&p, H2_CLIENT_WHOLE, "1\r\nB\r\n0\r\nt: u\r\n\r\n");
	assert_non_null(strstr(pair_text(&p.heard), "]ab[end ]"));
	assert_true(h2_client_end(&p.client));
	pair_deinit(&p);
}

/* A response that nobody takes stops at its window, and what others need comes all the same. */
static void test_slow_owner(void **state)
{
	static char much[3 * H2_STREAM_WINDOW];
	memset(much, 'y', sizeof(much) - 1);
	struct pair p;
	pair_init(&p);
	p.greedy = false;
	pair_ask(&p, CHUNKED);
	pair_answer(&p, "HTTP/1.1 200 OK\r\n\r\n", false);
	pair_pass(&p, much);
	pair_finish(&p, "");
	pair_talk(&p);
	assert_int_equal(p.client.owed, H2_STREAM_WINDOW);
	/* The peer takes of the request meanwhile. */
	assert_int_equal(pair_ask_in(&p, "3\r\nxyz\r\n", 8, 8), 8);
	pair_talk(&p);
	assert_non_null(strstr(pair_text(&p.heard), "]xyz"));
	pair_take(&p, H2_STREAM_WINDOW);
	pair_talk(&p);
	assert_in_range(p.client.owed, H2_STREAM_WINDOW - 100, H2_STREAM_WINDOW);
	/* A wider window is there with what is taken next. */
	size_t n = buf_len(&p.client.answer);
	buf_consume(&p.client.answer, n);
	h2_client_taken(&p.client, 0, 4 * H2_STREAM_WINDOW);
	pair_talk(&p);
	assert_int_equal(h2_client_outcome(&p.client), H2_CLIENT_WHOLE);
	pair_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_upload),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_slow_owner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
