/* SPDX-License-Identifier: MIT */
/* What the status line and the log say of a session, from its fields alone. */
#include "client/session/session_log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"

static struct client_session session;
static struct uplink uplinks[2];
static struct client_options options;
static struct publications publications;
static struct consumer consumer;

static void begin(size_t links)
{
	memset(uplinks, 0, sizeof(uplinks));
	options = (struct client_options){0};
	session = (struct client_session){.uplinks = uplinks,
		.n = links,
		.options = &options,
		.publications = &publications,
		.consumer = &consumer};
	strcpy(session.remote.authority, "a.example:443");
}

/* What is logged while `say` runs: without a log thread a line is written at once. */
#define LOGGED(text, say)                                                  \
	do {                                                               \
		int pipe_[2], saved_ = dup(STDERR_FILENO);                 \
		assert_int_equal(pipe2(pipe_, O_CLOEXEC | O_NONBLOCK), 0); \
		dup2(pipe_[1], STDERR_FILENO);                             \
		say;                                                       \
		dup2(saved_, STDERR_FILENO);                               \
		ssize_t n_ = read(pipe_[0], text, sizeof(text) - 1);       \
		text[n_ > 0 ? n_ : 0] = '\0';                              \
		close(saved_);                                             \
		close(pipe_[0]);                                           \
		close(pipe_[1]);                                           \
	} while (0)

static void test_status(void **state)
{
	static const struct {
		size_t links;
		bool up[2];
		const char *failure, *line;
	} rows[] = {
		{1, {false}, "", "Connecting to a.example:443"},
		{1, {false}, "refused", "Not connected to a.example:443, trying again: refused"},
		{1, {true}, "", "Connected to a.example:443; nothing is published yet"},
		{1, {true}, "refused", "Connected to a.example:443; nothing is published yet"},
		{2, {true, false}, "refused",
			"Connected to a.example:443 by 1 of 2 links; nothing is published yet"},
		{2, {true, true}, "",
			"Connected to a.example:443 by 2 of 2 links; nothing is published yet"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char line[STATUS_SIZE];
		begin(rows[i].links);
		for (size_t k = 0; k < rows[i].links; k++)
			uplinks[k].state = rows[i].up[k] ? UPLINK_UP : UPLINK_BACKOFF;
		strcpy(uplinks[rows[i].links - 1].last_failure, rows[i].failure);
		session_log_status(&session.status, line);
		assert_string_equal(line, rows[i].line);
	}
}

/* Rule 9: nothing is said of TLS that ends at the exit node, and what is said is said once. */
static void test_tls(void **state)
{
	static const struct {
		bool tls, no_token, bound, tls13, sealed;
		const char *unverified, *line; /* NULL: none */
	} rows[] = {
		{false, false, false, false, true, "", NULL},
		{true, true, false, true, true, "", NULL},
		{true, false, true, true, true, "", NULL},
		{true, false, true, true, true, "it is self-signed",
			"is not verified (it is self-signed), but the exit node proved by the "
			"token"},
		{true, false, false, true, true, "",
			"ends before the exit node; the link is sealed end to end"},
		{true, false, false, true, false, "",
			"ends before the exit node; the link is not sealed"},
		{true, false, false, false, true, "", "TLS 1.2 to a.example:443 cannot show"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static struct client_link link;
		char text[1024];
		begin(1);
		memset(&link, 0, sizeof(link));
		session.remote.tls = rows[i].tls ? (struct tls_client *)&session : NULL;
		options.no_token = rows[i].no_token;
		link.io.link.bound = rows[i].bound;
		link.io.link.sealed = rows[i].sealed;
		link.io.link.config.tls13 = rows[i].tls13;
		strcpy(link.unverified, rows[i].unverified);
		LOGGED(text, session_log_tls(&session, &link));
		if (!rows[i].line)
			assert_string_equal(text, "");
		else
			assert_non_null(strstr(text, rows[i].line));
		LOGGED(text, session_log_tls(&session, &link));
		assert_string_equal(text, "");
	}
}

static void test_connected(void **state)
{
	char text[1024];
	begin(1);
	LOGGED(text, session_log_connected(&session));
	assert_non_null(strstr(text, "connected to a.example:443\n"));
	LOGGED(text, session_log_connected(&session));
	assert_string_equal(text, "");
	session.connected_logged = false;
	strcpy(session.name, "0123abcd");
	LOGGED(text, session_log_connected(&session));
	assert_non_null(strstr(text, "connected to a.example:443; session 0123abcd\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_connected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
