/* SPDX-License-Identifier: MIT */
/* CONTROL messages: each type there and back, each bound, and what a strict reader refuses or skips. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/macros.h"
#include "wire/control.h"

#define HEX8  "0102030405060708"
#define HEX16 HEX8 HEX8
#define HEX32 HEX16 HEX16

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

static int decode(const char *text, size_t n, struct control *c)
{
	struct error err = {"unset"};
	char *copy = malloc(n ? n : 1); /* no NUL behind it */
	memcpy(copy, text, n);
	int r = control_decode(copy, n, &err, c);
	free(copy);
	if (r != 0)
		assert_string_not_equal(err.text, "unset");
	return r;
}

/* Each of these is both what the encoder writes and what the decoder reads. */
static const char *const messages[] = {
	"{\"type\":\"hello\",\"version\":\"0.1.0\",\"instance\":\"" HEX16
	"\",\"base_window\":65536,\"max_streams\":4294967295}",
	"{\"type\":\"hello\",\"version\":\"\",\"instance\":\"" HEX16 "\",\"resume\":\"" HEX32
	"\",\"session\":\"" HEX8
	"\",\"remote\":\"wss://[::1]:8443\",\"base_window\":0,\"max_streams\":0}",
	"{\"type\":\"publish\",\"service\":1,\"kind\":\"http\",\"host\":\"*.example.com\","
	"\"upstream\":\"http://127.0.0.1:3000\",\"path\":\"/api\"}",
	"{\"type\":\"publish\",\"service\":2,\"kind\":\"tcp\",\"host\":\"\","
	"\"upstream\":\"tcp://db:5432\",\"port\":65535}",
	"{\"type\":\"publish\",\"service\":3,\"kind\":\"udp\",\"host\":\"\",\"upstream\":\"\"}",
	"{\"type\":\"publish\",\"service\":4,\"kind\":\"tcp\",\"host\":\"\",\"upstream\":\"\","
	"\"port\":0,\"tls\":\"terminate\",\"alpn\":\"h2,http/1.1\"}",
	"{\"type\":\"publish\",\"service\":5,\"kind\":\"tcp\",\"host\":\"a\",\"upstream\":\"\","
	"\"tls\":\"pass\",\"per_visitor\":true,\"exclusive\":true}",
	"{\"type\":\"publish\",\"service\":6,\"kind\":\"http\",\"host\":\"a\",\"upstream\":\"\","
	"\"path\":\"/\",\"rewrite\":\"[::1]:8080\",\"per_visitor\":true,"
	"\"half_closed\":true}",
	"{\"type\":\"granted\",\"service\":1,\"address\":\"1.2.3.4:2222\",\"port\":2222}",
	"{\"type\":\"granted\",\"service\":1,\"address\":\"http://example.com/\"}",
	"{\"type\":\"refused\",\"service\":1,\"reason\":\"taken\",\"sentence\":\"h\xc3\xa9ld\"}",
	"{\"type\":\"refused\",\"service\":1,\"reason\":\"other\",\"sentence\":\"a\\\"b\\\\c\\n\"}",
	"{\"type\":\"session\",\"session\":\"" HEX8 "\",\"resume\":\"" HEX32 "\"}",
	"{\"type\":\"join\",\"session\":\"" HEX8 "\",\"mac\":\"" HEX32 "\"}",
	"{\"type\":\"withdraw\",\"service\":4294967295}",
	"{\"type\":\"notice\",\"sentence\":\"the disk is full\"}",
	"{\"type\":\"publish\",\"service\":2,\"kind\":\"tcp\",\"host\":\"\","
	"\"upstream\":\"tcp://db:7000-9999\",\"port\":7000,\"ports\":3000}",
	"{\"type\":\"publish\",\"service\":2,\"kind\":\"http\",\"host\":\"\",\"upstream\":\"\","
	"\"rewrite\":\"a\",\"scheme\":\"https\",\"host_only\":true}",
	"{\"type\":\"publish\",\"service\":2,\"kind\":\"http\",\"host\":\"\",\"upstream\":\"\","
	"\"scheme\":\"http\",\"protocol\":\"h2\"}",
	"{\"type\":\"granted\",\"service\":1,\"address\":\"1.2.3.4:1-9\",\"port\":1,\"ports\":9}",
	"{\"type\":\"granted\",\"service\":5,\"address\":\"a\",\"exclusive\":true}",
	"{\"type\":\"notice\",\"sentence\":\"a\",\"warning\":true}",
	"{\"type\":\"publish\",\"service\":7,\"kind\":\"tcp\",\"host\":\"\",\"upstream\":\"\","
	"\"per_visitor\":true,\"private\":\"super-api\",\"visibility\":\"*\","
	"\"auto_approve\":\"\",\"fqdns\":\"a.example.org,b\",\"e2e_key\":\"" HEX32
	"\",\"aes\":true}",
	"{\"type\":\"publish\",\"service\":7,\"kind\":\"udp\",\"host\":\"\",\"upstream\":\"\","
	"\"private\":\"dns\"}",
	"{\"type\":\"publish\",\"service\":7,\"kind\":\"http\",\"host\":\"\",\"upstream\":\"\","
	"\"group\":\"web\",\"origin\":\"blue\",\"priority\":5,\"weight\":1000,\"enabled\":false}",
	"{\"type\":\"publish\",\"service\":7,\"kind\":\"http\",\"host\":\"a\",\"upstream\":\"\","
	"\"weight\":1,\"enabled\":true}",
	"{\"type\":\"attach\",\"endpoint\":1,\"service\":\"redis\",\"kind\":\"tcp\"}",
	"{\"type\":\"attach\",\"endpoint\":1,\"service\":\"redis.k7m2q9x4p3ta.exit\","
	"\"kind\":\"udp\",\"name\":\"web-2\",\"message\":\"h\xc3\xa9llo\",\"e2e_key\":\"" HEX32
	"\"}",
	"{\"type\":\"detach\",\"endpoint\":4294967295}",
	"{\"type\":\"attached\",\"endpoint\":1,\"link\":7,\"state\":\"pending\","
	"\"id\":\"web.7f3a9c2e41d05b68\",\"alias\":\"redis.k7m2q9x4p3ta.exit\"}",
	"{\"type\":\"attached\",\"endpoint\":1,\"link\":7,\"state\":\"approved\",\"usable\":true,"
	"\"id\":\"web.7f3a9c2e41d05b68\",\"alias\":\"a\",\"sentence\":\"fine\",\"fqdns\":\"a,b\","
	"\"e2e_key\":\"" HEX32 "\",\"aes\":true}",
	"{\"type\":\"declined\",\"endpoint\":1,\"reason\":\"unknown\",\"sentence\":\"no\"}",
	"{\"type\":\"pending\",\"id\":\"web.7f3a9c2e41d05b68\",\"service\":\"redis\","
	"\"consumer\":\"web\",\"message\":\"please\",\"e2e_key\":\"" HEX32 "\"}",
	"{\"type\":\"health\",\"service\":3,\"state\":\"up\",\"latency_us\":1800}",
	"{\"type\":\"health\",\"service\":3,\"state\":\"down\"}",
	"{\"type\":\"publish\",\"service\":9,\"kind\":\"http\",\"host\":\"a\",\"upstream\":\"\","
	"\"rules\":\"- {when: {path: \\\"/a\\\"}, deny: 403}\\n\"}",
	"{\"type\":\"hello\",\"version\":\"1\",\"instance\":\"" HEX16 "\",\"remote\":\"ws://"
	"a\",\"features\":\"later,admin\",\"base_window\":1,\"max_streams\":1}",
};

static void there_and_back(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct control c;
		size_t n = strlen(messages[i]);
		if (decode(messages[i], n, &c) != 0)
			fail_msg("row %zu is refused", i);
		assert_string_equal(encode(&c), messages[i]);
		control_deinit(&c);
		control_deinit(&c);
		/* No prefix is a message. */
		for (size_t k = 0; k < n; k++)
			assert_int_equal(decode(messages[i], k, &c), CONTROL_E_MALFORMED);
	}
}

static void values(void **state)
{
	struct control c;
	assert_int_equal(decode(messages[1], strlen(messages[1]), &c), 0);
	assert_int_equal(c.type, CONTROL_HELLO);
	assert_true(c.hello.resume_given && c.hello.session_given);
	assert_memory_equal(c.hello.instance, "\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\10", 16);
	assert_int_equal(c.hello.resume[31], 8);
	assert_string_equal(c.hello.remote, "wss://[::1]:8443");
	assert_null(c.hello.features);
	control_deinit(&c);

	const char *last = messages[ARRAY_LEN(messages) - 1];
	assert_int_equal(decode(last, strlen(last), &c), 0);
	assert_string_equal(c.hello.features, "later,admin");
	control_deinit(&c);

	assert_int_equal(decode(messages[2], strlen(messages[2]), &c), 0);
	assert_int_equal(c.type, CONTROL_PUBLISH);
	assert_int_equal(c.publish.kind, CONTROL_HTTP);
	assert_string_equal(c.publish.path, "/api");
	assert_int_equal(c.publish.port, 0);
	assert_false(c.publish.port_given);
	assert_false(c.publish.per_visitor);
	assert_false(c.publish.half_closed);
	assert_null(c.publish.rewrite);
	assert_null(c.publish.alpn);
	assert_int_equal(c.publish.tls, CONTROL_TLS_NONE);
	assert_int_equal(c.publish.scheme, CONTROL_SCHEME_UNKNOWN);
	assert_int_equal(c.publish.protocol, CONTROL_PROTOCOL_HTTP1);
	assert_false(c.publish.host_only);
	control_deinit(&c);

	assert_int_equal(decode(messages[3], strlen(messages[3]), &c), 0);
	assert_null(c.publish.path);
	assert_int_equal(c.publish.port, 65535);
	assert_true(c.publish.port_given);
	control_deinit(&c);

	/* Any port is not the same as none. */
	assert_int_equal(decode(messages[5], strlen(messages[5]), &c), 0);
	assert_true(c.publish.port_given);
	assert_int_equal(c.publish.port, 0);
	assert_int_equal(c.publish.tls, CONTROL_TLS_TERMINATE);
	assert_string_equal(c.publish.alpn, "h2,http/1.1");
	control_deinit(&c);

	assert_int_equal(decode(messages[6], strlen(messages[6]), &c), 0);
	assert_int_equal(c.publish.tls, CONTROL_TLS_PASS);
	assert_true(c.publish.per_visitor);
	assert_false(c.publish.port_given);
	control_deinit(&c);

	assert_int_equal(decode(messages[7], strlen(messages[7]), &c), 0);
	assert_string_equal(c.publish.rewrite, "[::1]:8080");
	assert_true(c.publish.half_closed);
	control_deinit(&c);

	assert_int_equal(decode(messages[10], strlen(messages[10]), &c), 0);
	assert_int_equal(c.refused.reason, CONTROL_REASON_TAKEN);
	assert_string_equal(control_reason_name(c.refused.reason), "taken");
	control_deinit(&c);
	assert_string_equal(control_endpoint_state_name(CONTROL_ENDPOINT_APPROVED), "approved");
	assert_string_equal(control_type_name(CONTROL_SESSION_GRANT), "session");
	assert_string_equal(control_kind_name(CONTROL_UDP), "udp");
	assert_string_equal(control_tls_name(CONTROL_TLS_PASS), "pass");
}

static void read_or_refused(void **state)
{
	static const struct {
		int result;
		const char *text;
		size_t n;
	} rows[] = {
#define ROW(result, text) {result, text, sizeof(text) - 1}
		/* Growth. */
		ROW(0, "{\"type\":\"withdraw\",\"service\":1,\"later\":{\"a\":[1,2.5,null]}}"),
		ROW(0, " {\"service\":1,\n\"type\":\"withdraw\"} "),
		ROW(CONTROL_UNKNOWN, "{\"type\":\"later\",\"service\":\"x\"}"),
		ROW(CONTROL_UNKNOWN, "{\"type\":\"\"}"),
		ROW(CONTROL_UNKNOWN, "{\"type\":\"withdrawn\",\"service\":1}"),
		/* What is skipped is not parsed; the type is the outermost object's, wherever. */
		ROW(CONTROL_UNKNOWN, "{\"type\":\"later\",,,"),
		ROW(CONTROL_UNKNOWN, "{\"a\":[{\"type\":\"notice\"}], \"type\" : \"later\"}"),
		ROW(CONTROL_UNKNOWN, "{\"a\":\"}\\\"\",\"type\":\"later\"}"),
		ROW(0, "{\"a\":{\"type\":\"later\"},\"type\":\"withdraw\",\"service\":1}"),
		ROW(0, "{\"a\":[\"type\",\"later\"],\"type\":\"withdraw\",\"service\":1}"),
		ROW(0, "{\"a\":\"\\\",\\\"type\\\":\\\"later\",\"type\":\"withdraw\",\"service\":"
		       "1}"),
		ROW(0, "{\"a\":\"type\",\"b\":\"later\",\"type\":\"withdraw\",\"service\":1}"),
		ROW(0, "{\"\\u0074ype\":\"withdraw\",\"service\":1}"),
		ROW(0, "{\"type\":\"with\\u0064raw\",\"service\":1}"),
		ROW(CONTROL_UNKNOWN, "{\"type\":\"\\u006cater\"}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"later"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"later\\"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":[\"later\"]}"),
		ROW(0, "{\"type\":\"publish\",\"service\":1,\"kind\":\"quic\",\"host\":\"\","
		       "\"upstream\":\"\"}"),
		/* What this version knows no word for is never taken for no TLS at all. */
		ROW(0, "{\"type\":\"publish\",\"service\":1,\"kind\":\"quic\",\"host\":\"\","
		       "\"upstream\":\"\",\"tls\":\"later\",\"per_visitor\":false}"),
		/* Not JSON, or not an object with a type. */
		ROW(CONTROL_E_MALFORMED, ""),
		ROW(CONTROL_E_MALFORMED, "{}"),
		ROW(CONTROL_E_MALFORMED, "[]"),
		ROW(CONTROL_E_MALFORMED, "[\"type\",\"notice\"]"),
		ROW(CONTROL_E_MALFORMED, "\"withdraw\""),
		ROW(CONTROL_E_MALFORMED, "{\"type\":7}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":null}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"withdraw\",\"service\":1}x"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"withdraw\",\"service\":1}\0"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"withdraw\",\"service\":1,\"service\":2}"),
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"withdraw\",\"type\":\"notice\",\"service\":1}"),
		/* Types and bounds of members. */
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"withdraw\"}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"withdraw\",\"service\":\"1\"}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"withdraw\",\"service\":1.0}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"withdraw\",\"service\":true}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"withdraw\",\"service\":null}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"withdraw\",\"service\":-1}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"withdraw\",\"service\":4294967296}"),
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"withdraw\",\"service\":99999999999999999999}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"notice\",\"sentence\":7}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"notice\",\"sentence\":\"a\\u0000b\"}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"notice\",\"sentence\":\"a\0b\"}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"notice\",\"sentence\":\"\xff\"}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"notice\",\"sentence\":\"\\ud800\"}"),
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"publish\",\"service\":1,\"kind\":3,\"host\":\"\","
			"\"upstream\":\"\"}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"publish\",\"service\":1,\"kind\":\"tcp\","
					 "\"host\":\"\",\"upstream\":\"\",\"port\":65536}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"publish\",\"service\":1,\"kind\":\"tcp\","
					 "\"host\":\"\",\"upstream\":\"\",\"path\":null}"),
#define PUBLISH(member)                                                                  \
	ROW(CONTROL_E_MALFORMED, "{\"type\":\"publish\",\"service\":1,\"kind\":\"tcp\"," \
				 "\"host\":\"\",\"upstream\":\"\"," member "}")
		PUBLISH("\"port\":null"),
		PUBLISH("\"tls\":true"),
		PUBLISH("\"alpn\":[\"h2\"]"),
		PUBLISH("\"alpn\":\"\""),
		PUBLISH("\"alpn\":\"h2, x\""),
		PUBLISH("\"per_visitor\":1"),
		PUBLISH("\"per_visitor\":null"),
		PUBLISH("\"per_visitor\":\"true\""),
		PUBLISH("\"half_closed\":\"keep\""),
		PUBLISH("\"scheme\":1"),
		PUBLISH("\"host_only\":1"),
		PUBLISH("\"rewrite\":\"\""),
		PUBLISH("\"rewrite\":\"a b\""),
		PUBLISH("\"rewrite\":\"a\\r\\nX: y\""),
		PUBLISH("\"rewrite\":\"\xc3\xbc\""),
		PUBLISH("\"rewrite\":\"a\\u007f\""),
		PUBLISH("\"rewrite\":null"),
		PUBLISH("\"private\":\"\""),
		PUBLISH("\"private\":\"a b\""),
		PUBLISH("\"private\":7"),
		PUBLISH("\"visibility\":\"a b\""),
		PUBLISH("\"visibility\":\"a\\\"b\""),
		PUBLISH("\"auto_approve\":\"a\\\\b\""),
		PUBLISH("\"fqdns\":[\"a\"]"),
		PUBLISH("\"e2e_key\":\"" HEX16 "\""),
		PUBLISH("\"private\":\"a\",\"port\":0"),
		PUBLISH("\"private\":\"a\",\"ports\":2"),
		PUBLISH("\"private\":\"a\",\"tls\":\"terminate\""),
#undef PUBLISH
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"publish\",\"service\":1,\"kind\":\"http\",\"host\":\"\","
			"\"upstream\":\"\",\"private\":\"a\"}"),
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"publish\",\"service\":1,\"kind\":\"tcp\",\"host\":\"a\","
			"\"upstream\":\"\",\"private\":\"a\"}"),
		ROW(0, "{\"type\":\"publish\",\"service\":1,\"kind\":\"quic\",\"host\":\"\","
		       "\"upstream\":\"\",\"private\":\"a\"}"),
		ROW(0, "{\"type\":\"attached\",\"endpoint\":1,\"link\":7,\"state\":\"later\","
		       "\"id\":"
		       "\"a\",\"alias\":\"\"}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"attach\",\"endpoint\":1,\"kind\":\"tcp\"}"),
		ROW(CONTROL_E_MALFORMED, "{\"type\":\"declined\",\"endpoint\":1,\"reason\":\"a\"}"),
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"granted\",\"service\":1,\"address\":\"\",\"port\":65536}"),
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"join\",\"session\":\"" HEX8 "00\",\"mac\":\"" HEX32 "\"}"),
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"join\",\"session\":\"010203040506070\",\"mac\":\"" HEX32
			"\"}"),
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"join\",\"session\":\"010203040506070A\",\"mac\":\"" HEX32
			"\"}"),
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"join\",\"session\":\"010203040506070 \",\"mac\":\"" HEX32
			"\"}"),
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"hello\",\"version\":\"1\",\"instance\":\"" HEX16
			"\",\"base_window\":2147483648,\"max_streams\":1}"),
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"hello\",\"version\":\"1\",\"instance\":\"" HEX16
			"\",\"resume\":7,\"base_window\":1,\"max_streams\":1}"),
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"hello\",\"version\":\"1\",\"instance\":\"" HEX16
			"\",\"remote\":\"ws://a b\",\"base_window\":1,\"max_streams\":1}"),
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"hello\",\"version\":\"1\",\"instance\":\"" HEX16
			"\",\"features\":\"admin, e2e\",\"base_window\":1,\"max_streams\":1}"),
		ROW(CONTROL_E_MALFORMED,
			"{\"type\":\"hello\",\"version\":\"1\",\"instance\":\"" HEX16
			"\",\"features\":[\"admin\"],\"base_window\":1,\"max_streams\":1}"),
#undef ROW
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct control c = {0};
		int r = decode(rows[i].text, rows[i].n, &c);
		if (r != rows[i].result)
			fail_msg("row %zu: %d", i, r);
		if (r == 0 && c.type == CONTROL_PUBLISH) {
			assert_int_equal(c.publish.kind, CONTROL_KIND_UNKNOWN);
			assert_int_equal(c.publish.tls, strstr(rows[i].text, "later")
								? CONTROL_TLS_UNKNOWN
								: CONTROL_TLS_NONE);
		}
		control_deinit(&c);
	}
}

/* The same bound holds for what is sent and what is read, and anything within it fits a frame. */
static void texts_at_their_bounds(void **state)
{
	static char host[CONTROL_HOST + 2], text[CONTROL_TEXT + 2];
	memset(host, 1, CONTROL_HOST); /* a control character: six bytes as \u0001 */
	memset(text, 1, CONTROL_TEXT);
	struct control c = {.type = CONTROL_PUBLISH}, back;
	c.publish.kind = CONTROL_HTTP;
	c.publish.host = host;
	c.publish.upstream = c.publish.path = text;
	static char rewrite[CONTROL_REWRITE + 2];
	memset(rewrite, '"', CONTROL_REWRITE);
	c.publish.rewrite = rewrite;
	encode(&c);
	assert_int_equal(decode(json, strlen(json), &back), 0);
	assert_string_equal(back.publish.host, host);
	assert_string_equal(back.publish.path, text);
	assert_string_equal(back.publish.rewrite, rewrite);
	control_deinit(&back);

	struct error err;
	size_t n = 7;
	assert_int_equal(control_encode(&c, json, 100, &err, &n), -ENOBUFS);
	host[CONTROL_HOST] = 'x';
	assert_int_equal(control_encode(&c, json, CONTROL_MAX, &err, &n), CONTROL_E_MALFORMED);
	host[CONTROL_HOST] = 0;
	c.publish.upstream = NULL;
	assert_int_equal(control_encode(&c, json, CONTROL_MAX, &err, &n), CONTROL_E_MALFORMED);
	c.publish.upstream = "\xff";
	assert_int_equal(control_encode(&c, json, CONTROL_MAX, &err, &n), CONTROL_E_MALFORMED);
	c.publish.upstream = "";
	static const char *const unclean[] = {"", "a b", "a\r", "\xc3\xbc", rewrite};
	rewrite[CONTROL_REWRITE] = '"';
	for (size_t i = 0; i < ARRAY_LEN(unclean); i++) {
		c.publish.rewrite = unclean[i];
		assert_int_equal(control_encode(&c, json, CONTROL_MAX, &err, &n),
			CONTROL_E_MALFORMED);
	}
	assert_int_equal(n, 7);

	memset(text, 'x', CONTROL_TEXT + 1);
	static char message[2 * CONTROL_TEXT];
	int size = snprintf(message, sizeof message, "{\"type\":\"notice\",\"sentence\":\"%s\"}",
		text);
	assert_int_equal(decode(message, (size_t)size, &back), CONTROL_E_MALFORMED);
	text[CONTROL_TEXT] = 0;
	size = snprintf(message, sizeof message, "{\"type\":\"notice\",\"sentence\":\"%s\"}", text);
	assert_int_equal(decode(message, (size_t)size, &back), 0);
	control_deinit(&back);
}

static void too_long_is_not_parsed(void **state)
{
	static char text[CONTROL_MAX + 1];
	memset(text, ' ', sizeof text);
	memcpy(text, "{\"type\":\"withdraw\",\"service\":1}", 31);
	struct control c;
	assert_int_equal(decode(text, CONTROL_MAX, &c), 0);
	control_deinit(&c);
	assert_int_equal(decode(text, CONTROL_MAX + 1, &c), CONTROL_E_MALFORMED);
	/* Unless it is to be skipped. */
	memcpy(text, "{\"type\":\"later\"", 15);
	assert_int_equal(decode(text, CONTROL_MAX + 1, &c), CONTROL_UNKNOWN);
	/* Nothing but opening brackets: the parser's depth is bounded. */
	memset(text, '[', sizeof text);
	assert_int_equal(decode(text, CONTROL_MAX, &c), CONTROL_E_MALFORMED);
}

static void features(void **state)
{
	static const struct {
		const char *features;
		bool admin;
	} rows[] = {
		{NULL, false},
		{"", false},
		{"admin", true},
		{"private,admin", true},
		{"admin,private", true},
		{"a,admin,b", true},
		{"admins", false},
		{"badmin", false},
		{"admi", false},
		{"Admin", false},
		{",,admin", true},
		{"a,", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(control_has_feature(rows[i].features, CONTROL_FEATURE_ADMIN),
			rows[i].admin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(values),
		cmocka_unit_test(features),
		cmocka_unit_test(read_or_refused),
		cmocka_unit_test(texts_at_their_bounds),
		cmocka_unit_test(too_long_is_not_parsed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
