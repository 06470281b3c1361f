/* SPDX-License-Identifier: MIT */
/* What people type for upstreams, exit nodes and proxies, and the sentences they get back. */
#include "wire/url.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/macros.h"

struct row {
	const char *in;
	const char *why; /* a part of the sentence; NULL: accepted */
	enum url_scheme scheme;
	const char *host;
	int port;
	const char *path, *query;
};

static void check(const struct row *rows, size_t n,
	int (*parse)(struct str text, struct url *out, struct error *err))
{
	for (size_t i = 0; i < n; i++) {
		const struct row *row = &rows[i];
		struct url u;
		struct error err = {"no sentence"};
		int r = parse(str_from(row->in), &u, &err);
		if (row->why) {
			if (r != -EINVAL || !strstr(err.text, row->why))
				fail_msg("%s: %d, %s", row->in, r, err.text);
			continue;
		}
		if (r)
			fail_msg("%s: %s", row->in, err.text);
		assert_int_equal(u.scheme, row->scheme);
		assert_string_equal(u.host, row->host);
		assert_int_equal(u.port, row->port);
		assert_int_equal(u.port_last, row->port);
		assert_int_equal(u.socket.n, 0);
		assert_int_equal(u.h2, strncasecmp(row->in, "h2", 2) == 0);
		assert_true(str_eq(u.path, str_from(row->path ? row->path : "")));
		assert_true(str_eq(u.query, str_from(row->query ? row->query : "")));
		assert_int_equal(u.literal_v6, strchr(u.host, ':') != NULL);
	}
}

static void test_file(void **state)
{
	static const struct {
		const char *text, *folder, *refusal;
	} folders[] = {
		{"file:///srv/www", "/srv/www", NULL},
		{"FILE:///srv/www///", "/srv/www", NULL},
		{"file:/srv/www", "/srv/www", NULL},
		{"file://localhost/srv/www", "/srv/www", NULL},
		{"file:///srv/My Site/\xc3\xbc", "/srv/My Site/\xc3\xbc", NULL},
		{"file:///srv/My%20Site%2C%25%3f", "/srv/My Site,%?", NULL},
		{"file:///srv/a:b@c=d", "/srv/a:b@c=d", NULL},
		{"file://./dist", NULL, "file://$PWD/dist"},
		{"file://dist", NULL, "file://$PWD/dist"},
		{"file:dist", NULL, "file://$PWD/dist"},
		{"file://.", NULL, "file://$PWD/"},
		{"file://", NULL, "file:///srv/www"},
		{"file:", NULL, "file:///srv/www"},
		{"file://localhost", NULL, "file:///srv/www"},
		{"file://~/site", NULL, "file://$HOME/site"},
		{"file://host/srv", NULL, "whole path"},
		{"file:///", NULL, "everything"},
		{"file:////", NULL, "everything"},
		{"file:///srv?x", NULL, "%3F"},
		{"file:///srv#x", NULL, "%23"},
		{"file:///srv/100%", NULL, "%25"},
		{"file:///srv/%2", NULL, "%25"},
		{"file:///srv/%zz", NULL, "%25"},
		{"file:///srv/%00", NULL, "%25"},
		{"file:///srv\n/x", NULL, "control"},
	};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		struct url u;
		struct error err = {""};
		int r = url_parse_upstream(str_from(folders[i].text), &u, &err);
		if (folders[i].refusal) {
			if (r != -EINVAL || !strstr(err.text, folders[i].refusal))
				fail_msg("%s: %d, %s", folders[i].text, r, err.text);
			continue;
		}
		if (r)
			fail_msg("%s: %s", folders[i].text, err.text);
		char *folder = url_folder(&u);
		assert_int_equal(u.scheme, URL_FILE);
		assert_string_equal(folder, folders[i].folder);
		free(folder);
	}
}

static void test_upstream(void **state)
{
	static const struct row rows[] = {
		{"http://127.0.0.1:3000", NULL, URL_HTTP, "127.0.0.1", 3000, NULL, NULL},
		{"127.0.0.1:3000", NULL, URL_HTTP, "127.0.0.1", 3000, NULL, NULL},
		{"LocalHost:3000/", NULL, URL_HTTP, "localhost", 3000, NULL, NULL},
		{"http://my_service.ns.svc.cluster.local.", NULL, URL_HTTP,
			"my_service.ns.svc.cluster.local.", 80, NULL, NULL},
		{"HTTP://[::1]:80/api/v1//", NULL, URL_HTTP, "::1", 80, "/api/v1", NULL},
		{"http://a?x=http://b/", NULL, URL_HTTP, "a", 80, NULL, "x=http://b/"},
		{"a:1/p?x=http://b/", NULL, URL_HTTP, "a", 1, "/p", "x=http://b/"},
		{"https://a/x/?y", NULL, URL_HTTPS, "a", 443, "/x", "y"},
		{"HTTPS://[::1]:8443", NULL, URL_HTTPS, "::1", 8443, NULL, NULL},
		{"h2c://a", NULL, URL_HTTP, "a", 80, NULL, NULL},
		{"H2C://a:50051/p", NULL, URL_HTTP, "a", 50051, "/p", NULL},
		{"h2://a", NULL, URL_HTTPS, "a", 443, NULL, NULL},
		{"h2:a", "write h2://HOST:PORT", 0, NULL, 0, NULL, NULL},
		{"tcp://127.0.0.1:22", NULL, URL_TCP, "127.0.0.1", 22, NULL, NULL},
		{"tcp://Db.example.com/", NULL, URL_TCP, "db.example.com", 0, NULL, NULL},
		{"tls+tcp://a:5432", NULL, URL_TLS_TCP, "a", 5432, NULL, NULL},
		{"sni+tcp://a:443", NULL, URL_SNI_TCP, "a", 443, NULL, NULL},
		{"udp://[::1]", NULL, URL_UDP, "::1", 0, NULL, NULL},
		{"ftp://a",
			"scheme ftp: there are http, https, h2c, h2, tcp, tls+tcp, sni+tcp, udp, "
			"unix and file",
			0, NULL, 0, NULL, NULL},
		{"ws://a", "scheme ws", 0, NULL, 0, NULL, NULL},
		{"wss://a", "scheme wss", 0, NULL, 0, NULL, NULL},
		{"tls://a:1", "scheme tls", 0, NULL, 0, NULL, NULL},
		{"tcp://a:22/x", "tcp:// knows no paths", 0, NULL, 0, NULL, NULL},
		{"udp://a:53?", "udp:// knows no paths", 0, NULL, 0, NULL, NULL},
		{"tcp://a:22#x", "fragment", 0, NULL, 0, NULL, NULL},
		{"tcp://u@a:22", "user name", 0, NULL, 0, NULL, NULL},
		{"tcp://:22", "no host", 0, NULL, 0, NULL, NULL},
		{"tcp://a:0", "like 7000-7010", 0, NULL, 0, NULL, NULL},
		{"tcp://a:", "port \"\"", 0, NULL, 0, NULL, NULL},
		{"tcp://a:2-1", "port \"2-1\"", 0, NULL, 0, NULL, NULL},
		{"tcp://a:0-1", "port", 0, NULL, 0, NULL, NULL},
		{"tcp://a:1-65536", "port", 0, NULL, 0, NULL, NULL},
		{"tcp://a:1-", "port", 0, NULL, 0, NULL, NULL},
		{"tcp://a:-1", "port", 0, NULL, 0, NULL, NULL},
		{"tcp://a:1-2-3", "port", 0, NULL, 0, NULL, NULL},
		{"http://a:80-81", "port \"80-81\"", 0, NULL, 0, NULL, NULL},
		{"https://a:80-81", "port", 0, NULL, 0, NULL, NULL},
		{"http://u:p@a", "user name", 0, NULL, 0, NULL, NULL},
		{"http://a/#x", "fragment", 0, NULL, 0, NULL, NULL},
		{"http://a#", "fragment", 0, NULL, 0, NULL, NULL},
		{"http://", "no host", 0, NULL, 0, NULL, NULL},
		{"", "no host", 0, NULL, 0, NULL, NULL},
		{":3000", "no host", 0, NULL, 0, NULL, NULL},
		{"http:///x", "no host", 0, NULL, 0, NULL, NULL},
		{"http://a:0", "port \"0\"", 0, NULL, 0, NULL, NULL},
		{"http://a:", "port \"\"", 0, NULL, 0, NULL, NULL},
		{"a:http", "port \"http\"", 0, NULL, 0, NULL, NULL},
		{"http://a/x/../y", "segment of dots", 0, NULL, 0, NULL, NULL},
		{"a/x/%2e%2E/", "segment of dots", 0, NULL, 0, NULL, NULL},
		{"http://a/.x/..y/...?../z", NULL, URL_HTTP, "a", 80, "/.x/..y/...", "../z"},
		/* Resolvers take these for addresses, 3000 for 0.0.11.184. */
		{"3000", "a port stands behind the host, HOST:3000", 0, NULL, 0, NULL, NULL},
		{"http://3000/x", "the number 3000 where its host stands", 0, NULL, 0, NULL, NULL},
		{"http://70000", "neither a host name nor all four", 0, NULL, 0, NULL, NULL},
		{"http://127.1:3000", "\"127.1\" is neither a host name nor all four", 0, NULL, 0,
			NULL, NULL},
		{"http://0x7f.1", "neither a host name", 0, NULL, 0, NULL, NULL},
		{"http://127.0.0.01", "neither a host name", 0, NULL, 0, NULL, NULL},
		{"http://1.2.3.4.", NULL, URL_HTTP, "1.2.3.4.", 80, NULL, NULL},
		{"http://4.example", NULL, URL_HTTP, "4.example", 80, NULL, NULL},
		{"http://a.0xg", NULL, URL_HTTP, "a.0xg", 80, NULL, NULL},
		{"http://a b/", "space", 0, NULL, 0, NULL, NULL},
		{"http://a/\r\nX: y", "control", 0, NULL, 0, NULL, NULL},
		{"http://a/\xc3\xbc", "percent-encode", 0, NULL, 0, NULL, NULL},
		{"http://b\xc3\xbc"
		 "cher/",
			"xn--", 0, NULL, 0, NULL, NULL},
		{"http://::1/", "[::1]", 0, NULL, 0, NULL, NULL},
		{"http://[::1/", "brackets", 0, NULL, 0, NULL, NULL},
		{"http://[::1]3000", "brackets", 0, NULL, 0, NULL, NULL},
		{"http://[fe80::1]:80", "[fe80::1%25eth0]", 0, NULL, 0, NULL, NULL},
		{"http://[2001:db8::1%25eth0]:80", "brackets", 0, NULL, 0, NULL, NULL},
		{"http://*.a", "character", 0, NULL, 0, NULL, NULL},
	};
	check(rows, ARRAY_LEN(rows), url_parse_upstream);
}

static void test_upstream_range(void **state)
{
	static const struct {
		const char *in;
		int first, last;
	} rows[] = {{"tcp://10.0.0.5:7000-7010", 7000, 7010}, {"tcp://[::1]:1-65535", 1, 65535},
		{"tcp://a:7-7", 7, 7}, {"TLS+TCP://a:1-2", 1, 2}, {"sni+tcp://a:1-2/", 1, 2},
		{"udp://a:53-54", 53, 54}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct url u;
		struct error err;
		if (url_parse_upstream(str_from(rows[i].in), &u, &err) != 0)
			fail_msg("%s: %s", rows[i].in, err.text);
		assert_int_equal(u.port, rows[i].first);
		assert_int_equal(u.port_last, rows[i].last);
	}
}

static void test_upstream_port_given(void **state)
{
	static const struct {
		const char *in;
		bool given;
	} rows[] = {{"a", false}, {"a:80", true}, {"https://a", false}, {"https://a:443", true},
		{"tcp://a", false}, {"tcp://a:1-2", true}, {"unix:/a", false}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct url u;
		struct error err;
		assert_int_equal(url_parse_upstream(str_from(rows[i].in), &u, &err), 0);
		if (u.port_given != rows[i].given)
			fail_msg("%s", rows[i].in);
	}
}

#define A16  "aaaaaaaaaaaaaaaa"
#define A105 A16 A16 A16 A16 A16 A16 "aaaaaaaaa"

static void test_upstream_socket(void **state)
{
	static const struct {
		const char *in, *path, *why;
	} rows[] = {
		{"unix:/run/app.sock", "/run/app.sock", NULL},
		{"UNIX:///run/App.sock", "/run/App.sock", NULL},
		{"unix:/a@b?c#d:1", "/a@b?c#d:1", NULL},
		{"unix:/\xc3\xbc", "/\xc3\xbc", NULL},
		{"unix:/a" A105, "/a" A105, NULL},
		{"unix:/ab" A105, NULL, "108 bytes; a socket's has at most 107"},
		{"unix:", NULL, "absolute"},
		{"unix:/", NULL, "absolute"},
		{"unix://", NULL, "absolute"},
		{"unix:///", NULL, "absolute"},
		{"unix:run/app.sock", NULL, "absolute"},
		{"unix://run/app.sock", NULL, "absolute"},
		{"unix:8080", NULL, "absolute"},
		{"unix:@abstract", NULL, "absolute"},
		{"unix:/a b", NULL, "space"},
		{"unix:/a\n", NULL, "control"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct url u;
		struct error err = {"no sentence"};
		int r = url_parse_upstream(str_from(rows[i].in), &u, &err);
		if (rows[i].why) {
			if (r != -EINVAL || !strstr(err.text, rows[i].why))
				fail_msg("%s: %d, %s", rows[i].in, r, err.text);
			continue;
		}
		if (r)
			fail_msg("%s: %s", rows[i].in, err.text);
		assert_int_equal(u.scheme, URL_UNIX);
		assert_true(str_eq(u.socket, str_from(rows[i].path)));
		assert_string_equal(u.host, "");
		assert_int_equal(u.port, 0);
		assert_int_equal(u.path.n, 0);
	}
}

static void test_remote(void **state)
{
	static const struct row rows[] = {
		{"192.0.2.1:9090", NULL, URL_WS, "192.0.2.1", 9090, NULL, NULL},
		{"Exit.example.com", NULL, URL_WS, "exit.example.com", 8000, NULL, NULL},
		{"a/tunnel", NULL, URL_WS, "a", 8000, "/tunnel", NULL},
		{"a:80", NULL, URL_WS, "a", 80, NULL, NULL},
		{"[2001:db8::1]:9090", NULL, URL_WS, "2001:db8::1", 9090, NULL, NULL},
		{"ws://a", NULL, URL_WS, "a", 80, NULL, NULL},
		{"ws://a:81/", NULL, URL_WS, "a", 81, NULL, NULL},
		{"WSS://a", NULL, URL_WSS, "a", 443, NULL, NULL},
		{"wss://[::1]/deep/tunnel", NULL, URL_WSS, "::1", 443, "/deep/tunnel", NULL},
		{"http://a", "ws://", 0, NULL, 0, NULL, NULL},
		{"http://a/t", "has the scheme http: write ws://a/t", 0, NULL, 0, NULL, NULL},
		{"tcp://a", "has the scheme tcp: write ws://a, or wss:// for TLS", 0, NULL, 0, NULL,
			NULL},
		{"wss//a",
			"the remote begins with wss and has no \"://\" behind it: write wss://HOST",
			0, NULL, 0, NULL, NULL},
		{"ws:/a", "write ws://HOST", 0, NULL, 0, NULL, NULL},
		{"wss:8443", "write wss://HOST", 0, NULL, 0, NULL, NULL},
		{"wss.example:1", NULL, URL_WS, "wss.example", 1, NULL, NULL},
		{"https://a:1", "has the scheme https: write wss://a:1", 0, NULL, 0, NULL, NULL},
		{"ws://u@a", "--token", 0, NULL, 0, NULL, NULL},
		{"ws://a/?x", "query", 0, NULL, 0, NULL, NULL},
		{"ws://a/#x", "fragment", 0, NULL, 0, NULL, NULL},
		{"", "no host", 0, NULL, 0, NULL, NULL},
		{"ws://:9090", "no host", 0, NULL, 0, NULL, NULL},
		{"a:99999", "port", 0, NULL, 0, NULL, NULL},
		{"2001:db8::1", "brackets: [2001:db8::1]", 0, NULL, 0, NULL, NULL},
		{"a:b:c", "more than one colon", 0, NULL, 0, NULL, NULL},
		{"IP-OF-EXIT-NODE:9090", NULL, URL_WS, "ip-of-exit-node", 9090, NULL, NULL},
	};
	check(rows, ARRAY_LEN(rows), url_parse_remote);
}

/* What CONNECT asks for, and what a Host field says, which balancers compare as it stands. */
static void test_authorities(void **state)
{
	static const struct {
		int (*parse)(struct str text, struct url *out, struct error *err);
		const char *in, *authority, *host;
	} rows[] = {
		{url_parse_remote, "exit.example", "exit.example:8000", "exit.example:8000"},
		{url_parse_remote, "ws://exit.example", "exit.example:80", "exit.example"},
		{url_parse_remote, "exit.example:80", "exit.example:80", "exit.example"},
		{url_parse_remote, "ws://exit.example:443", "exit.example:443", "exit.example:443"},
		{url_parse_remote, "wss://Exit.example", "exit.example:443", "exit.example"},
		{url_parse_remote, "wss://exit.example:443/x", "exit.example:443", "exit.example"},
		{url_parse_remote, "wss://exit.example:80", "exit.example:80", "exit.example:80"},
		{url_parse_remote, "exit.example.:9090", "exit.example.:9090", "exit.example:9090"},
		{url_parse_remote, "wss://exit.example.", "exit.example.:443", "exit.example"},
		{url_parse_remote, "[2001:DB8:0::1]", "[2001:db8::1]:8000", "[2001:db8::1]:8000"},
		{url_parse_remote, "wss://[::1]:8443", "[::1]:8443", "[::1]:8443"},
		{url_parse_remote, "ws://[FE80::1%25eth0]:81", "[fe80::1]:81", "[fe80::1]:81"},
		{url_parse_upstream, "https://a:443", "a:443", "a"},
		{url_parse_upstream, "https://a:80", "a:80", "a:80"},
		{url_parse_upstream, "http://[::1]:80", "[::1]:80", "[::1]"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct url u;
		struct error err;
		char text[URL_AUTHORITY_SIZE];
		assert_int_equal(rows[i].parse(str_from(rows[i].in), &u, &err), 0);
		url_authority(&u, text);
		assert_string_equal(text, rows[i].authority);
		url_host_field(&u, text);
		assert_string_equal(text, rows[i].host);
	}
}

static void test_dial_hosts(void **state)
{
	static const struct {
		const char *in, *host;
	} rows[] = {
		{"a.example.:80", "a.example."},
		{"[2001:DB8::1]:80", "2001:db8::1"},
		{"[FE80::1%25eth0]:80", "fe80::1%eth0"},
		{"[fe80::1%eth0]", "fe80::1%eth0"},
		{"[fe80::1%2525]", "fe80::1%25"},
		{"ws://[fe80::1%25wlan0.1]/x", "fe80::1%wlan0.1"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct url u;
		struct error err;
		char text[URL_DIAL_SIZE];
		assert_int_equal(url_parse_remote(str_from(rows[i].in), &u, &err), 0);
		assert_string_equal(url_dial_host(&u, text), rows[i].host);
	}
}

#define U16  "uuuuuuuuuuuuuuuu"
#define U256 U16 U16 U16 U16 U16 U16 U16 U16 U16 U16 U16 U16 U16 U16 U16 U16

static void test_proxy(void **state)
{
	static const struct {
		const char *in, *why, *host;
		int port;
		const char *user, *password;
	} rows[] = {
		{"http://proxy:3128", NULL, "proxy", 3128, "", ""},
		{"proxy:3128/", NULL, "proxy", 3128, "", ""},
		{"http://proxy", NULL, "proxy", 80, "", ""},
		{"http://u:p@[::1]:3128", NULL, "::1", 3128, "u", "p"},
		{"http://u@a:1", NULL, "a", 1, "u", ""},
		{"http://u:p:q%40%2f%3A@a:1", NULL, "a", 1, "u", "p:q@/:"},
		{"http://u:p@ss@a:1", NULL, "a", 1, "u", "p@ss"},
		{"http://u:\xc3\xbc@a:1", NULL, "a", 1, "u", "\xc3\xbc"},
		{"http://" U256 ":s3cret@a:1", "longer", NULL, 0, NULL, NULL},
		{"http://u%3a:s3cret@a:1", "wrongly", NULL, 0, NULL, NULL},
		{"http://u:s3cret%@a:1", "wrongly", NULL, 0, NULL, NULL},
		{"http://u:s3cret%4@a:1", "wrongly", NULL, 0, NULL, NULL},
		{"http://u:s3cret%zz@a:1", "wrongly", NULL, 0, NULL, NULL},
		{"http://u:s3cret%0d%0aX@a:1", "wrongly", NULL, 0, NULL, NULL},
		{"http://u:s3cret%00@a:1", "wrongly", NULL, 0, NULL, NULL},
		{"http://u:s3cret/x@a:1", "%2F", NULL, 0, NULL, NULL},
		{"http://u:s3cret#x@a:1", "%23", NULL, 0, NULL, NULL},
		{"http://u:s3cret?x@a:1", "%3F", NULL, 0, NULL, NULL},
		{"https://u:s3cret@a:1", "scheme https", NULL, 0, NULL, NULL},
		{"socks5://a:1", NULL, "a", 1, "", ""},
		{"socks5h://u:p%3aq@a", NULL, "a", 1080, "u", "p:q"},
		{"SOCKS5H://u%3av:@a", NULL, "a", 1080, "u:v", ""},
		{"socks://[::1]/", NULL, "::1", 1080, "", ""},
		{"socks5://:s3cret@a", "kind", NULL, 0, NULL, NULL},
		{"socks4://u:s3cret@a:1", "scheme socks4", NULL, 0, NULL, NULL},
		{"socks4a://a:1", "scheme socks4a", NULL, 0, NULL, NULL},
		{"http://u:s3cret@", "no host", NULL, 0, NULL, NULL},
		{"http://u:s3cret@a:x", "port", NULL, 0, NULL, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct url u;
		struct url_login login;
		struct error err = {"no sentence"};
		int r = url_parse_proxy(str_from(rows[i].in), &u, &login, &err);
		if (rows[i].why) {
			if (r != -EINVAL || !strstr(err.text, rows[i].why) ||
				strstr(err.text, "s3cret"))
				fail_msg("%s: %d, %s", rows[i].in, r, err.text);
			continue;
		}
		if (r)
			fail_msg("%s: %s", rows[i].in, err.text);
		assert_string_equal(u.host, rows[i].host);
		assert_int_equal(u.port, rows[i].port);
		assert_string_equal(login.user, rows[i].user);
		assert_string_equal(login.password, rows[i].password);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_upstream),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_upstream_range),
		cmocka_unit_test(test_upstream_port_given),
		cmocka_unit_test(test_upstream_socket),
		cmocka_unit_test(test_remote),
		cmocka_unit_test(test_authorities),
		cmocka_unit_test(test_dial_hosts),
		cmocka_unit_test(test_proxy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
