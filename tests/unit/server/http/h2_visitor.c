/* SPDX-License-Identifier: MIT */
#include "h2_visitor.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"

#define CONNECTION_WINDOW (1 << 20)
#define SOCKET_TAKES      8192       /* bytes, or what the kernel makes of it */
#define SOCKET_HOLDS      (16 << 10) /* that nobody has read, over TCP; likewise */
#define QUIET_TURNS       8          /* without a byte, after which there is none */

/* ---- What the visitor hears ---- */

static void note(struct h2_visitor *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct h2_visitor *v, const char *fmt, ...)
{
	char *line;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&line, fmt, ap);
	va_end(ap);
	assert_true(n >= 0);
	assert_int_equal(buf_append(&v->got, line, (size_t)n), 0);
	free(line);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
	note(user, "%d %.*s: %.*s\n", frame->hd.stream_id, (int)n, (const char *)name, (int)value_n,
		(const char *)value);
	return 0;
}

/* Long ones by their length. */
static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
	void *user)
{
	((struct h2_visitor *)user)->n_data += n;
	if (n > 80)
		note(user, "%d data of %zu\n", id, n);
	else
		note(user, "%d data %.*s\n", id, (int)n, (const char *)p);
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct h2_visitor *v = user;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		v->goaway = frame->goaway.error_code;
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	note(user, "%d closed %u\n", id, code);
	return 0;
}

/* ---- What it says ---- */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *room, size_t max,
	uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct h2_visitor *v = user;
	size_t n = MIN(max, strlen(v->body));
	memcpy(room, v->body, n);
	v->body += n;
	if (*v->body)
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (v->trail) {
		nghttp2_nv nv = {(uint8_t *)(uintptr_t)v->trail, (uint8_t *)(uintptr_t) "t",
			strlen(v->trail), 1, 0};
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(session, id, &nv, 1);
	}
	return (ssize_t)n;
}

static nghttp2_nv nv_of(const char *name, size_t n, const char *value)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, n,
		strlen(value), 0};
}

static int32_t ask(struct h2_visitor *v, const char *method, const char *host, const char *path,
	const char *more, bool has_body)
{
	nghttp2_nv nv[5] = {nv_of(":method", 7, method), nv_of(":scheme", 7, "http"),
		nv_of(":authority", 10, host), nv_of(":path", 5, path)};
	size_t n = 4;
	if (more) {
		const char *colon = strstr(more, ": ");
		assert_non_null(colon);
		nv[n++] = nv_of(more, (size_t)(colon - more), colon + 2);
	}
	const nghttp2_data_provider body = {.read_callback = read_body};
	int32_t id = nghttp2_submit_request(v->session, NULL, nv, n, has_body ? &body : NULL, NULL);
	assert_true(id > 0);
	h2_talk(v);
	return id;
}

int32_t h2_get(struct h2_visitor *v, const char *host, const char *path, const char *more)
{
	return ask(v, "GET", host, path, more, false);
}

int32_t h2_post(struct h2_visitor *v, const char *path, const char *body, bool length)
{
	char field[64];
	snprintf(field, sizeof(field), "content-length: %zu", strlen(body));
	v->body = body;
	return ask(v, "POST", "a.test", path, length ? field : NULL, true);
}

/* ---- Both ---- */

void h2_say_bytes(struct h2_visitor *v, const void *p, size_t n)
{
	assert_true(write(v->fd, p, n) == (ssize_t)n);
}

static bool say_all(struct h2_visitor *v)
{
	const uint8_t *p;
	bool said = false;
	ssize_t n;
	while (v->fd >= 0 && !v->ended && (n = nghttp2_session_mem_send(v->session, &p)) > 0) {
		h2_say_bytes(v, p, (size_t)n);
		said = true;
	}
	return said;
}

static bool hear_all(struct h2_visitor *v)
{
	uint8_t room[16384];
	bool heard = false;
	while (v->fd >= 0 && !v->reads_not && !v->ended) {
		ssize_t n = read(v->fd, room, sizeof(room));
		if (n < 0 && errno == EAGAIN)
			break;
		v->ended = n <= 0;
		heard = true;
		if (n > 0)
			assert_true(nghttp2_session_mem_recv(v->session, room, (size_t)n) == n);
	}
	return heard;
}

void h2_talk(struct h2_visitor *v)
{
	for (unsigned quiet = 0; quiet < QUIET_TURNS; quiet++) {
		if (say_all(v))
			quiet = 0;
		scene_turn(v->scene);
		if (hear_all(v))
			quiet = 0;
	}
}

const char *h2_hear(struct h2_visitor *v)
{
	static char text[16384];
	h2_talk(v);
	size_t n = buf_len(&v->got);
	assert_true(n < sizeof(text));
	if (n)
		memcpy(text, buf_head(&v->got), n);
	text[n] = '\0';
	buf_deinit(&v->got);
	return text;
}

void assert_part(const char *text, const char *part)
{
	assert_non_null(text);
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

void h2_answer_text(struct h2_visitor *v, const char *text)
{
	fake_client_read(v->client);
	fake_client_answer(v->client, text);
}

/* ---- Its beginning and its end ---- */

int h2_setup(void **state)
{
	struct h2_visitor *v = calloc(1, sizeof(*v));
	assert_non_null(v);
	v->scene = scene_new();
	v->scene->options.http2 = SERVER_HTTP2_ON;
	v->client = fake_client_new(v->scene, "a.test", NULL);
	v->fd = -1;
	*state = v;
	return 0;
}

static void start_session(struct h2_visitor *v, uint32_t window)
{
	nghttp2_session_callbacks *cb;
	assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	nghttp2_option *option;
	assert_int_equal(nghttp2_option_new(&option), 0);
	nghttp2_option_set_no_auto_window_update(option, v->gives_not);
	assert_int_equal(nghttp2_session_client_new2(&v->session, cb, v, option), 0);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(cb);
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window},
	};
	nghttp2_submit_settings(v->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
	nghttp2_session_set_local_window_size(v->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
}

/* The visitor's end, then the server's. */
static void pair(bool tcp, int fds[2])
{
	const int takes = SOCKET_TAKES, holds = SOCKET_HOLDS;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(at);
	if (!tcp) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	} else {
		int listener = socket(AF_INET, SOCK_STREAM, 0);
		fds[0] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &holds, sizeof(holds)),
			0);
		assert_int_equal(bind(listener, (struct sockaddr *)&at, n), 0);
		assert_int_equal(listen(listener, 1), 0);
		assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
		assert_int_equal(connect(fds[0], (struct sockaddr *)&at, n), 0);
		assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
		fds[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		assert_true(fds[1] >= 0);
		close(listener);
	}
	assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &takes, sizeof(takes)), 0);
}

void h2_enter(struct h2_visitor *v, uint32_t window)
{
	int fds[2];
	h2_leave(v);
	pair(v->tcp, fds);
	struct accepted_conn a = {.detached = DETACHED_CONN_OF(fds[1])};
	a.listener = (struct listener_config){.links = true, .visits = true, .port = 80};
	assert_true(address_parse(STR("192.0.2.1:5"), &a.peer));
	assert_true(address_parse(STR("192.0.2.9:80"), &a.local));
	v->fd = fds[0];
	v->goaway = UINT32_MAX;
	v->ended = v->reads_not = false;
	start_session(v, window);
	h2_conn_enter(&v->scene->worker, &a);
	assert_true(h2_is_open(v));
	v->conn = list_entry(v->scene->http.h2_conns.prev, struct h2_conn, link);
	h2_talk(v);
}

bool h2_is_open(const struct h2_visitor *v)
{
	return !list_empty(&v->scene->http.h2_conns);
}

void h2_leave(struct h2_visitor *v)
{
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
	nghttp2_session_del(v->session);
	v->session = NULL;
	for (unsigned i = 0; i < QUIET_TURNS; i++)
		scene_turn(v->scene);
}

int h2_teardown(void **state)
{
	struct h2_visitor *v = *state;
	h2_leave(v);
	while (h2_is_open(v))
		h2_conn_close(list_entry(v->scene->http.h2_conns.next, struct h2_conn, link), true);
	scene_turn(v->scene);
	fake_client_free(v->client);
	scene_free(v->scene);
	buf_deinit(&v->got);
	free(v);
	return 0;
}
