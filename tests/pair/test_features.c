/* SPDX-License-Identifier: MIT */
/* What each end says in its hello that it can, and peers that say nothing of it. */
#include <stdio.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "pair.h"

/* A peer of an older version says nothing of features, and one of a later version of some that nobody knows. */
static void features(void **state)
{
	static const char *const rows[][2] = {
		{NULL, NULL},
		{NULL, "admin"},
		{"later", "admin,later"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		struct pair_config config = {.client_features = rows[i][0],
			.server_features = rows[i][1]};
		pair_init(&p, &config, 1);
		pair_up(&p);
		assert_string_equal(p.server.peer_features, rows[i][0] ? rows[i][0] : "");
		assert_string_equal(p.client.peer_features, rows[i][1] ? rows[i][1] : "");
		pair_deinit(&p);
	}
}

/* The hello that version 0.1 sends, by hand, from either end to a peer that says what it can. */
static void an_older_hello(void **state)
{
	static const char text[] = "{\"type\":\"hello\",\"version\":\"0.1.0\",\"instance\":\"%s\","
				   "\"base_window\":65536,\"max_streams\":16}";
	static const char client_id[] = "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1";
	static const char server_id[] = "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e";
	for (int client = 0; client < 2; client++) {
		struct pair p;
		struct pair_config config = {.client_features = "later",
			.server_features = "admin"};
		char json[512];
		int n = snprintf(json, sizeof(json), text, client ? client_id : server_id);
		pair_init(&p, &config, 1);
		struct side *s = client ? &p.client : &p.server, *other = pair_other(s);
		pair_run_until(&p, s, LINK_CONFIRM);
		if (client) {
			buf_deinit(&s->link.mux.frames);
			assert_int_equal(mux_control(&s->link.mux, json, (size_t)n), 0);
		} else {
			s->link.config.features =
				NULL; /* its hello is written when the client's has come */
		}
		pair_run(&p);
		assert_int_equal(other->ups, 1);
		assert_string_equal(other->peer_features, "");
		assert_string_equal(s->peer_features, client ? "admin" : "later");
		pair_deinit(&p);
	}
}

static int start(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features),
		cmocka_unit_test(an_older_hello),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
