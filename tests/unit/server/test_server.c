/* SPDX-License-Identifier: MIT */
/*
 * The life of an exit node, each in a process of its own: what it says and writes when it is ready, why it does
 * not start, and how it ends.
 */
#include "server/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/macros.h"
#include "config/config.h"
#include "tests/unit/run.h"

static char root[] = "/tmp/tunnel-server-XXXXXX";

static char *in_root(const char *name)
{
	static char paths[64][300];
	static unsigned next;
	char *path = paths[next++ % 64];
	snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
	return path;
}

static void run_server(int argc, char **argv)
{
	struct server_options opts;
	struct error err;
	struct config *c = config_new(&server_option_table, &opts);
	if (config_load(c, argc, argv, &err) != 0 || server_options_check(&opts, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		_exit(99);
	}
	_exit(server_run(&opts, NULL));
}

static void start(struct run *r, const char *const args[])
{
	run_start(r, run_server, args);
}

static int stop(struct run *r)
{
	kill(r->pid, SIGTERM);
	return ended(r);
}

static void read_ready(char *text, size_t size)
{
	FILE *f = fopen(in_root("ready"), "r");
	assert_non_null(f);
	text[fread(text, 1, size - 1, f)] = '\0';
	fclose(f);
	unlink(in_root("ready"));
}

#define USUAL "--bind-addr=127.0.0.1", "--port=0", "--workers=2", "--ready-file", in_root("ready")

static void it_serves_until_it_is_told_to_end(void **state)
{
	const char *args[] = {USUAL, "--no-token", NULL};
	char ready[100], word[8];
	unsigned port;
	struct run r;
	start(&r, args);
	assert_true(says(&r, "only this machine reaches"));
	read_ready(ready, sizeof(ready));
	assert_int_equal(sscanf(ready, "%7s %u", word, &port), 2);
	assert_string_equal(word, "all");
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	static const char request[] =
		"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
	assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
	char answer[12];
	/* It has just started: a client may yet come back. */
	struct pollfd p = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	assert_int_equal(recv(fd, answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
	assert_memory_equal(answer, "HTTP/1.1 503", 12);
	close(fd);
	assert_int_equal(stop(&r), 0);
	assert_non_null(strstr(r.said, "everything under way is finished"));
	assert_non_null(strstr(r.said, "listening on port"));
	assert_non_null(strstr(r.said, "for visitors and clients"));
}

/* A request is under way: it may finish within the grace, or until the second signal. */
static void it_waits_for_what_is_under_way(void **state)
{
	for (int second = 0; second < 2; second++) {
		const char *args[] = {USUAL, "--no-token", second ? "--grace=600s" : "--grace=1s",
			NULL};
		char ready[100];
		unsigned port;
		struct run r;
		start(&r, args);
		assert_true(says(&r, "only this machine reaches"));
		read_ready(ready, sizeof(ready));
		sscanf(ready, "all %u", &port);
		struct sockaddr_in to = {.sin_family = AF_INET,
			.sin_port = htons((uint16_t)port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
		static const char request[] = "GET / HTTP/1.1\r\nHos";
		assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
		usleep(200000);
		kill(r.pid, SIGTERM);
		assert_true(says(&r, "shutting down"));
		if (second)
			kill(r.pid, SIGTERM);
		assert_int_equal(ended(&r), 0);
		bool cut = strstr(r.said, "did not finish within --grace") != NULL;
		bool finished = strstr(r.said, "everything under way is finished") != NULL;
		assert_true(second ? !cut : cut || finished);
		close(fd);
	}
}

static void clients_may_have_a_port_of_their_own(void **state)
{
	const char *args[] = {USUAL, "--no-token", "--control-port=0", "--no-seal", NULL};
	char ready[100];
	unsigned visitors, clients;
	struct run r;
	start(&r, args);
	assert_true(says(&r, "only this machine reaches"));
	read_ready(ready, sizeof(ready));
	assert_int_equal(sscanf(ready, "visitors %u\nclients %u\n", &visitors, &clients), 2);
	assert_int_equal(stop(&r), 0);
	assert_non_null(strstr(r.said, "for visitors"));
	assert_non_null(strstr(r.said, "for clients"));
	assert_null(strstr(r.said, "for visitors and clients"));
	assert_non_null(strstr(r.said, "links whose client says --no-seal too are not encrypted"));
}

static void it_says_how_to_publish(void **state)
{
	const char *token = in_root("given"), *dir = in_root("state"),
		   *made = in_root("state/token");
	static char copy[300], from_made[300], from_given[300];
	snprintf(copy, sizeof(copy), "scp exit.example:%s token", made);
	snprintf(from_made, sizeof(from_made), "--token-from=%s", made);
	snprintf(from_given, sizeof(from_given), "--token-from=%s", token);
	write_file(token, "a-token-of-ones-own\n");
	const struct {
		const char *args[6];
		const char *says[4], *not [4];
	} rows[] = {
		{{"--no-token"},
			{"run this line beside it", "--no-token", "only this machine reaches",
				"running without a token"},
			{"--tls-pin", "wss://", "--token-from", "is a guess"}},
		{{"--token=a-token-of-ones-own"},
			{"write the token of this server to the file", "--token-from=token"},
			{"a-token-of-ones-own", "scp", "running without", "beside it"}},
		{{"--token-from", token, "--token=a-token-of-ones-own"}, {from_given, "beside it"},
			{"scp", "was made at this start"}},
		{{"--state-dir", dir}, {from_made, "beside it"},
			{"scp", "is kept in", "running without"}},
		{{"--state-dir", dir, "--advertise=exit.example"},
			{"these two lines", copy, "--token-from=token", "exit.example:"},
			{"beside it", "only this machine", "is a guess", from_made}},
		{{"--state-dir", dir, "--print-token"}, {"beside it", "--token="},
			{"--token-from", "is kept in", "scp"}},
		{{"--state-dir", in_root("new"), "--print-token"}, {"is kept in", "--token="},
			{"--token-from"}},
		{{"--state-dir", dir, "--auto-tls", "--no-token"}, {"wss://", "--tls-pin=sha256/"},
			{"--token-from"}},
		{{"--state-dir", dir, "--auto-tls"}, {"wss://", from_made}, {"--tls-pin=sha256/"}},
		/* Where nothing can be kept. */
		{{"--state-dir", in_root("given/x"), "--token=a-token-of-ones-own"},
			{"clients derive their key anew after each restart"}, {NULL}},
		{{"--state-dir", in_root("given/x"), "--no-token"}, {"beside it"},
			{"derive their key anew"}},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *args[ARGS_MAX] = {USUAL};
		size_t n = 0;
		while (args[n])
			n++;
		for (size_t k = 0; k < 6 && rows[i].args[k]; k++)
			args[n++] = rows[i].args[k];
		struct run r;
		start(&r, args);
		if (!says(&r, "to publish a service"))
			fail_msg("row %zu: %s", i, r.said);
		struct stat st;
		assert_int_equal(stat(in_root("ready"), &st), 0);
		unlink(in_root("ready"));
		if (stop(&r) != 0)
			fail_msg("row %zu: %s", i, r.said);
		/* What is said at the end is not about it. */
		*strstr(r.said, "shutting down") = '\0';
		for (size_t k = 0; k < 4; k++) {
			if (rows[i].says[k] && !strstr(r.said, rows[i].says[k]))
				fail_msg("row %zu lacks \"%s\": %s", i, rows[i].says[k], r.said);
			if (rows[i].not [k] && strstr(r.said, rows[i].not [k]))
				fail_msg("row %zu has \"%s\": %s", i, rows[i].not [k], r.said);
		}
	}
}

static void why_it_does_not_start(void **state)
{
	write_file(in_root("file"), "");
	mkdir(in_root("blocked.new"), 0700);
	const struct {
		const char *args[8], *says;
	} rows[] = {
		{{"--bind-addr=127.0.0.1", "--port=0", "--state-dir", in_root("file/x")},
			"a token can be neither found nor kept"},
		{{"--bind-addr=127.0.0.1", "--port=0", "--no-token", "--ready-file",
			 in_root("none/ready")},
			"cannot write --ready-file"},
		{{"--bind-addr=127.0.0.1", "--port=0", "--no-token", "--ready-file",
			 in_root("blocked")},
			"cannot write --ready-file"},
		{{"--bind-addr=203.0.113.1", "--port=0", "--no-token"}, "203.0.113.1"},
		{{"--bind-addr=127.0.0.1", "--port=0", "--no-token", "--tls-cert", in_root("none")},
			"none"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct run r;
		start(&r, rows[i].args);
		if (ended(&r) != 1 || !strstr(r.said, rows[i].says))
			fail_msg("row %zu: %s", i, r.said);
		assert_null(strstr(r.said, "listening on port"));
	}
}

static int setup(void **state)
{
	unsetenv("STATE_DIRECTORY");
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(root))
		return 1;
	/* Its own: a server has its state directory to itself. */
	return setenv("XDG_STATE_HOME", root, 1);
}

static int teardown(void **state)
{
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_serves_until_it_is_told_to_end),
		cmocka_unit_test(it_waits_for_what_is_under_way),
		cmocka_unit_test(clients_may_have_a_port_of_their_own),
		cmocka_unit_test(it_says_how_to_publish),
		cmocka_unit_test(why_it_does_not_start),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
