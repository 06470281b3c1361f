/* SPDX-License-Identifier: MIT */
/* What --service and --stdio say, and what is refused with which sentence. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/config/local_options.h"

/* Options are owned by what was parsed, and so not const. */
#define TEXT(literal) ((char *)(literal))

#define KEY_1 "x25519/de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
#define KEY_2 "x25519/8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
#define LONG_140                                                              \
	"0123456789012345678901234567890123456789012345678901234567890123456" \
	"7890123456789012345678901234567890123456789012345678901234567890123456789"

/* "name alias place kind[ endpoint]; " of each. */
static void describe(const struct local_services *s, char *to, size_t size)
{
	FILE *f = fmemopen(to, size, "w");
	for (size_t i = 0; i < s->n; i++) {
		const struct local_service *v = &s->v[i];
		char place[LOCAL_PLACE_TEXT_SIZE];
		fprintf(f, "%s %s %s %s%s%s; ", v->name, v->alias,
			local_place_text(&v->place, place), control_kind_name(v->kind),
			v->endpoint ? " " : "", v->endpoint ? v->endpoint : "");
		if (v->end_to_end)
			fprintf(f, "sealed %zu; ", v->n_pins);
	}
	fclose(f);
}

/* `expected` is what comes of them, or behind a '!' a part of the sentence. */
static void check(const struct local_options *o, size_t n, const char *expected)
{
	struct local_services s = LOCAL_SERVICES_NULL;
	struct error err = {""};
	char got[2048] = "";
	int r = 0;
	for (size_t i = 0; i < n && !r; i++)
		r = local_services_add(&s, &o[i], false, &err);
	describe(&s, got, sizeof(got));
	if (*expected == '!') {
		assert_int_equal(r, -EINVAL);
		if (!strstr(err.text, expected + 1))
			fail_msg("\"%s\" has no \"%s\"", err.text, expected + 1);
	} else if (r || strcmp(got, expected) != 0) {
		fail_msg("\"%s\": %s%s", o->service ? o->service : o->stdio, got, err.text);
	}
	local_services_deinit(&s);
}

static void test_places(void **state)
{
	static const struct {
		const char *service, *expected;
	} rows[] = {
		{"redis=6379", "redis redis 127.0.0.1:6379 tcp; "},
		{"redis=0", "redis redis 127.0.0.1:0 tcp; "},
		{"redis=tcp:6379", "redis redis 127.0.0.1:6379 tcp; "},
		{"redis=tcp://127.0.0.2:6379", "redis redis 127.0.0.2:6379 tcp; "},
		{"redis=localhost:6379", "redis redis 127.0.0.1:6379 tcp; "},
		{"redis=0.0.0.0:6379", "redis redis 0.0.0.0:6379 tcp; "},
		{"redis=[::1]:6379", "redis redis [::1]:6379 tcp; "},
		{"redis=[fe80::1%eth0]:6379", "redis redis [fe80::1%eth0]:6379 tcp; "},
		{"redis=unix:/run/r.sock", "redis redis unix:/run/r.sock tcp; "},
		{"redis=unix:///run/r.sock", "redis redis unix:/run/r.sock tcp; "},
		{"redis=unix:r=1.sock", "redis redis unix:r=1.sock tcp; "},
		{"redis=/run/r.sock", "redis redis unix:/run/r.sock tcp; "},
		{"redis=./r.sock", "redis redis unix:./r.sock tcp; "},
		{"dns=udp:53", "dns dns UDP 127.0.0.1:53 udp; "},
		{"dns=udp://127.0.0.2:53", "dns dns UDP 127.0.0.2:53 udp; "},
		{"dns=udp:[::1]:53", "dns dns UDP [::1]:53 udp; "},
		{"MyPLS.k7m2q9x4p3ta.exit.example.org=1",
			"mypls MyPLS.k7m2q9x4p3ta.exit.example.org 127.0.0.1:1 tcp; "},
		{"a.k7m2q9x4p3ta.[2001:db8::1]:9090=1",
			"a a.k7m2q9x4p3ta.[2001:db8::1]:9090 127.0.0.1:1 tcp; "},
		{"redis", "!does not say where to listen: write ALIAS=LISTEN"},
		{"redis=", "!does not say where to listen: 6379"},
		{"=6379", "!the private service is missing"},
		{"re dis=1", "!is no alias of a private service"},
		{"re/dis=1", "!is no alias of a private service"},
		{"-a=1", "!is not a name"},
		{".a=1", "!the name is empty"},
		{"redis=65536", "!no port from 0 to 65535"},
		{"redis=http", "!\"http\" is no port"},
		{"redis=udp:", "!is no port"},
		{"redis=127.0.0.1:", "!is no port"},
		{"redis=:6379", "!the address is missing"},
		{"redis=*:6379", "!the address is missing"},
		{"redis=::1:6379", "!no IPv6 address in brackets"},
		{"redis=[127.0.0.1]:6379", "!is no IPv4 address"},
		{"redis=example.org:6379", "!\"example.org\" is no IPv4 address"},
		{"redis=unix:", "!the path of the socket is missing"},
		{"redis#x25519/AAAA=6379", "!\"x25519/AAAA\" behind the alias' '#' is no key"},
		{"redis#=6379", "!\"\" behind the alias' '#' is no key"},
		{"#" KEY_1 "=6379", "!the private service is missing"},
		{"redis#" KEY_1 "=6379", "redis redis 127.0.0.1:6379 tcp; sealed 1; "},
		{"redis.k7m2q9x4p3ta#" KEY_1 "," KEY_2 "=6379",
			"redis redis.k7m2q9x4p3ta 127.0.0.1:6379 tcp; sealed 2; "},
		{"redis#" KEY_1 ",=6379", "!\"\" behind the alias' '#' is no key"},
		{"redis#" KEY_1 " =6379", "!is no key"},
		{"redis#" KEY_1 "," KEY_1 "," KEY_1 "," KEY_1 "," KEY_1 "," KEY_1 "," KEY_1
		 "," KEY_1 "," KEY_1 "=6379",
			"!more than 8 keys"},
		{"dns#" KEY_1 "=udp:53", "dns dns UDP 127.0.0.1:53 udp; sealed 1; "},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct local_options o = {.service = TEXT(rows[i].service)};
		check(&o, 1, rows[i].expected);
	}
}

static void test_long_path(void **state)
{
	char text[256] = "a=unix:/";
	memset(text + 8, 'p', URL_SOCKET_MAX);
	const struct local_options o = {.service = text};
	check(&o, 1, "!has 108 bytes, and 107 is the most");
}

static void test_requests(void **state)
{
	static const struct {
		struct local_options o;
		const char *expected;
	} rows[] = {
		{{.service = TEXT("a=1"), .endpoint = TEXT("Shop-1"), .message = TEXT("please")},
			"a a 127.0.0.1:1 tcp shop-1; "},
		{{.service = TEXT("a=1"), .message = TEXT(LONG_140)}, "a a 127.0.0.1:1 tcp; "},
		{{.service = TEXT("a=1"), .message = TEXT(LONG_140 "0")},
			"!--message: the message is longer than 140 characters"},
		{{.service = TEXT("a=1"), .message = TEXT("one\ntwo")}, "!several lines"},
		{{.service = TEXT("a=1"), .message = TEXT("\x1b[2J")}, "!control character"},
		{{.service = TEXT("a=1"), .endpoint = TEXT("a.b")}, "!--endpoint: \"a.b\" is not"},
		{{.stdio = TEXT("ssh-box"), .message = TEXT("x")},
			"ssh-box ssh-box standard input and output tcp; "},
		{{.stdio = TEXT("ssh-box#" KEY_1)},
			"ssh-box ssh-box standard input and output tcp; sealed 1; "},
		{{.service = TEXT("a=1"), .end_to_end = true}, "a a 127.0.0.1:1 tcp; sealed 0; "},
		{{.service = TEXT("a=udp:1"), .end_to_end = true},
			"a a UDP 127.0.0.1:1 udp; sealed 0; "},
		{{.stdio = TEXT("ssh-box=22")}, "!listens nowhere: leave \"=22\" out"},
		{{.stdio = TEXT("")}, "!the private service is missing"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i].o, 1, rows[i].expected);
}

static void test_several(void **state)
{
	static const struct {
		const char *services[2];
		const char *expected;
	} rows[] = {
		{{"a=1", "b=2"}, "a a 127.0.0.1:1 tcp; b b 127.0.0.1:2 tcp; "},
		{{"a=1", "a=2"}, "a a 127.0.0.1:1 tcp; a a 127.0.0.1:2 tcp; "},
		{{"a=0", "b=0"}, "a a 127.0.0.1:0 tcp; b b 127.0.0.1:0 tcp; "},
		{{"a=53", "b=udp:53"}, "a a 127.0.0.1:53 tcp; b b UDP 127.0.0.1:53 udp; "},
		{{"a=1", "b=1"}, "!127.0.0.1:1 is where both a and b are to be found"},
		{{"a=[::1]:1", "b=[0::1]:1"}, "!where both a and b"},
		{{"a=/x", "b=unix:/x"}, "!where both a and b"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct local_options o[] = {{.service = TEXT(rows[i].services[0])},
			{.service = TEXT(rows[i].services[1])}};
		check(o, 2, rows[i].expected);
	}
	const struct local_options both[] = {{.stdio = TEXT("a")}, {.service = TEXT("b=1")}};
	const struct local_options twice[] = {{.stdio = TEXT("a")}, {.stdio = TEXT("b")}};
	check(both, 2, "!--stdio is for one private service");
	check(twice, 2, "!--stdio is for one private service");
}

/* With --hosts-file a port alone is each service's own; an address that is given is shared. */
static void test_named(void **state)
{
	static const struct {
		const char *services[2];
		bool meets;
	} rows[] = {
		{{"a=1", "b=1"}, false},
		{{"a=udp:1", "b=udp:1"}, false},
		{{"a=1", "b=127.0.0.1:1"}, false},
		{{"a=127.0.0.1:1", "b=127.0.0.1:1"}, true},
		{{"a=/x", "b=/x"}, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct local_services s = LOCAL_SERVICES_NULL;
		struct error err;
		int r = 0;
		for (size_t k = 0; k < 2; k++)
			r = local_services_add(&s,
				&(struct local_options){.service = TEXT(rows[i].services[k])}, true,
				&err);
		assert_int_equal(r, rows[i].meets ? -EINVAL : 0);
		local_services_deinit(&s);
	}
}

static void test_too_many(void **state)
{
	struct local_services s = LOCAL_SERVICES_NULL;
	struct error err;
	const struct local_options o = {.service = TEXT("a=0")};
	for (size_t i = 0; i < LOCAL_SERVICES_MAX; i++)
		assert_int_equal(local_services_add(&s, &o, false, &err), 0);
	assert_int_equal(local_services_add(&s, &o, false, &err), -EINVAL);
	assert_non_null(strstr(err.text, "more than 1024"));
	local_services_deinit(&s);
}

/* What a reload need not touch: the message alone is told anew. */
static void test_same(void **state)
{
	const struct local_options options[] = {
		{.service = TEXT("a=1"), .endpoint = TEXT("x"), .message = TEXT("m")},
		{.service = TEXT("a=1"), .endpoint = TEXT("x"), .message = TEXT("n")},
		{.service = TEXT("a=1"), .message = TEXT("m")},
		{.service = TEXT("b=1"), .endpoint = TEXT("x"), .message = TEXT("m")},
		{.service = TEXT("a=udp:1"), .endpoint = TEXT("x"), .message = TEXT("m")},
		{.service = TEXT("a=127.0.0.1:1"), .endpoint = TEXT("x"), .message = TEXT("m")},
		{.service = TEXT("a=1"), .endpoint = TEXT("x"), .end_to_end = true},
		{.service = TEXT("a#" KEY_1 "=1"), .endpoint = TEXT("x")},
		{.service = TEXT("a#" KEY_2 "=1"), .endpoint = TEXT("x")},
	};
	struct local_service v[ARRAY_LEN(options)], copy;
	struct error err;
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		assert_int_equal(local_service_init(&v[i], &options[i], &err), 0);
	assert_int_equal(local_service_copy(&copy, &v[0]), 0);
	assert_true(local_service_same(&copy, &v[0]));
	assert_string_equal(copy.message, "m");
	assert_true(local_service_same(&v[0], &v[1]));
	assert_false(local_service_same(&v[ARRAY_LEN(v) - 2], &v[ARRAY_LEN(v) - 1]));
	for (size_t i = 2; i < ARRAY_LEN(v); i++)
		assert_false(local_service_same(&v[0], &v[i]));
	local_service_deinit(&copy);
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		local_service_deinit(&v[i]);
}

static void test_socket_mode(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {{"0600", true}, {"660", true}, {"0777", true}, {"", false}, {"6", false},
		{"0800", false}, {"1777", false}, {"06000", false}, {"rw-", false}};
	struct error err;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(local_check_socket_mode(str_from(rows[i].text), &err) == 0,
			rows[i].good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_socket_mode),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
