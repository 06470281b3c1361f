/* SPDX-License-Identifier: MIT */
/* What the log says about a dial that failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/upstream/dial_failure.h"

static void test_dials(void **state)
{
	static const struct {
		struct dial dial;
		const char *says;
	} rows[] = {
		{{.outcome = DIAL_NO_ADDRESS, .reason = "the name is not known"},
			"cannot resolve exit.example: the name is not known"},
		{{.outcome = DIAL_REFUSED, .reason = "connection refused by 192.0.2.1:9"},
			"connection refused by 192.0.2.1:9: is the tunnel server running, and is "
			"this its "
			"port?"},
		{{.outcome = DIAL_TIMED_OUT,
			 .address = {.family = ADDRESS_V4},
			 .reason = "192.0.2.1:9 did not answer in time"},
			"192.0.2.1:9 did not answer in time: a firewall or security group may not "
			"let the "
			"port through"},
		/* The name server's, not the port's. */
		{{.outcome = DIAL_TIMED_OUT, .reason = "looking up the name took too long"},
			"looking up the name took too long"},
		{{.outcome = DIAL_UNREACHABLE, .reason = "192.0.2.1:9 cannot be reached: x"},
			"192.0.2.1:9 cannot be reached: x"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err;
		dial_failure_describe(&rows[i].dial, "exit.example", "the tunnel server", &err);
		assert_string_equal(err.text, rows[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dials),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
