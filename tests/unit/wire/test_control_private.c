/* SPDX-License-Identifier: MIT */
/* CONTROL messages about private services and groups: what never leaves this end, their bounds, and copies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/macros.h"
#include "wire/control.h"

static char json[CONTROL_MAX + 1];

static const char *encode(const struct control *c)
{
	struct error err;
	size_t n;
	int r = control_encode(c, json, CONTROL_MAX, &err, &n);
	if (r != 0)
		fail_msg("%s", err.text);
	json[n] = 0;
	return json;
}

/*
 * What an exit node that does not know `private` would publish to everybody, or under a public name, never
 * leaves this end.
 */
static void private_beside_what_is_public(void **state)
{
	struct error err;
	size_t n = 7;
	for (size_t i = 0; i < 6; i++) {
		struct control c = {.type = CONTROL_PUBLISH};
		c.publish.kind = i == 1 ? CONTROL_HTTP : CONTROL_TCP;
		c.publish.host = i == 2 ? "a.example.org" : "";
		c.publish.upstream = "tcp://127.0.0.1:6379";
		c.publish.private_name = "redis";
		c.publish.port_given = i == 3;
		c.publish.ports = i == 4 ? 2 : 0;
		c.publish.tls = i == 5 ? CONTROL_TLS_PASS : CONTROL_TLS_NONE;
		int r = control_encode(&c, json, CONTROL_MAX, &err, &n);
		assert_int_equal(r, i ? CONTROL_E_MALFORMED : 0);
	}
}

/* Nor does a member of a group that is something else besides. */
static void a_group_beside_another_place(void **state)
{
	struct error err;
	size_t n = 7;
	for (size_t i = 0; i < 8; i++) {
		struct control c = {.type = CONTROL_PUBLISH};
		c.publish.kind = i == 1 ? CONTROL_TCP : CONTROL_HTTP;
		c.publish.host = i == 2 ? "a.example.org" : "";
		c.publish.upstream = "http://127.0.0.1:3000";
		c.publish.group = "web";
		c.publish.private_name = i == 3 ? "redis" : NULL;
		c.publish.port_given = i == 4;
		c.publish.ports = i == 5 ? 2 : 0;
		c.publish.tls = i == 6 ? CONTROL_TLS_PASS : CONTROL_TLS_NONE;
		c.publish.exclusive = i == 7;
		int r = control_encode(&c, json, CONTROL_MAX, &err, &n);
		assert_int_equal(r, i ? CONTROL_E_MALFORMED : 0);
	}
}

static void names_of_origins(void **state)
{
	static const char *const bad[] = {"", "a b", "a/b", "\xc3\xa9", "a\"b", "a,b"};
	char name[CONTROL_NAME + 2] = "";
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(control_is_origin(bad[i]));
	assert_true(control_is_origin("Blue-2.eu_west:1"));
	memset(name, 'x', CONTROL_NAME);
	assert_true(control_is_origin(name));
	name[CONTROL_NAME] = 'x';
	assert_false(control_is_origin(name));
}

/* Nothing of the copy is the original's. */
static void copies(void **state)
{
	static const char *const messages[] = {
		"{\"type\":\"withdraw\",\"service\":1}",
		"{\"type\":\"refused\",\"service\":1,\"reason\":\"taken\",\"sentence\":\"\"}",
		"{\"type\":\"publish\",\"service\":7,\"kind\":\"tcp\",\"host\":\"\",\"upstream\":"
		"\"tcp://a:1\",\"private\":\"api\",\"visibility\":\"*\",\"auto_approve\":\"\"}",
		"{\"type\":\"attached\",\"endpoint\":1,\"link\":7,\"state\":\"approved\","
		"\"usable\":"
		"true,\"id\":\"web.7f\",\"alias\":\"a\",\"sentence\":\"fine\",\"fqdns\":\"a,b\"}",
	};
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct control c, copy, taken;
		struct error err;
		assert_int_equal(control_decode(messages[i], strlen(messages[i]), &err, &c), 0);
		assert_int_equal(control_copy(&c, &copy), 0);
		control_deinit(&c);
		assert_string_equal(encode(&copy), messages[i]);
		control_take(&copy, &taken);
		control_deinit(&copy);
		assert_string_equal(encode(&taken), messages[i]);
		control_deinit(&taken);
		control_deinit(&taken);
	}
}

/* The largest message there is: CONTROL_MAX holds it. */
static void lists_at_their_bounds(void **state)
{
	static char host[CONTROL_HOST + 1], text[CONTROL_TEXT + 1], list[CONTROL_LIST + 2];
	static char name[CONTROL_NAME + 1], rewrite[CONTROL_REWRITE + 1], alpn[CONTROL_ALPN + 1];
	memset(text, 1, CONTROL_TEXT);
	memset(list, ',', CONTROL_LIST);
	memset(name, '"', CONTROL_NAME);
	memset(rewrite, '"', CONTROL_REWRITE);
	memset(alpn, '"', CONTROL_ALPN);
	struct control c = {.type = CONTROL_PUBLISH}, back;
	c.publish.kind = CONTROL_UDP;
	c.publish.service = UINT32_MAX;
	c.publish.host = host;
	c.publish.upstream = c.publish.path = text;
	c.publish.rewrite = rewrite;
	c.publish.alpn = alpn;
	c.publish.private_name = name;
	c.publish.visibility = c.publish.auto_approve = c.publish.fqdns = list;
	c.publish.per_visitor = c.publish.half_closed = c.publish.exclusive = true;
	c.publish.host_only = c.publish.e2e_given = c.publish.aes = true;
	c.publish.origin = name;
	c.publish.priority = CONTROL_PRIORITY;
	c.publish.weight = CONTROL_WEIGHT;
	c.publish.enabled_given = true;
	struct error err;
	encode(&c);
	/* A public one's host and port beside all of that would fit as well. */
	assert_in_range(strlen(json), 1, CONTROL_MAX - 6 * CONTROL_HOST - 50);
	assert_int_equal(control_decode(json, strlen(json), &err, &back), 0);
	assert_string_equal(back.publish.fqdns, list);
	control_deinit(&back);
	list[CONTROL_LIST] = 'x';
	size_t n = 7;
	assert_int_equal(control_encode(&c, json, CONTROL_MAX, &err, &n), CONTROL_E_MALFORMED);
	assert_int_equal(n, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(private_beside_what_is_public),
		cmocka_unit_test(a_group_beside_another_place),
		cmocka_unit_test(names_of_origins),
		cmocka_unit_test(lists_at_their_bounds),
		cmocka_unit_test(copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
