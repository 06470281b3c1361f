/* SPDX-License-Identifier: MIT */
/* What the options of a panel come to: where it listens, with which certificate, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/macros.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "panel/panel_settings.h"

static void test_check(void **state)
{
	static const struct {
		const char *address, *cert, *key;
		bool insecure, own_cert;
		const char *sentence; /* NULL: it is good */
	} rows[] = {
		{NULL, NULL, NULL, false, false, NULL},
		{"none", NULL, NULL, false, false, NULL},
		{"8001", NULL, NULL, false, false, NULL},
		{"0", NULL, NULL, false, false, NULL},
		{"127.0.0.1:8001", NULL, NULL, false, false, NULL},
		{"[::1]:8001", NULL, NULL, false, false, NULL},
		{"0.0.0.0:8001", NULL, NULL, false, false, "--panel: other machines reach"},
		{"[::]:8001", NULL, NULL, false, false, "--panel: other machines reach"},
		{"0.0.0.0:8001", NULL, NULL, false, true, NULL},
		{"0.0.0.0:8001", NULL, NULL, true, false, NULL},
		{"0.0.0.0:8001", "c", NULL, false, false, NULL},
		{"8001", "c", "k", false, false, NULL},
		{"8001", NULL, "k", false, false, "--panel-key"},
		{"8001", "c", NULL, true, false, "--panel-insecure"},
		{"", NULL, NULL, false, false, "--panel: \"\" is no address"},
		{"65536", NULL, NULL, false, false, "is no address"},
		{"localhost:80", NULL, NULL, false, false, "is no address"},
		{"127.0.0.1", NULL, NULL, false, false, "is no address"},
		{":8001", NULL, NULL, false, false, "is no address"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = {0};
		const struct panel_settings s = {.address = (char *)(uintptr_t)rows[i].address,
			.cert = (char *)(uintptr_t)rows[i].cert,
			.key = (char *)(uintptr_t)rows[i].key,
			.insecure = rows[i].insecure};
		int r = panel_settings_check(&s, rows[i].own_cert, &err);
		if ((r == 0) != !rows[i].sentence || (r && !strstr(err.text, rows[i].sentence)))
			fail_msg("row %zu: %d %s", i, r, err.text);
	}
}

/* Beyond this machine the side lends its certificate, on this machine it is not asked for. */
static void test_tls(void **state)
{
	static const struct {
		const char *address, *cert, *key;
		bool insecure;
		const char *used_cert, *used_key;
	} rows[] = {
		{"8001", NULL, NULL, false, NULL, NULL},
		{"8001", "c", "k", false, "c", "k"},
		{"8001", "c", NULL, false, "c", "c"},
		{"0.0.0.0:8001", NULL, NULL, false, "own", "own key"},
		{"0.0.0.0:8001", NULL, NULL, true, NULL, NULL},
		{"0.0.0.0:8001", "c", "k", false, "c", "k"},
	};
	const struct panel_side side = {.cert = "own", .key = "own key"};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err;
		struct panel_place place;
		const struct panel_settings s = {.address = (char *)(uintptr_t)rows[i].address,
			.cert = (char *)(uintptr_t)rows[i].cert,
			.key = (char *)(uintptr_t)rows[i].key,
			.insecure = rows[i].insecure};
		assert_int_equal(panel_place_init(&place, &s, &side, &err), 0);
		assert_true(str_same(place.tcp.cert, rows[i].used_cert));
		assert_true(str_same(place.tcp.key, rows[i].used_key));
		assert_int_equal(place.tcp.port, 8001);
		/* There is no directory: the token is for this start. */
		assert_int_equal(strlen(place.tcp.token), TOKEN_RANDOM_LEN);
		assert_null(place.token_path);
		panel_place_deinit(&place);
	}
}

static bool has(const char *const *open, const char *path)
{
	while (*open && strcmp(*open, path) != 0)
		open++;
	return *open;
}

static void test_open(void **state)
{
	static char address[] = "8001";
	struct error err;
	struct panel_place place;
	struct panel_settings s = {.address = address};
	assert_int_equal(panel_place_init(&place, &s, &(struct panel_side){0}, &err), 0);
	assert_true(has(place.tcp.open, "/healthz") && has(place.tcp.open, "/readyz"));
	assert_false(has(place.tcp.open, "/metrics"));
	panel_place_deinit(&place);
	s.metrics_open = true;
	assert_int_equal(panel_place_init(&place, &s, &(struct panel_side){0}, &err), 0);
	assert_true(has(place.tcp.open, "/metrics") && has(place.tcp.open, "/healthz"));
	panel_place_deinit(&place);
}

static int setup(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_open),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
