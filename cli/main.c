/* SPDX-License-Identifier: MIT */
/*
 * The `tunnel` program: finds the sub-command in one table, from which the overview is made too.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "cli/commands.h"
#include "cli/complain.h"
#include "cli/first_word.h"
#include "cli/libraries.h"
#include "cli/process.h"
#include "client/config/options.h"
#include "config/help.h"
#include "server/base/options.h"
#include "version.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const struct option_table *table; /* NULL: takes no options */
	const char *summary;
} commands[] = {
	{"server", command_server, &server_option_table,
		"Run the exit node, on the machine with a public address"},
	{"client", command_client, &client_option_table,
		"Publish services through the exit node; runs beside them"},
	{"http", command_http, &client_short_forms[UPSTREAM_FORM_HTTP],
		"Publish a web site: tunnel http 3000 --remote=EXIT-NODE"},
	{"tcp", command_tcp, &client_short_forms[UPSTREAM_FORM_TCP],
		"Publish a TCP service at a public port: tunnel tcp 22"},
	{"udp", command_udp, &client_short_forms[UPSTREAM_FORM_UDP],
		"Publish a UDP service at a public port: tunnel udp 53"},
	{"tls", command_tls, &client_short_forms[UPSTREAM_FORM_TLS],
		"Publish a TLS service by its server name: tunnel tls HOST=443"},
	{"check-config", command_check_config, NULL,
		"Check a configuration file: tunnel check-config FILE"},
	{"version", command_version, NULL, "Print the version of tunnel and of its libraries"},
	{"help", command_help, NULL, "Explain a command: tunnel help [COMMAND]"},
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int unknown(const char *name)
{
	const char *names[ARRAY_LEN(commands)];
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		names[i] = commands[i].name;
	struct error err;
	first_word_explain(name, names, ARRAY_LEN(names), &err);
	print_line(stderr, "tunnel: ", err.text);
	return STATUS_USAGE;
}

/* Can be typed as they stand, on one machine; tests do. */
static const char examples[] =
	"Examples, all on this machine:\n"
	"  tunnel server\n"
	"  tunnel http 3000 --remote=127.0.0.1 --token-from ~/.local/state/tunnel/token\n"
	"  curl http://127.0.0.1:8000/\n\n";

static void overview(FILE *to)
{
	fputs("Usage: tunnel COMMAND [OPTION]...\n\n"
	      "Publish a private service through a public server.\n\n",
		to);
	fputs(examples, to);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(to, "  %-14s%s\n", commands[i].name, commands[i].summary);
	fputs("\nMore: tunnel COMMAND --help, and --help=all for every option; man tunnel\n", to);
}

int command_version(int argc, char **argv)
{
	if (argc > 1) {
		fprintf(stderr, "tunnel version: it takes no arguments\n");
		return STATUS_USAGE;
	}
	printf("tunnel " TUNNEL_VERSION "\n" LIBRARIES "\n");
	return STATUS_OK;
}

/* `--table` is for tests and completion scripts, and is not advertised. */
static void help_about(const struct command *c, const char *how)
{
	if (!c->table)
		printf("Usage: tunnel %s\n\n%s\n", c->name, c->summary);
	else if (strcmp(how, "--table") == 0)
		help_print_table(stdout, c->table);
	else if (*how)
		help_print_all(stdout, c->table);
	else
		help_print(stdout, c->table);
}

/* "all", "--all", "--help=all", "--table": before the command's name, or behind it. */
static const char *help_manner(const char *word)
{
	static const char *const words[] = {OPTION_HELP_ALL, "--" OPTION_HELP_ALL,
		"--help=" OPTION_HELP_ALL, "--table"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(word, words[i]) == 0)
			return words[i];
	return NULL;
}

int command_help(int argc, char **argv)
{
	const char *name = NULL, *how = "";
	for (int i = 1; i < argc; i++) {
		const char *manner = help_manner(argv[i]);
		if (manner) {
			how = manner;
		} else if (name) {
			fprintf(stderr,
				"tunnel help: it takes one command at most, and has \"%s\" "
				"and \"%s\"\n",
				name, argv[i]);
			return STATUS_USAGE;
		} else {
			name = argv[i];
		}
	}
	if (!name || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		overview(stdout);
		return STATUS_OK;
	}
	const struct command *c = find(name);
	if (!c)
		return unknown(name);
	help_about(c, how);
	return STATUS_OK;
}

/* Spellings that people try before they read. */
static const char *plain_name(const char *typed)
{
	static const struct {
		const char *typed, *command;
	} spellings[] = {{"--help", "help"}, {"-h", "help"}, {"-help", "help"}, {"-?", "help"},
		{"--version", "version"}, {"-V", "version"}, {"-v", "version"},
		{"-version", "version"}};
	for (size_t i = 0; i < ARRAY_LEN(spellings); i++)
		if (strcmp(typed, spellings[i].typed) == 0)
			return spellings[i].command;
	return typed;
}

/* What was printed has to have arrived: a full disk, or a pipe that nobody reads, is no success. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "tunnel: standard output cannot be written to: %s\n", strerror(errno));
	return status == STATUS_OK ? STATUS_FAILED : status;
}

int main(int argc, char **argv)
{
	process_prepare();
	if (argc < 2) {
		overview(stderr);
		return STATUS_USAGE;
	}
	const char *name = plain_name(argv[1]);
	const struct command *c = find(name);
	return finish(c ? c->run(argc - 1, argv + 1) : unknown(name));
}
