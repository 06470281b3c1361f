/* SPDX-License-Identifier: MIT */
/* What a client says of an upstream that speaks something else than --upstream says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "client/upstream/first_answer.h"

#define BYTES(literal) literal, sizeof(literal) - 1
#define NGINX                                                  \
	"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n<p>" \
	"The plain HTTP request was sent to HTTPS port</p>"
#define GO "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"

static void add(struct upstreams *u, const char *text)
{
	const struct service_options o = {.upstream = (char *)(uintptr_t)text};
	const struct option_ranges none = {0};
	struct error err;
	if (upstreams_add(u, &o, &none, &err) != 0)
		fail_msg("%s: %s", text, err.text);
}

static void test_answers(void **state)
{
	static const struct {
		const char *upstream, *p;
		size_t n;
		const char *says; /* NULL: nothing is wrong */
	} rows[] = {
		{"http://a:3000", BYTES("HTTP/1.1 200 OK\r\n\r\n"), NULL},
		{"http://a:3000", BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"), NULL},
		{"http://a:3000", BYTES("HT"), NULL},
		{"http://a:3000", BYTES("HTTP/1.1 "), NULL},
		{"http://a:3000", /* an answer that only speaks of it */
			BYTES("HTTP/1.1 200 OK\r\n\r\nplain HTTP request was sent to HTTPS port"),
			NULL},
		{"http://a:3000", BYTES(GO), "speaks TLS: write https://a:3000"},
		{"http://a", BYTES(NGINX), "speaks TLS: write https://a:80"},
		{"http://[::1]:8443", BYTES("\x15\x03\x01\0\x02\x02\x46"),
			"write https://[::1]:8443"},
		{"http://a:1", BYTES("\x16\x03\x03\0\x7a"), "speaks TLS: write https://a:1"},
		{"https://a:1", BYTES(GO), "TLS within TLS"},
		{"unix:/run/x", BYTES("\x15\x03\x01\0\x02\x02\x46"), "Unix socket"},
		{"unix:/run/x", BYTES("-ERR unknown command\r\n"), "PORT=unix:/run/x"},
		{"http://a:50051", BYTES("\0\0\x12\x04\0\0\0\0\0"),
			"publish gRPC and the like as h2c://a:50051"},
		{"https://a:50051", BYTES("\0\0\x12\x04\0\0\0\0\0"), "as h2://a:50051"},
		{"h2c://a:50051", BYTES("\0\0\x12\x04\0\0\0\0\0"), NULL},
		{"h2://a:50051", BYTES("\0\0\x12"), NULL},
		{"h2c://a:3000", BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"),
			"speaks HTTP/1.1, and is asked in HTTP/2: write http://a:3000"},
		{"h2://a:3000", BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"), "write https://a:3000"},
		{"h2c://a:1", BYTES("\x15\x03\x01\0\x02\x02\x46"), "speaks TLS: write h2://a:1"},
		{"h2c://a:22", BYTES("SSH-2.0-OpenSSH_9.2\r\n"), "PORT=tcp://a:22"},
		{"h2c://a:1", BYTES(""), "if it speaks TLS, write h2://a:1"},
		{"http://a:50051", BYTES("\0\0\x08\x07\0\0\0\0\0"), "HTTP/2"},
		{"http://a:22", BYTES("SSH-2.0-OpenSSH_9.2\r\n"),
			"an SSH server and does not speak HTTP"},
		{"http://a:22", BYTES("SSH-2.0-OpenSSH_9.2\r\n"), "PORT=tcp://a:22"},
		{"http://a:3306", BYTES("J\0\0\0\n8.0.31\0"), "MySQL"},
		{"http://a:6379", BYTES("-ERR wrong number of arguments\r\n"), "Redis"},
		{"http://a:25", BYTES("220 mail ESMTP\r\n"), "mail"},
		{"http://a:5900", BYTES("RFB 003.008\n"), "VNC"},
		{"http://a:1", BYTES("<!DOCTYPE HTML>\n<p>"), "not HTTP (\"<!DOCTYPE HTML>\")"},
		{"http://a:1", BYTES("\1\2\3"), "not HTTP: is the port right?"},
		{"file:///tmp", BYTES("\1\2\3"), NULL}, /* our own answers */
		/* One character says nothing, and no more is shown than helps. */
		{"http://a:1", BYTES("x\1"), "not HTTP: is the port right?"},
		{"http://a:1", BYTES("xy"), "not HTTP (\"xy\")"},
		{"http://a:1", BYTES("abcdefghijklmnopqrstuvwxyz"),
			"not HTTP (\"abcdefghijklmnopqrstuvwx\")"},
		{"http://a:1", BYTES(""), "closed the connection instead of answering"},
		{"http://a:1", BYTES(""), "https://a:1"},
		{"https://a:1", BYTES(""), "its own log may say why"},

		{"22=tcp://a:22", BYTES("SSH-2.0-OpenSSH_9.2\r\n"), NULL},
		{"22=tcp://a:22", BYTES("\x15\x03\x01\0\x02\x02\x46"), NULL},
		{"x.example=sni+tcp://a:443", BYTES("\x16\x03\x03\0\x7a"), NULL},
		{"x.example=sni+tcp://a:443", BYTES("\x15\x03\x03\0\x02"), NULL},
		{"x.example=sni+tcp://a:443", BYTES(""), NULL},
		{"x.example=sni+tcp://a:443", BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"),
			"write tls+tcp://a:443"},
		{"6380=tls+tcp://a:6379", BYTES("+PONG\r\n"), NULL},
		{"6380=tls+tcp://a:6379", BYTES("\x16\x03\x03\0\x7a"), NULL}, /* TLS in TLS */
		{"6380=tls+tcp://a:6379", BYTES("\x15\x03\x01\0\x02\x02\x46"), "speaks TLS itself"},
		{"6380=tls+tcp://a:443", BYTES(NGINX), "tcp://a:443 for a port"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct upstreams u = UPSTREAMS_NULL;
		add(&u, rows[i].upstream);
		struct error err = {"nothing"};
		bool told = first_answer_tells(&u.v[0]);
		bool wrong = told && first_answer_wrong(&u.v[0], u.v[0].url.port,
					     (const uint8_t *)rows[i].p, rows[i].n, &err);
		if (wrong != (rows[i].says != NULL) || (wrong && !strstr(err.text, rows[i].says)))
			fail_msg("row %zu, %s: %s", i, rows[i].upstream, err.text);
		upstreams_deinit(&u);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
