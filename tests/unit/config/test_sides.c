/* SPDX-License-Identifier: MIT */
/* The two real tables: the forms that inlets' users type, and what the rows alone cannot check. */
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
#include "client/config/options.h"
#include "config/config.h"
#include "config/value.h"
#include "server/base/options.h"

static int load(const struct option_table *t, void *opts, const char *words, struct config **c_out,
	struct error *err)
{
	static char text[512];
	char *argv[32];
	int argc = 1;
	snprintf(text, sizeof text, "%s", words);
	argv[0] = text + sizeof text - 1;
	for (char *p = strtok(text, " "); p && argc < 31; p = strtok(NULL, " "))
		argv[argc++] = p;
	argv[argc] = NULL;
	*c_out = config_new(t, opts);
	return config_load(*c_out, argc, argv, err);
}

static void test_server(void **state)
{
	static const struct {
		const char *words;
		const char *error; /* a part of the sentence; NULL: none */
	} rows[] = {
		{"", NULL},
		{"--port=80 --token=T", NULL},
		{"--port=9090 --control-port=9090 --token T", NULL},
		{"-p 80 -c 8080 -b 127.0.0.1 -t T --print-token=true", NULL},
		{"--port=80 --disable-transport-wrapping --data-addr=::1", NULL},
		{"--port 80 --control-port 8080 --control-addr 127.0.0.1", NULL},
		{"--trusted-proxies 10.0.0.0/8,::1", NULL},
		{"--access-log off", NULL},
		{"--advertise https://a.example.org:8443", NULL},
		{"--advertise a.example.org:8443", NULL},
		{"--advertise ftp://a", "--advertise \"ftp://a\" is no host"},
		{"--advertise 9090", "--advertise \"9090\" is no host"},
		{"--bind-addr fe80::1%eth0", NULL},
		{"--data-addr 1.2.3", "--data-addr: \"1.2.3\" is not an IPv4 or IPv6 address"},

		{"--control-addr 127.0.0.1", "--control-addr needs a --control-port"},
		{"--port 80,8080 --control-port 8080", "--control-port 8080 is one of several"},
		{"--control-port 1,2", "more than 1 port"},
		{"--control-path tunnel",
			"--control-path: \"tunnel\" does not begin with a slash: write /tunnel"},
		{"--base-window 1MiB --max-window 512KiB",
			"--max-window is 524288 bytes, below the 1048576 of"},
		{"--trusted-proxies localhost", "--trusted-proxies: \"localhost\""},

		{"--tls-cert a.pem,b.pem --tls-key a.key,b.key --https-redirect", NULL},
		{"--tls-cert /etc/certs --tls-client-ca ca.pem", NULL},
		{"--auto-tls --https-redirect", NULL},
		{"--https-redirect --auto-tls", NULL},
		{"--https-redirect=8443 --auto-tls", NULL},
		{"--https-redirect=false", NULL},
		{"--https-redirect=0", NULL},
		{"--https-redirect=443",
			"--https-redirect needs a --tls-cert, --acme or --auto-tls"},
		{"--auto-tls --https-redirect=65536", "\"65536\" is neither a port nor true nor"},
		{"--auto-tls --https-redirect 8443", "unexpected argument \"8443\""},
		{"--allow-ports 22,1024-2048 --max-ports 2 --workers 64", NULL},
		{"--accept-proxy-protocol 10.0.0.0/8 -c 8080 --accept-proxy-protocol-control ::1",
			NULL},
		{"-p 80 -c 80 --control-addr 127.0.0.1", NULL},
		{"--auto-tls --tls-cert a.pem", "--auto-tls is for a server without"},
		{"--tls-cert a,b --tls-key c", "there are 1 --tls-key for 2 --tls-cert"},
		{"--tls-key c", "there are 1 --tls-key for 0 --tls-cert"},
		{"--https-redirect", "--https-redirect needs a --tls-cert, --acme or --auto-tls"},
		{"--tls-client-ca x", "--tls-client-ca needs a --tls-cert"},
		{"--accept-proxy-protocol 10.0.0.0/33", "--accept-proxy-protocol: "},
		{"--accept-proxy-protocol-control ::1", "needs a --control-port"},
		{"--allow-ports 0", "--allow-ports: \"0\" is neither"},
		{"--workers 65", "allowed is 0 to 64"},
		{"--request-head-limit 1KiB", "allowed is 4KiB to 1MiB"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct server_options opts = {0};
		struct error err = {""};
		struct config *c;
		int r = load(&server_option_table, &opts, rows[i].words, &c, &err);
		if (!r)
			r = server_options_check(&opts, &err);
		if (rows[i].error ? !strstr(err.text, rows[i].error) : r)
			fail_msg("\"%s\": %s", rows[i].words, err.text);
		if (!r) {
			assert_in_range(opts.memory_budget, 32 << 20, 1 << 30);
			assert_in_range(opts.workers, 1, 64);
			/* Not given, it follows the machine's memory; at rest they take no more. */
			assert_in_range(opts.max_visitors, 2048, 65536);
			assert_true(opts.max_visitors * SERVER_VISITOR_AT_REST <=
				    MAX(opts.memory_budget, UINT64_C(32) << 20));
		}
		/* A reload checks what is checked already. */
		server_options_deinit(&opts);
		if (!r && server_options_check(&opts, &err))
			fail_msg("\"%s\", again: %s", rows[i].words, err.text);
		server_options_deinit(&opts);
		config_free(c);
	}
}

static void test_server_shared_port(void **state)
{
	struct server_options opts = {0};
	struct error err;
	struct config *c;
	assert_int_equal(load(&server_option_table, &opts, "--port 80 --control-port 80", &c, &err),
		0);
	assert_int_equal(server_options_check(&opts, &err), 0);
	assert_int_equal(opts.control_port.n, 0);
	server_options_deinit(&opts);
	config_free(c);
}

/* --end-to-end is an option of what is published and of what is used: it belongs to what stands before it. */
static void test_one_name_in_two_groups(void **state)
{
	static const struct {
		const char *words;
		bool published, used;
	} rows[] = {
		{"--upstream tcp://127.0.0.1:1 --private a --end-to-end --service b=1", true,
			false},
		{"--upstream tcp://127.0.0.1:1 --private a --service b=1 --end-to-end", false,
			true},
		{"--service b=1 --end-to-end --upstream tcp://127.0.0.1:1 --private a", false,
			true},
		{"--service b=1 --upstream tcp://127.0.0.1:1 --end-to-end --private a", true,
			false},
		{"--service b=1 --end-to-end --upstream tcp://127.0.0.1:1 --private a --end-to-end",
			true, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client_options opts = {0};
		struct error err = {""};
		struct config *c;
		char words[256];
		snprintf(words, sizeof(words), "--remote x --no-token %s", rows[i].words);
		if (load(&client_option_table, &opts, words, &c, &err) ||
			client_options_check(&opts, &err))
			fail_msg("\"%s\": %s", words, err.text);
		assert_int_equal(opts.upstreams.v[0].private.end_to_end, rows[i].published);
		assert_int_equal(opts.local_services.v[0].end_to_end, rows[i].used);
		client_options_deinit(&opts);
		config_free(c);
	}
}

/* A client that is told a host alone dials what a server that is told nothing listens on. */
static void test_default_ports_meet(void **state)
{
	struct server_options opts = {0};
	struct error err;
	struct config *c;
	struct url remote;
	assert_int_equal(load(&server_option_table, &opts, "", &c, &err), 0);
	assert_int_equal(url_parse_remote(STR("exit.example"), &remote, &err), 0);
	assert_int_equal(opts.ports.n, 1);
	assert_int_equal(opts.ports.v[0], remote.port);
	config_free(c);
}

static void test_client(void **state)
{
	static const struct {
		const char *words;
		const char *path;  /* the control path */
		const char *error; /* a part of the sentence; NULL: none */
	} rows[] = {
		{"--remote=ws://1.2.3.4:80 --upstream=http://127.0.0.1:3000 --token=T", "/tunnel",
			NULL},
		{"--remote=1.2.3.4:9090 --upstream=http://127.0.0.1:3000 --token T", "/tunnel",
			NULL},
		{"--url wss://exit.example.com -u 127.0.0.1:3000", "/tunnel", NULL},
		{"-r wss://exit -u https://a --upstream-ca a.pem --upstream-host b --links 16",
			"/tunnel", NULL},
		{"-r wss://exit --tls-client-cert a.pem -u http://a", "/tunnel", NULL},
		{"-r wss://exit -u http://a --tls-pin "
		 "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
			"/tunnel", NULL},
		{"--ports 80,443 --upstream 10.0.0.5 -r exit", "/tunnel", NULL},
		{"-r exit -u tcp://a:22 --port 2222 --proxy-protocol v2 -u 53=udp://a:53",
			"/tunnel", NULL},
		{"-r [::1]:8000 -u http://a:1 --strict-forwarding=false", "/tunnel", NULL},
		{"-r ws://exit/ -u http://a:1", "/tunnel", NULL},
		{"-r ws://exit/other -u http://a:1", "/other", NULL},
		{"-r ws://exit/other -u http://a:1 --control-path /mine", "/mine", NULL},

		{"--upstream http://a:1", NULL, "--remote is missing"},
		{"--remote a:1", NULL, "--upstream is missing"},
		{"--remote a:b --upstream http://a:1", NULL, "--remote: "},
		{"--remote= --upstream http://a:1", NULL, "--remote: it is empty"},
		{"--remote a:1 --upstream a=b=c", NULL, "--upstream: "},
		{"-r a:1 -u http://a:1 --control-path x", NULL,
			"--control-path: \"x\" does not begin with a slash: write /x"},
		{"-r a:1 --port 22 -u tcp://a:22", NULL,
			"--port: it belongs to an --upstream: put it behind one"},
		{"-r a:1 -u http://a --ports 80", NULL, "--ports is for an --upstream"},
		{"-r a:1 -u http://a --upstream-insecure", NULL,
			"--upstream: --upstream-insecure is for an https:// upstream"},
		{"-r a:1 -u https://a --upstream-host a_b:x", NULL, "--upstream-host: \"a_b:x\""},
		{"-r a:1 -u http://a --tls-ca x", NULL, "--tls-ca is for an exit node that speaks"},
		{"-r wss://a -u http://a --tls-pin sha256/AAAA", NULL,
			"--tls-pin: \"sha256/AAAA\""},
		{"-r wss://a -u http://a --tls-client-key x", NULL, "needs its --tls-client-cert"},
		{"-r a:1 -u http://a --links 17", NULL, "allowed is 1 to 16"},
		{"-r a:1 -u http://a:1 --max-dials 0", NULL, "allowed is 1 to 65536"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client_options opts = {0};
		struct error err = {""};
		struct config *c;
		int r = load(&client_option_table, &opts, rows[i].words, &c, &err);
		if (!r)
			r = client_options_check(&opts, &err);
		if (rows[i].error ? !strstr(err.text, rows[i].error) : r)
			fail_msg("\"%s\": %s", rows[i].words, err.text);
		if (!r)
			assert_string_equal(opts.control_path, rows[i].path);
		/* A reload checks what is checked already. */
		client_options_deinit(&opts);
		if (!r && client_options_check(&opts, &err))
			fail_msg("\"%s\", again: %s", rows[i].words, err.text);
		client_options_deinit(&opts);
		config_free(c);
	}
}

/* What tunnel connect has besides: services to use instead of upstreams, and one over standard input and output. */
static void test_connect(void **state)
{
	static const struct {
		const char *words;
		size_t n; /* of services */
		uint64_t wait;
		const char *error; /* a part of the sentence; NULL: none */
	} rows[] = {
		{"-r exit --service redis=6379", 1, 0, NULL},
		{"-r exit --service a=1 --message x --service b=udp:2 --endpoint y", 2, 0, NULL},
		{"-r exit --service a=1 --wait 5m --hosts-file h --socket-mode 0660", 1,
			300 * CLOCK_S, NULL},
		{"-r exit --stdio a --message x", 1, 60 * CLOCK_S, NULL},
		{"-r exit --stdio=a --wait=2s", 1, 2 * CLOCK_S, NULL},
		{"-r exit", 0, 0, "--service is missing: A private service to use"},
		{"--service a=1", 0, 0, "--remote is missing"},
		{"-r exit --service a", 0, 0, "--service: \"a\" does not say where to listen"},
		{"-r exit --message x --service a=1", 0, 0, "it belongs to an --service"},
		{"-r exit --stdio a --service b=1", 0, 0, "--service: --stdio is for one"},
		{"-r exit --stdio a --hosts-file h", 0, 0, "--hosts-file is for services"},
		{"-r exit --service a=1 --socket-mode 9", 0, 0, "--socket-mode: \"9\" is no mode"},
		{"-r exit --upstream http://a:1 --service a=1", 0, 0,
			"unknown option --upstream: "},
		{"-r exit -L 1:a:1", 0, 0, "--service redis=6379"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct client_options opts = {0};
		struct error err = {""};
		struct config *c;
		int r = load(&connect_option_table, &opts, rows[i].words, &c, &err);
		if (!r)
			r = client_options_check(&opts, &err);
		if (rows[i].error ? !strstr(err.text, rows[i].error) : r)
			fail_msg("\"%s\": %s", rows[i].words, err.text);
		if (!r) {
			assert_int_equal(opts.local_services.n, rows[i].n);
			assert_int_equal(opts.wait, rows[i].wait);
			assert_true(
				opts.local_socket_mode == 0600 || opts.local_socket_mode == 0660);
		}
		client_options_deinit(&opts);
		config_free(c);
	}
}

/* A client may use services beside what it publishes, or publish nothing. */
static void test_client_uses(void **state)
{
	static const char *const words[] = {"-r exit --service redis=6379",
		"-r exit -u http://a --service redis=6379 --endpoint shop"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct client_options opts = {0};
		struct error err = {""};
		struct config *c;
		assert_int_equal(load(&client_option_table, &opts, words[i], &c, &err), 0);
		assert_int_equal(client_options_check(&opts, &err), 0);
		assert_int_equal(opts.local_services.n, 1);
		assert_int_equal(opts.upstreams.n, i);
		client_options_deinit(&opts);
		config_free(c);
	}
}

/* Rows are data, and data has slips: each is checked against what it claims to be. */
static void check_row(const struct option_table *t, const struct option_row *row)
{
	assert_non_null(row->help);
	assert_ptr_equal(option_find_key(t, row->name, strlen(row->name)), row);
	if (row->key)
		assert_ptr_equal(option_find_key(t, row->key, strlen(row->key)), row);
	if (row->type == OPTION_FLAG || row->implied)
		assert_non_null(row->default_text);
	if (row->implied && row->check) {
		struct error err;
		assert_int_equal(row->check(str_from(row->implied), &err), 0);
	}
	if (row->type == OPTION_PORTS || row->type == OPTION_RANGES)
		assert_true(row->max > 0);
	assert_int_equal(row->type == OPTION_GROUP, row->group != NULL);
	for (const struct option_row *other = t->rows; other < row; other++)
		assert_int_not_equal(row->offset, other->offset);
}

static void test_tables(void **state)
{
	static const struct option_table *const tables[] = {&server_option_table,
		&client_option_table, &connect_option_table};
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		const struct option_table *t = tables[i];
		for (size_t j = 0; j < t->n; j++) {
			const struct option_row *row = &t->rows[j];
			check_row(t, row);
			if (!row->group)
				assert_ptr_equal(option_find(t, row->name, strlen(row->name)).row,
					row);
			if (row->letter)
				assert_ptr_equal(option_find_letter(t, row->letter).row, row);
			for (size_t k = 0; row->group && k < row->group->n; k++) {
				const struct option_row *inner = &row->group->rows[k];
				check_row(row->group, inner);
				assert_int_not_equal(inner->type, OPTION_SECRET);
				assert_int_not_equal(inner->type, OPTION_GROUP);
				assert_ptr_equal(option_find_behind(t, row, inner->name,
							 strlen(inner->name))
							 .row,
					inner);
			}
		}
	}
}

/* That an answer speaks of options that there are, on this side or the other. */
static void check_answer(const char *answer)
{
	for (const char *at = answer; (at = strstr(at, "--"));) {
		size_t n = strspn(at += 2, "abcdefghijklmnopqrstuvwxyz-");
		if (n && !option_find(&server_option_table, at, n).row &&
			!option_find(&client_option_table, at, n).row &&
			!option_find(&connect_option_table, at, n).row)
			fail_msg("\"%s\" speaks of an option that there is not", answer);
	}
}

/* Other programs' options are none of ours, and each has one answer. */
static void test_habits(void **state)
{
	static const struct option_table *const tables[] = {&server_option_table,
		&client_option_table, &client_short_forms[UPSTREAM_FORM_HTTP],
		&connect_option_table};
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		assert_non_null(option_habit(tables[i], "token-env", 9));
		for (const struct option_habit *h = tables[i]->habits; h->names; h++) {
			char names[512], *rest = names;
			snprintf(names, sizeof names, "%s", h->names);
			check_answer(h->answer);
			for (char *name; (name = strsep(&rest, " "));) {
				bool taken =
					name[1] ? option_find(tables[i], name, strlen(name)).row
						: option_find_letter(tables[i], *name).row;
				if (taken)
					fail_msg("%s is an option now", name);
				assert_string_equal(option_habit(tables[i], name, strlen(name)),
					h->answer);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server),
		cmocka_unit_test(test_server_shared_port),
		cmocka_unit_test(test_one_name_in_two_groups),
		cmocka_unit_test(test_default_ports_meet),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_client_uses),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_habits),
	};
	/* The environment of whoever runs the tests is not theirs. */
	static const char *const names[] = {"TUNNEL_TOKEN", "TUNNEL_TOKEN_FROM", "TUNNEL_CONFIG",
		"TUNNEL_REMOTE", "TUNNEL_UPSTREAM", "TUNNEL_LOG_LEVEL", "TUNNEL_LOG_FORMAT",
		"STATE_DIRECTORY"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
