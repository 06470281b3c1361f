/* SPDX-License-Identifier: MIT */
/* What people type where an upstream's URL stands. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/macros.h"
#include "client/config/upstreams.h"
#include "upstreams_check.h"

static struct option_ranges no_ports;

/* What people type where a URL stands, as --upstream and behind a short form. */
static void test_texts_typed(void **state)
{
	static struct option_range one[] = {{2222, 2222}};
	static const struct {
		enum upstream_form form;
		const char *value;
		const char *expected;
	} rows[] = {
		{UPSTREAM_FORM_NONE, "3000", "every other host>127.0.0.1:3000; "},
		{UPSTREAM_FORM_NONE, ":3000", "every other host>127.0.0.1:3000; "},
		{UPSTREAM_FORM_NONE, "a=3000", "a>127.0.0.1:3000; "},
		{UPSTREAM_FORM_NONE, "a=:3000,b=4000", "a>127.0.0.1:3000; b>127.0.0.1:4000; "},
		{UPSTREAM_FORM_NONE, "/run/x", "every other host>/run/x; "},
		{UPSTREAM_FORM_NONE, "a=/run/x", "a>/run/x; "},
		{UPSTREAM_FORM_NONE, "2222=/run/x", "tcp port 2222>/run/x; "},
		{UPSTREAM_FORM_HTTP, "3000", "every other host>127.0.0.1:3000; "},
		{UPSTREAM_FORM_HTTP, "localhost:3000", "every other host>localhost:3000; "},
		{UPSTREAM_FORM_HTTP, "a=https://x", "a>x:443; "},
		{UPSTREAM_FORM_HTTP, "/run/x", "every other host>/run/x; "},
		{UPSTREAM_FORM_TCP, "22", "tcp any port>127.0.0.1:22; "},
		{UPSTREAM_FORM_TCP, "db:5432", "tcp any port>db:5432; "},
		{UPSTREAM_FORM_TCP, "2222=22", "tcp port 2222>127.0.0.1:22; "},
		{UPSTREAM_FORM_TCP, "7000-7002=7000-7002",
			"tcp ports 7000-7002>127.0.0.1:7000-7002; "},
		{UPSTREAM_FORM_TCP, "tcp://x:22", "tcp any port>x:22; "},
		{UPSTREAM_FORM_TCP, "/run/x", "tcp any port>/run/x; "},
		{UPSTREAM_FORM_TCP, "unix:/run/x", "tcp any port>/run/x; "},
		{UPSTREAM_FORM_TCP, "a=tls+tcp://x:22", "tcp a+end>x:22; "},
		{UPSTREAM_FORM_UDP, "53", "udp any UDP port>127.0.0.1:53; "},
		{UPSTREAM_FORM_UDP, "5353=x:53", "udp UDP port 5353>x:53; "},
		{UPSTREAM_FORM_TLS, "a=443", "tcp a+pass>127.0.0.1:443; "},
		{UPSTREAM_FORM_TLS, "*.a=x:443", "tcp *.a+pass>x:443; "},
		{UPSTREAM_FORM_TLS, "a=tls+tcp://x:443", "tcp a+end>x:443; "},

		{UPSTREAM_FORM_NONE, "70000", "!\"70000\" is no port of this machine"},
		{UPSTREAM_FORM_NONE, "0", "!is no port of this machine"},
		{UPSTREAM_FORM_NONE, "http//x", "!has no \"://\" behind http: write http://x"},
		{UPSTREAM_FORM_NONE, "http:/x:80/y", "!write http://x:80/y"},
		{UPSTREAM_FORM_NONE, "a=http:x", "!write a=http://x"},
		{UPSTREAM_FORM_NONE, "HTTPS:x", "!write https://x"},
		{UPSTREAM_FORM_NONE, "http:3000", "!write http://127.0.0.1:3000"},
		{UPSTREAM_FORM_NONE, "http;//x", "!write http://x"},
		{UPSTREAM_FORM_NONE, "http:", "!names no host: write http://HOST:PORT"},
		{UPSTREAM_FORM_NONE, "tcp:22", "!write tcp://127.0.0.1:22"},
		{UPSTREAM_FORM_NONE, "tls://x:443", "!write sni+tcp:// to have TLS passed on"},
		{UPSTREAM_FORM_NONE, "ws://x", "!write http://, which carries WebSockets too"},
		{UPSTREAM_FORM_NONE, "ssh://x:22", "!is carried at a public port"},
		{UPSTREAM_FORM_NONE, "~/x", "!begins with ~"},
		{UPSTREAM_FORM_NONE, "*.a.example",
			"!\"*.a.example\" is what visitors ask for, and names no upstream: write "
			"*.a.example=HOST:PORT"},
		{UPSTREAM_FORM_NONE, "http://*.a.example:80/x", "!write *.a.example=HOST:PORT"},
		{UPSTREAM_FORM_HTTP, "*", "!write *=HOST:PORT"},
		{UPSTREAM_FORM_NONE, "http://*.a=3000", "!write *.a=3000"},
		{UPSTREAM_FORM_TLS, "*.a.example", "!write *.a.example=HOST:PORT"},
		{UPSTREAM_FORM_TCP, "*", "!contains a character that no host name has"},
		{UPSTREAM_FORM_NONE, "a=*.b", "!contains a character that no host name has"},
		{UPSTREAM_FORM_NONE, "a=", "!\"a=\" names no upstream behind the '=': write a=URL"},
		{UPSTREAM_FORM_NONE, "2222= ", "!write 2222=URL"},
		{UPSTREAM_FORM_NONE, "/", "!everything that this machine has"},
		{UPSTREAM_FORM_NONE, "/etc", "every other host>/etc; "},
		{UPSTREAM_FORM_HTTP, "a=/etc/", "a>/etc; "},
		{UPSTREAM_FORM_HTTP, "/not yet/100%/ü/", "every other host>/not yet/100%/ü; "},
		{UPSTREAM_FORM_HTTP, "file:///x", "every other host>/x; "},
		{UPSTREAM_FORM_HTTP, "8080=/etc", "!is a folder, which is served as HTTP"},
		{UPSTREAM_FORM_NONE, "/etc/passwd", "!\"/etc/passwd\" is a file: name the folder"},
		{UPSTREAM_FORM_TCP, "/etc/passwd", "!is a file: a path stands for a Unix socket"},
		{UPSTREAM_FORM_TCP, "/etc", "!\"/etc\" is a folder, which tunnel http publishes"},
		{UPSTREAM_FORM_UDP, "/etc", "!is a folder, which tunnel http publishes"},
		{UPSTREAM_FORM_TCP, "22=file:///x", "!is a folder, which tunnel http publishes"},
		{UPSTREAM_FORM_NONE, "8080:localhost:80",
			"!is the form of ssh -R and chisel: write 8080=tcp://localhost:80 for the "
			"public port 8080, or localhost:80 for a web site"},
		{UPSTREAM_FORM_NONE, "R:8080:localhost:80", "!write 8080=tcp://localhost:80 for"},
		{UPSTREAM_FORM_NONE, "R:0.0.0.0:8080:x:80", "!write 8080=tcp://x:80 for"},
		{UPSTREAM_FORM_NONE, "53:x:53/udp", "!write 53=udp://x:53 for"},
		{UPSTREAM_FORM_NONE, "8080:80", "!write 8080=tcp://127.0.0.1:80 for"},
		{UPSTREAM_FORM_NONE, "R:3000", "!write 3000=tcp://127.0.0.1:3000 for"},
		{UPSTREAM_FORM_NONE, "http://a=3000",
			"!before the '=' stands a host without http://: write a=3000"},
		{UPSTREAM_FORM_NONE, "https://a=http://x:1/p", "!write a=http://x:1/p"},
		{UPSTREAM_FORM_NONE, "http://x:1/p=q", "every other host>x:1; "},
		{UPSTREAM_FORM_NONE, "2222=22", "!write 2222=tcp://127.0.0.1:22 for the port 2222"},
		{UPSTREAM_FORM_TCP, "x", "!tcp://x names no port: write HOST:PORT"},
		{UPSTREAM_FORM_NONE, "R:socks", "!\"R:socks\" is chisel's"},
		{UPSTREAM_FORM_TCP, "8080:x:80", "!write 8080=tcp://x:80 for"},
		{UPSTREAM_FORM_HTTP, "tcp://x:1",
			"!is not for tunnel http: write tunnel tcp tcp://x:1"},
		{UPSTREAM_FORM_TCP, "http://x",
			"!is not for tunnel tcp: write tunnel http http://x"},
		{UPSTREAM_FORM_TCP, "a=https://x", "!write tunnel http a=https://x"},
		{UPSTREAM_FORM_UDP, "/run/x", "!is a Unix socket, which tunnel http publishes"},
		{UPSTREAM_FORM_TLS, "unix:/run/x",
			"!is a Unix socket, which tunnel http publishes"},
		{UPSTREAM_FORM_TLS, "443", "!is found by the name that visitors ask for"},
		{UPSTREAM_FORM_TLS, "443=443", "!at a port of its own the same is tunnel tcp"},
		{UPSTREAM_FORM_HTTP, "80=3000", "!say HOST=http://127.0.0.1:3000, or for a port"},
		{UPSTREAM_FORM_TCP, "a=22", "!TCP has no host names"},
		{UPSTREAM_FORM_TCP, "7000-7010",
			"!has 11 ports, and the exit node picks one at a time"},
		{UPSTREAM_FORM_HTTP, "client",
			"!\"http client\" is inlets-pro's: it is tunnel client"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *const values[] = {rows[i].value, NULL};
		upstreams_check(values, (struct service_options){.form = rows[i].form}, no_ports,
			rows[i].expected);
	}
	static const char *const tcp[] = {"22", NULL}, *const host[] = {"10.0.0.5", NULL};
	upstreams_check(host, (struct service_options){.form = UPSTREAM_FORM_TCP},
		(struct option_ranges){one, ARRAY_LEN(one)}, "tcp port 2222>10.0.0.5:2222; ");
	upstreams_check(tcp,
		(struct service_options){.form = UPSTREAM_FORM_TCP, .port = {one, ARRAY_LEN(one)}},
		no_ports, "tcp port 2222>127.0.0.1:22; ");
}

/* A path from here is the same from anywhere. */
static void test_relative_path(void **state)
{
	struct upstreams u = UPSTREAMS_NULL;
	struct error err;
	char dir[4096], expected[sizeof dir + 32];
	struct service_options o = {.upstream = (char *)"./no.sock"};
	assert_non_null(getcwd(dir, sizeof dir));
	int r = upstreams_add(&u, &o, &no_ports, &err);
	snprintf(expected, sizeof expected, "unix:%s/no.sock", dir);
	if (strlen(dir) + 8 <= URL_SOCKET_MAX) {
		assert_int_equal(r, 0);
		assert_string_equal(u.v[0].text, expected);
	} else {
		assert_non_null(strstr(err.text, "a socket's has at most"));
	}
	upstreams_deinit(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts_typed),
		cmocka_unit_test(test_relative_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
