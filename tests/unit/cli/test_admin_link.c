/* SPDX-License-Identifier: MIT */
/*
 * A command's link to a distant exit node: what it asks, and each way in which no answer comes. The exit node is
 * one of a few lines in a process of its own, because the calls block.
 */
#include "cli/admin_link.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "link/upgrade.h"
#include "net/link_io.h"
#include "net/listener.h"
#include "tests/link_config.h"
#include "wire/http1.h"

#define TOKEN   "a token of some characters"
#define REQUEST "GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n"
#define BIG     ((size_t)1 << 20)

enum behaviour {
	ECHO,     /* answers what it was asked, when it has ended */
	OLDER,    /* has no such feature */
	STRANGER, /* knows no token */
	HANGS_UP, /* before the link is opened */
	BREAKS,   /* within the handshake */
	DENIES,
	BUSY,
	VANISHES, /* with the first bytes of a request */
	EARLY,    /* answers with them, and takes no more */
	ENDLESS,  /* an answer */
	LEAVES,   /* says GOAWAY when the link is up */
};

/* ---- The exit node: in the child ---- */

static struct node {
	enum behaviour behaviour;
	struct loop *loop;
	struct listener listener;
	struct budget budget;
	struct random_pool random;
	struct token_key *key;
	uint8_t instance[CONTROL_INSTANCE];
	struct conn conn; /* until its request is whole */
	struct link_io io;
	struct stream stream;
	struct buf got;
	bool answering;
} node;

static ssize_t node_pull(struct stream *s, uint8_t *room, size_t max)
{
	if (!node.answering)
		return -EAGAIN;
	if (node.behaviour == ENDLESS) {
		memset(room, 'x', max);
		return (ssize_t)max;
	}
	size_t n = MIN(max, buf_len(&node.got));
	memcpy(room, buf_head(&node.got), n);
	buf_consume(&node.got, n);
	return (ssize_t)n;
}

static void node_answer(struct stream *s)
{
	node.answering = true;
	stream_ready(s);
}

static size_t node_push(struct stream *s, const uint8_t *p, size_t n)
{
	if (node.behaviour == VANISHES)
		_exit(0);
	if (node.answering)
		return 0;
	assert_int_equal(buf_append(&node.got, p, n), 0);
	if (node.behaviour != ECHO)
		node_answer(s);
	return n;
}

static void node_push_end(struct stream *s)
{
	node_answer(s);
}

static void node_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
}

static const struct stream_ops node_stream_ops = {
	.pull = node_pull,
	.push = node_push,
	.push_end = node_push_end,
	.closed = node_closed,
};

static struct stream *node_open(struct link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	*reason_out = node.behaviour == BUSY ? FRAME_RESET_BUSY : FRAME_RESET_DENIED;
	if (open->kind != FRAME_KIND_ADMIN || open->service || node.behaviour == BUSY ||
		node.behaviour == DENIES)
		return NULL;
	node.answering = false;
	stream_init(&node.stream, &node_stream_ops);
	return &node.stream;
}

static const uint8_t *node_find_psk(struct link *l, const uint8_t id[TOKEN_ID_SIZE])
{
	static const uint8_t nobodys[TOKEN_PSK_SIZE] = {1};
	if (node.behaviour == BREAKS)
		_exit(0);
	bool known = node.behaviour != STRANGER && token_id_equal(id, node.key->id);
	return known ? node.key->psk : nobodys;
}

static void node_up(struct link *l, const struct control *hello)
{
	if (node.behaviour == LEAVES)
		mux_goaway(&l->mux, FRAME_GOAWAY_SHUTDOWN);
}

static void node_control(struct link *l, struct control *m)
{
	_exit(1); /* a link that only asks says nothing */
}

static void node_goaway(struct link *l, uint8_t reason)
{
}

static const struct link_ops node_link_ops = {
	.find_psk = node_find_psk,
	.up = node_up,
	.control = node_control,
	.open = node_open,
	.goaway = node_goaway,
	.wake = link_io_wake,
};

static void node_ended(struct link_io *io)
{
}

/* The link request comes in one piece. */
static void node_changed(struct conn *conn)
{
	char request[UPGRADE_REQUEST_MAX], answer[UPGRADE_RESPONSE_MAX];
	struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
	size_t scanned = 0;
	ssize_t n = conn_read(conn, request, sizeof(request));
	if (n <= 0)
		return;
	if (node.behaviour == HANGS_UP)
		_exit(0);
	if (http1_parse_request(&h, (uint8_t *)request, (size_t)n, sizeof(request), &scanned) != 0)
		_exit(1);
	struct link_config config = link_config_make(&node.budget, &node.random, node.instance);
	config.preface = answer;
	config.preface_size = upgrade_response(&h, 0, answer);
	config.features = node.behaviour == OLDER ? NULL : "later,admin";
	link_io_start(&node.io, node.loop, conn_detach(conn), &node_link_ops, &config, node_ended);
}

static void node_accepted(struct listener *l, int fd, const struct address *peer)
{
	conn_init(&node.conn, node.loop, fd, node_changed);
}

static void node_run(enum behaviour behaviour, const char *token, int port_to)
{
	struct error err;
	uint8_t salt[HELLO_SALT];
	memset(salt, 0x5a, sizeof(salt)); /* link_config_make()'s */
	node.behaviour = behaviour;
	node.loop = loop_new();
	node.key = token_key_new();
	if (token)
		token_key_derive((const uint8_t *)token, strlen(token), salt, node.key);
	else
		token_key_open_mode(node.key);
	budget_init(&node.budget, 64 << 20);
	random_pool_init(&node.random);
	listener_open(&node.listener, node.loop, "127.0.0.1", 0, node_accepted, NULL, &err);
	if (write(port_to, &node.listener.port, sizeof(node.listener.port)) < 0)
		_exit(1);
	loop_run(node.loop);
	_exit(0);
}

/* ---- The command ---- */

struct scene {
	pid_t pid;
	char remote[32];
	struct client_options options;
	struct admin_link *link;
	struct error err;
	struct buf response;
};

static void begin(struct scene *s, enum behaviour behaviour, char *token)
{
	int fds[2];
	uint16_t port;
	*s = (struct scene){.err = {""}};
	assert_int_equal(pipe(fds), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (!s->pid)
		node_run(behaviour, token, fds[1]);
	assert_int_equal(read(fds[0], &port, sizeof(port)), sizeof(port));
	close(fds[0]);
	close(fds[1]);
	snprintf(s->remote, sizeof(s->remote), "127.0.0.1:%u", port);
	s->options =
		(struct client_options){.remote = s->remote, .token = token, .no_token = !token};
	assert_int_equal(client_options_check(&s->options, &s->err), 0);
}

static int call(struct scene *s, const void *request, size_t n)
{
	return admin_link_call(s->link, request, n, &s->response, &s->err);
}

static void end(struct scene *s)
{
	int status;
	s->link = admin_link_close(s->link);
	kill(s->pid, SIGKILL);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status));
	buf_deinit(&s->response);
	free(s->options.control_path);
	client_options_deinit(&s->options);
}

static void it_asks(void **state)
{
	static char token[] = TOKEN;
	char *tokens[] = {NULL, token};
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		struct scene s;
		begin(&s, ECHO, tokens[i]);
		assert_int_equal(admin_link_open(&s.link, &s.options, &s.err), 0);
		for (size_t k = 1; k <= 3; k++) {
			assert_int_equal(call(&s, REQUEST, sizeof(REQUEST) - 1), 0);
			assert_int_equal(buf_len(&s.response), k * (sizeof(REQUEST) - 1));
		}
		assert_memory_equal(buf_head(&s.response), REQUEST REQUEST REQUEST,
			buf_len(&s.response));
		end(&s);
	}
}

/* More than a window each way. */
static void it_asks_much(void **state)
{
	struct scene s;
	uint8_t *request = malloc(BIG);
	for (size_t i = 0; i < BIG; i++)
		request[i] = (uint8_t)(i * 131 + (i >> 8));
	begin(&s, ECHO, NULL);
	assert_int_equal(admin_link_open(&s.link, &s.options, &s.err), 0);
	assert_int_equal(call(&s, request, BIG), 0);
	assert_int_equal(buf_len(&s.response), BIG);
	assert_memory_equal(buf_head(&s.response), request, BIG);
	end(&s);
	/* An answer that comes before the request is whole, and to which it is not read on. */
	begin(&s, EARLY, NULL);
	assert_int_equal(admin_link_open(&s.link, &s.options, &s.err), 0);
	for (int i = 0; i < 3; i++) {
		buf_consume(&s.response, buf_len(&s.response));
		assert_int_equal(call(&s, request, BIG), 0);
		assert_true(buf_len(&s.response) > 0);
		assert_memory_equal(buf_head(&s.response), request, buf_len(&s.response));
	}
	end(&s);
	free(request);
}

static void no_way_to_ask(void **state)
{
	static char token[] = TOKEN;
	static const struct {
		enum behaviour behaviour;
		bool token;
		int result;
		const char *why;
	} rows[] = {
		{STRANGER, true, ADMIN_LINK_REJECTED, "does not know the token"},
		{STRANGER, false, ADMIN_LINK_REJECTED, "wants a token"},
		{OLDER, false, ADMIN_LINK_UNSUPPORTED, "is older"},
		{HANGS_UP, false, ADMIN_LINK_NO_ANSWER, "cannot connect to 127.0.0.1:"},
		{BREAKS, false, ADMIN_LINK_NO_ANSWER, "cannot connect to 127.0.0.1:"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		begin(&s, rows[i].behaviour, rows[i].token ? token : NULL);
		int r = admin_link_open(&s.link, &s.options, &s.err);
		if (r != rows[i].result || !strstr(s.err.text, rows[i].why))
			fail_msg("row %zu: %d, %s", i, r, s.err.text);
		assert_null(s.link);
		end(&s);
	}
}

static void nobody_is_there(void **state)
{
	static char ca[] = "/nonexistent/ca";
	struct scene s;
	begin(&s, ECHO, NULL);
	kill(s.pid, SIGKILL);
	/* The port is closed when the process has gone. */
	siginfo_t gone;
	assert_int_equal(waitid(P_PID, (id_t)s.pid, &gone, WEXITED | WNOWAIT), 0);
	assert_int_equal(admin_link_open(&s.link, &s.options, &s.err), ADMIN_LINK_NO_ANSWER);
	assert_non_null(strstr(s.err.text, "refused"));
	s.options.remote_url.scheme = URL_WSS;
	s.options.tls_ca = ca;
	assert_int_equal(admin_link_open(&s.link, &s.options, &s.err), -EIO);
	assert_non_null(strstr(s.err.text, ca));
	end(&s);
}

static void no_answer(void **state)
{
	static const struct {
		enum behaviour behaviour;
		int result;
		const char *why;
	} rows[] = {
		{VANISHES, ADMIN_LINK_NO_ANSWER, "went away before it answered"},
		{BUSY, ADMIN_LINK_NO_ANSWER, "did not answer: busy"},
		{DENIES, ADMIN_LINK_UNSUPPORTED, "did not answer: denied"},
		{ENDLESS, ADMIN_LINK_NO_ANSWER, "does not end"},
		{LEAVES, ADMIN_LINK_NO_ANSWER, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		begin(&s, rows[i].behaviour, NULL);
		assert_int_equal(admin_link_open(&s.link, &s.options, &s.err), 0);
		int r = call(&s, REQUEST, sizeof(REQUEST) - 1);
		if (r != rows[i].result || !strstr(s.err.text, rows[i].why))
			fail_msg("row %zu: %d, %s", i, r, s.err.text);
		assert_true(buf_len(&s.response) <= ADMIN_LINK_RESPONSE_MAX);
		/* Nothing more can be asked, and it says so. */
		assert_int_not_equal(call(&s, REQUEST, sizeof(REQUEST) - 1), 0);
		end(&s);
	}
}

static int start(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_asks),
		cmocka_unit_test(it_asks_much),
		cmocka_unit_test(no_way_to_ask),
		cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(no_answer),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
