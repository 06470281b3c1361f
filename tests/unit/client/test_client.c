/* SPDX-License-Identifier: MIT */
/*
 * The life of a client, each in a process of its own, beside an exit node that is another: what it takes from its
 * file when that is read again, and how it ends.
 */
#include "client/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/exit_status.h"
#include "base/log.h"
#include "base/macros.h"
#include "config/config.h"
#include "config/reload.h"
#include "server/server.h"
#include "tests/unit/run.h"

static char root[] = "/tmp/tunnel-client-XXXXXX";
static char file[64], ready[64], remote[64];
static struct run server;
static int upstream; /* listens, and answers nothing */

static void run_server(int argc, char **argv)
{
	struct server_options opts;
	struct error err;
	struct config *c = config_new(&server_option_table, &opts);
	if (config_load(c, argc, argv, &err) != 0 || server_options_check(&opts, &err) != 0)
		_exit(99);
	_exit(server_run(&opts, NULL));
}

static int check_client(void *opts, struct error *err)
{
	return client_options_check(opts, err);
}

static void deinit_client(void *opts)
{
	client_options_deinit(opts);
}

static void run_client(int argc, char **argv)
{
	static const struct reload_side side = {.table = &client_option_table,
		.size = sizeof(struct client_options),
		.check = check_client,
		.deinit = deinit_client};
	struct client_options opts = {0};
	struct error err;
	struct config *c = config_new(&client_option_table, &opts);
	if (config_load(c, argc, argv, &err) != 0 || client_options_check(&opts, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		_exit(99);
	}
	log_set_level((enum log_level)opts.log_level);
	_exit(client_run(&opts, reloader_new(&side, c, &opts)));
}

static unsigned port_of(int fd)
{
	struct sockaddr_in at;
	socklen_t n = sizeof at;
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	return ntohs(at.sin_port);
}

/* Its configuration: these lines, and an upstream that takes connections and answers nothing. */
static void configure(const char *lines)
{
	char text[400];
	snprintf(text, sizeof text, "%sgrace: 600s\nupstream: http://127.0.0.1:%u\n", lines,
		port_of(upstream));
	write_file(file, text);
}

/* A client that publishes. */
static void begin(struct run *r)
{
	const char *args[] = {"--config", file, "--remote", remote, "--no-token", NULL};
	configure("");
	run_start(r, run_client, args);
	assert_true(says(r, "http://"));
}

/* A request that the upstream never answers, once it is there. */
static int request(void)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	to.sin_port = htons((uint16_t)atoi(strrchr(remote, ':') + 1));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	int there = accept(upstream, NULL, NULL);
	assert_true(there >= 0);
	char byte;
	assert_int_equal(read(there, &byte, 1), 1);
	return fd; /* and `there` stays open: until the process ends */
}

/* ---- How it ends ---- */

static void it_ends_at_once_with_nothing_under_way(void **state)
{
	struct run r;
	begin(&r);
	kill(r.pid, SIGTERM);
	assert_int_equal(ended(&r), STATUS_OK);
	assert_non_null(strstr(r.said, "ending"));
	assert_null(strstr(r.said, "streams under way"));
}

static void it_waits_for_what_is_under_way_or_a_second_signal(void **state)
{
	struct run r;
	begin(&r);
	int fd = request();
	kill(r.pid, SIGINT);
	assert_true(says(&r, "ending; streams under way: 1, for at most 600 s"));
	/* It is not read again any more. */
	configure("log-level: debug\n");
	kill(r.pid, SIGHUP);
	usleep(200000);
	kill(r.pid, SIGTERM);
	assert_int_equal(ended(&r), STATUS_OK);
	assert_non_null(strstr(r.said, "a second signal: ending at once"));
	assert_null(strstr(r.said, "reloaded"));
	close(fd);
}

/* Without an exit node there is nothing to wait for either. */
static void it_ends_while_it_tries(void **state)
{
	const char *args[] = {"--config", file, "--remote", "127.0.0.1:1", "--no-token", NULL};
	struct run r;
	configure("");
	run_start(&r, run_client, args);
	assert_true(says(&r, "127.0.0.1:1"));
	kill(r.pid, SIGTERM);
	assert_int_equal(ended(&r), STATUS_OK);
}

/* ---- What it takes while it runs ---- */

static void it_reads_its_file_again(void **state)
{
	struct run r;
	begin(&r);
	configure("");
	kill(r.pid, SIGHUP);
	assert_true(says(&r, "reloaded; services added: 0, removed: 0, unchanged: 1"));
	assert_null(strstr(r.said, "changed: that takes effect"));
	configure("links: 2\nlog-level: debug\n");
	kill(r.pid, SIGHUP);
	assert_true(says(&r, "--links changed: that takes effect at the next start"));
	assert_null(strstr(r.said, "--log-level changed"));
	/* The new level holds while it is taken back. */
	configure("links: 2\nlog-level: info\n");
	kill(r.pid, SIGHUP);
	assert_true(says(&r, "log-level changed"));
	assert_null(strstr(r.said, "--log-level changed"));
	write_file(file, "upstream: [\n");
	kill(r.pid, SIGHUP);
	assert_true(says(&r, "nothing was reloaded"));
	kill(r.pid, SIGTERM);
	assert_int_equal(ended(&r), STATUS_OK);
}

static int setup(void **state)
{
	unsigned port;
	unsetenv("STATE_DIRECTORY");
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(root))
		return -1;
	snprintf(file, sizeof file, "%s/tunnel.yaml", root);
	snprintf(ready, sizeof ready, "%s/ready", root);
	upstream = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(upstream, (struct sockaddr *)&at, sizeof at) < 0 || listen(upstream, 8) < 0)
		return -1;
	const char *const args[] = {"--bind-addr=127.0.0.1", "--port=0", "--workers=1",
		"--ready-file", ready, "--no-token", NULL};
	run_start(&server, run_server, args);
	if (!says(&server, "only this machine reaches"))
		return -1;
	FILE *f = fopen(ready, "r");
	if (!f || fscanf(f, "all %u", &port) != 1)
		return -1;
	fclose(f);
	snprintf(remote, sizeof remote, "127.0.0.1:%u", port);
	return 0;
}

static int teardown(void **state)
{
	char command[64];
	kill(server.pid, SIGKILL);
	ended(&server);
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_ends_at_once_with_nothing_under_way),
		cmocka_unit_test(it_waits_for_what_is_under_way_or_a_second_signal),
		cmocka_unit_test(it_ends_while_it_tries),
		cmocka_unit_test(it_reads_its_file_again),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
