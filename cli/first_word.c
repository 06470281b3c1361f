/* SPDX-License-Identifier: MIT */
#include "cli/first_word.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "client/config/options.h"
#include "config/formatting.h"
#include "server/base/options.h"

/* Other programs' commands, and "--url" of cloudflared. */
static const struct option_habit commands_of_others[] = {
	{"start run up connect agent", "tunnel client --config=FILE runs what a file says"},
	{"frpc", "its name here is tunnel client"},
	{"frps serve listen", "its name here is tunnel server"},
	{"fileserver file files static folder",
		"publish a folder with tunnel http ./DIR, and list its contents with --listing"},
	{"local", "publish a service with tunnel http PORT or tunnel tcp PORT"},
	{"https", "publish an HTTPS service with tunnel http https://HOST:PORT"},
	{"ssh", "publish an SSH server with tunnel tcp 22"},
	{"config login auth authtoken add-authtoken signup",
		"there is no account: both sides know the token, --token-from=FILE or the variable "
		"TUNNEL_TOKEN"},
	{"create route list delete domain tunnel uplink cloud",
		"nothing is set up beforehand: a client publishes while it runs, tunnel http "
		"app.example.org=3000; who may publish what says tunnel token"},
	{"service install", "systemd runs it by the units that are installed with it: systemctl "
			    "enable --now tunnel-server, or tunnel-client@NAME"},
	{"inspect metrics", "tunnel status and tunnel sessions show who is connected; --panel of "
			    "server and client has requests and /metrics"},
	{"ps clients tunnels ls", "tunnel sessions lists the clients that are connected"},
	{"get describe show",
		"what to show comes first: tunnel token list, tunnel sessions, tunnel "
		"routes, tunnel status"},
	{"log logs journal", "the log is the server's standard error, under systemd journalctl -u "
			     "tunnel-server; tunnel audit --follow shows who changes what"},
	{"backup restore", "tunnel store backup FILE copies the identities of an exit node; man "
			   "tunnel-store says how to restore them"},
	{"user users identity identities", "tunnel token list has the identities"},
	{"url hello-world", "cloudflared's tunnel --url http://localhost:3000 is tunnel http 3000 "
			    "--remote=EXIT-NODE"},
	{0},
};
static const struct option_table other_commands = {.habits = commands_of_others};

static bool has_option(const struct option_table *t, const char *word, size_t n)
{
	size_t dashes = strspn(word, "-");
	return dashes == 2 ? option_find(t, word + 2, n - 2).row != NULL
			   : option_find_letter(t, word[1]).row != NULL;
}

/* "tunnel --port=8000". */
static void explain_option(const char *word, struct error *err)
{
	size_t n = strcspn(word, "=");
	bool server = has_option(&server_option_table, word, n);
	bool client = has_option(&client_option_table, word, n);
	const char *side = server && client ? "tunnel server or tunnel client"
			   : client         ? "tunnel client"
			   : server         ? "tunnel server"
					    : NULL;
	if (side)
		error_set(err, -EINVAL, "%.*s is an option, and stands behind a command: %s",
			(int)n, word, side);
	else
		error_set(err, -EINVAL,
			"a command is missing before %.*s, which is no option of any: see tunnel "
			"help",
			(int)n, word);
}

/* A port, HOST:PORT, a URL, a path, a host name; no command has one of these signs. */
static bool is_upstream(const char *word)
{
	return strpbrk(word, ":/.") || strspn(word, "0123456789") == strlen(word);
}

static const char *nearest(const char *word, const char *const *commands, size_t n)
{
	const char *near = NULL;
	size_t len = strlen(word), best = option_slip(len) + 1;
	for (size_t i = 0; i < n; i++) {
		size_t d = option_distance(word, len, commands[i], strlen(commands[i]));
		if (d < best) {
			best = d;
			near = commands[i];
		}
	}
	return near;
}

void first_word_explain(const char *word, const char *const *commands, size_t n, struct error *err)
{
	size_t dashes = strncmp(word, "--", 2) == 0 ? 2 : 0, end = strcspn(word, "=");
	const char *habit = option_habit(&other_commands, word + dashes, end - dashes);
	size_t first = strcspn(word, " \t\r\n");
	if (formatting_check_word(NULL, word, err))
		return;
	if (habit)
		error_set(err, -EINVAL, "unknown command \"%.*s\": %s", (int)end, word, habit);
	else if (word[0] == '-' && word[1])
		explain_option(word, err);
	else if (word[first])
		error_set(err, -EINVAL,
			"\"%.*s\" and what follows are one word: quotes, or a list of arguments, "
			"keep "
			"them together; make several of it",
			(int)first, word);
	else if (is_upstream(word))
		error_set(err, -EINVAL,
			"unknown command \"%s\"; what is published stands behind http, tcp, udp or "
			"tls: tunnel http %s",
			word, word);
	else if (nearest(word, commands, n))
		error_set(err, -EINVAL, "unknown command \"%s\"; did you mean %s?", word,
			nearest(word, commands, n));
	else
		error_set(err, -EINVAL, "unknown command \"%s\"; see tunnel help", word);
}
