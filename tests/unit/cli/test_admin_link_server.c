/* SPDX-License-Identifier: MIT */
/* A command's link to the exit node as it is, in a process of its own, with its token and its certificate. */
#include "cli/admin_link.h"

#include <sys/stat.h>

#include "base/macros.h"
#include "config/config.h"
#include "server/server.h"
#include "tests/unit/run.h"

#define TOKEN "a token of some characters"

static char root[] = "/tmp/tunnel-admin-XXXXXX";
static char ready[64];

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

static unsigned begin(struct run *server, const char *more)
{
	const char *args[] = {"--bind-addr=127.0.0.1", "--port=0", "--workers=2", "--state-dir",
		root, "--admin-socket=none", "--ready-file", ready, "--token=" TOKEN, more, NULL};
	unsigned port = 0;
	run_start(server, run_server, args);
	if (!says(server, "listening on port"))
		fail_msg("%s", server->said);
	FILE *f = fopen(ready, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "all %u", &port), 1);
	fclose(f);
	unlink(ready);
	return port;
}

static void end(struct run *server)
{
	kill(server->pid, SIGKILL);
	ended(server);
}

struct way {
	char remote[64];
	struct client_options options;
};

static void way_init(struct way *w, const char *scheme, unsigned port, char *token)
{
	struct error err;
	*w = (struct way){.remote = ""};
	snprintf(w->remote, sizeof(w->remote), "%s://127.0.0.1:%u", scheme, port);
	w->options = (struct client_options){.remote = w->remote, .token = token};
	assert_int_equal(client_options_check(&w->options, &err), 0);
}

static void way_deinit(struct way *w)
{
	free(w->options.control_path);
	client_options_deinit(&w->options);
}

/* What is at a path that the API does not have. */
static int ask(struct admin_link *a, struct error *err)
{
	static const char request[] = "GET /api/v1/nothing HTTP/1.1\r\nHost: x\r\n"
				      "Connection: close\r\n\r\n";
	static const char answer[] = "HTTP/1.1 404 ";
	struct buf response = BUF_NULL;
	int r = admin_link_call(a, request, sizeof(request) - 1, &response, err);
	if (r == 0) {
		assert_true(buf_len(&response) > sizeof(answer));
		assert_memory_equal(buf_head(&response), answer, sizeof(answer) - 1);
	}
	buf_deinit(&response);
	return r;
}

/* In plain text, and over TLS with a certificate that nobody vouches for: the handshake shows whose it is. */
static void it_asks(void **state)
{
	static char token[] = TOKEN;
	static const char *const schemes[] = {"ws", "wss"};
	struct run server;
	unsigned port = begin(&server, "--auto-tls");
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		struct way w;
		struct error err = {""};
		struct admin_link *a = NULL;
		way_init(&w, schemes[i], port, token);
		if (admin_link_open(&a, &w.options, &err) != 0)
			fail_msg("%s", err.text);
		for (int k = 0; k < 10; k++)
			if (ask(a, &err) != 0)
				fail_msg("%s", err.text);
		admin_link_close(a);
		way_deinit(&w);
	}
	kill(server.pid, SIGTERM);
	assert_int_equal(ended(&server), 0);
	assert_null(strstr(server.said, "session"));
}

static void it_has_another_token(void **state)
{
	static char token[] = "another token of some characters";
	struct run server;
	struct way w;
	struct error err = {""};
	struct admin_link *a = NULL;
	way_init(&w, "ws", begin(&server, NULL), token);
	assert_int_equal(admin_link_open(&a, &w.options, &err), ADMIN_LINK_REJECTED);
	assert_non_null(strstr(err.text, "does not know the token"));
	way_deinit(&w);
	end(&server);
}

static void the_exit_node_ends(void **state)
{
	static char token[] = TOKEN;
	struct run server;
	struct way w;
	struct error err = {""};
	struct admin_link *a = NULL;
	way_init(&w, "ws", begin(&server, NULL), token);
	assert_int_equal(admin_link_open(&a, &w.options, &err), 0);
	assert_int_equal(ask(a, &err), 0);
	end(&server);
	assert_int_equal(ask(a, &err), ADMIN_LINK_NO_ANSWER);
	assert_non_null(strstr(err.text, "went away before it answered"));
	admin_link_close(a);
	way_deinit(&w);
}

static int setup(void **state)
{
	static const char *const foreign[] = {"http_proxy", "https_proxy", "all_proxy",
		"HTTPS_PROXY", "ALL_PROXY", "STATE_DIRECTORY", "RUNTIME_DIRECTORY"};
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
		unsetenv(foreign[i]);
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(root))
		return -1;
	snprintf(ready, sizeof(ready), "%s/ready", root);
	return 0;
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
		cmocka_unit_test(it_asks),
		cmocka_unit_test(it_has_another_token),
		cmocka_unit_test(the_exit_node_ends),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
