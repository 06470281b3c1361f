/* SPDX-License-Identifier: MIT */
/* A browser's request by HTTP/2, judged as HTTP/1, and an answer of 1 KiB to it. */
#include <stdlib.h>

#include <nghttp2/nghttp2.h>

#include "base/macros.h"
#include "case.h"
#include "h2/h2.h"
#include "heads.h"
#include "wire/http1.h"

#define REQUESTS 1000 /* as often as there are runs of each case */
#define RUNS     2
#define BODY     1024
#define WINDOW   (1u << 30)

static struct {
	struct h2 h2;
	struct h2_stream stream;
	struct http1_head head;
	bool closed;
	struct buf said;              /* what the client says */
	size_t ends[RUNS * REQUESTS]; /* of each of its requests */
	size_t next;
} it = {.head = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT)};

static struct h2_stream *request(struct h2 *h, const struct h2_message *r)
{
	size_t scanned = 0;
	it.stream = (struct h2_stream){0};
	it.closed = false;
	h2_stream_begin(&it.stream, h, r->id);
	bool good = !r->error && http1_parse_request(&it.head, (const uint8_t *)r->text.p,
					 r->text.n, HTTP1_REQUEST_MAX, &scanned) == HTTP1_OK;
	count_expect(good && it.head.n_fields == r->n_fields, "a request is none");
	return &it.stream;
}

static void data(struct h2_stream *s, const uint8_t *p, size_t n)
{
}

static void end(struct h2_stream *s, struct str trailers)
{
}

static void closed(struct h2_stream *s)
{
	it.closed = true;
}

static const struct h2_ops ops = {
	.request = request,
	.data = data,
	.end = end,
	.closed = closed,
};

/* ---- The client ---- */

static nghttp2_nv nv_of(const char *name, const char *value)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
		strlen(value), 0};
}

static void say(nghttp2_session *client)
{
	const uint8_t *p;
	ssize_t n;
	while ((n = nghttp2_session_mem_send(client, &p)) > 0)
		count_expect(buf_append(&it.said, p, (size_t)n) == 0, "memory is out");
	it.ends[it.next] = buf_len(&it.said);
}

static void ask(nghttp2_session *client)
{
	const nghttp2_nv nv[] = {
		nv_of(":method", "GET"),
		nv_of(":scheme", "https"),
		nv_of(":authority", "app.example.com"),
		nv_of(":path", "/assets/app.css?v=1736"),
		nv_of("cache-control", "max-age=0"),
		nv_of("user-agent",
			"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
		nv_of("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/"
				"webp,*/*;q=0.8"),
		nv_of("accept-encoding", "gzip, deflate, br"),
		nv_of("accept-language", "de,en-US;q=0.7,en;q=0.3"),
		nv_of("referer", "https://app.example.com/account/orders"),
		nv_of("cookie", "session=9f86d081884c7d659a2feaa0c55ad015"),
		nv_of("cookie", "theme=dark"),
		nv_of("cookie", "seen=2024-11-30"),
		nv_of("if-none-match", "\"65a1f2c3-1d4a\""),
	};
	nghttp2_submit_request(client, NULL, nv, ARRAY_LEN(nv), NULL, NULL);
}

static void prepare(void)
{
	nghttp2_session *client;
	nghttp2_session_callbacks *cb;
	nghttp2_option *o;
	nghttp2_session_callbacks_new(&cb);
	nghttp2_option_new(&o);
	nghttp2_option_set_peer_max_concurrent_streams(o, UINT32_MAX);
	nghttp2_session_client_new2(&client, cb, NULL, o);
	const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW}};
	nghttp2_submit_settings(client, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
	nghttp2_session_set_local_window_size(client, NGHTTP2_FLAG_NONE, 0, WINDOW);
	for (it.next = 0; it.next < RUNS * REQUESTS; it.next++) {
		ask(client);
		say(client);
	}
	it.next = 0;
	nghttp2_option_del(o);
	nghttp2_session_callbacks_del(cb);
	nghttp2_session_del(client);
	count_expect(h2_init(&it.h2, &ops, HTTP1_REQUEST_MAX) == 0, "memory is out");
}

static void answer(void)
{
	static const uint8_t body[BODY];
	uint8_t text[] = "HTTP/1.1 200 OK\r\n"
			 "Server: nginx/1.22.1\r\n"
			 "Date: Sat, 30 Nov 2024 12:00:00 GMT\r\n"
			 "Content-Type: text/css; charset=utf-8\r\n"
			 "Content-Length: 1024\r\n"
			 "Last-Modified: Fri, 12 Jan 2024 22:29:23 GMT\r\n"
			 "ETag: \"65a1f2c3-1d4a\"\r\n"
			 "Cache-Control: max-age=3600, public\r\n"
			 "Accept-Ranges: bytes\r\n\r\n";
	h2_answer(&it.stream, text, sizeof(text) - 1, false);
	h2_data(&it.stream, body, sizeof(body), true);
	buf_consume(&it.h2.out, buf_len(&it.h2.out));
}

static size_t serve(size_t n)
{
	for (size_t i = 0; i < n; i++, it.next++) {
		size_t from = it.next ? it.ends[it.next - 1] : 0;
		if (h2_input(&it.h2, buf_head(&it.said) + from, it.ends[it.next] - from, 0) ||
			h2_output(&it.h2))
			return i;
		answer();
		if (!it.closed)
			return i;
	}
	return n;
}

const struct count_case h2_cases[] = {
	{"h2/request", "request", REQUESTS, prepare, serve},
	{0},
};
