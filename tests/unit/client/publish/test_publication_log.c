/* SPDX-License-Identifier: MIT */
/* Which command a person at a terminal is shown: nothing that a shell would make more of. */
#include "client/publish/publication_log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"

/* Standard error is a terminal, or is not, while the log runs. */
static bool command_of(const struct publication *pub, bool at_terminal)
{
	struct error err;
	struct log_options opts = {.level = LOG_INFO};
	int saved = dup(STDERR_FILENO);
	int to = at_terminal ? posix_openpt(O_RDWR | O_NOCTTY) : open("/dev/null", O_WRONLY);
	assert_true(to >= 0);
	dup2(to, STDERR_FILENO);
	assert_int_equal(log_start(&opts, &err), 0);
	bool said = publication_log_command(pub);
	log_stop();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(to);
	return said;
}

static void test_command(void **state)
{
	static const struct {
		const char *answer;
		bool plain;
	} rows[] = {
		{"http://a.example", true},
		{"https://a-b.example:8443/x", true},
		{"http", true},
		{"ftp://a.example", false},
		{"a.example", false},
		{"", false},
		{"http://a.example/;reboot", false},
		{"http://a.example/$(reboot)", false},
		{"http://a.example/`x`", false},
		{"http://a.example x", false},
		{"http://a.example\n", false},
		{"http://a_b.example", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char answer[64];
		strcpy(answer, rows[i].answer);
		struct publication pub = {.upstream.kind = CONTROL_HTTP,
			.state = PUBLICATION_GRANTED,
			.answer = answer};
		assert_int_equal(command_of(&pub, true), rows[i].plain);
		assert_false(command_of(&pub, false));
	}
}

/* There is one for what is published by HTTP alone. */
static void test_no_command(void **state)
{
	char answer[] = "http://a.example";
	struct publication rows[] = {
		{.upstream.kind = CONTROL_TCP, .state = PUBLICATION_GRANTED, .answer = answer},
		{.upstream.kind = CONTROL_HTTP, .state = PUBLICATION_REFUSED, .answer = answer},
		{.upstream.kind = CONTROL_HTTP, .state = PUBLICATION_GRANTED},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_false(command_of(&rows[i], true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_no_command),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
