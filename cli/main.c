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
#include "cli/complete.h"
#include "cli/first_word.h"
#include "cli/libraries.h"
#include "cli/noun.h"
#include "cli/process.h"
#include "client/config/options.h"
#include "config/help.h"
#include "server/base/options.h"
#include "version.h"

static const struct command commands[] = {
	{"server", command_server, &server_option_table,
		"Run the exit node, on the machine with a public address"},
	{"client", command_client, &client_option_table,
		"Publish services through the exit node; runs beside them"},
	{"connect", command_connect, &connect_option_table,
		"Use private services of others at local ports: tunnel connect"},
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
	{"completion", command_completion, NULL, NULL},
	{"complete", command_complete, NULL, NULL},
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* More than there are nouns. */
#define NOUNS_MAX 16

static int unknown(const char *name)
{
	const char *names[ARRAY_LEN(commands) + NOUNS_MAX];
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		names[n++] = commands[i].name;
	for (const struct noun *const *noun = nouns; *noun && n < ARRAY_LEN(names); noun++)
		names[n++] = (*noun)->name;
	struct error err;
	first_word_explain(name, names, n, &err);
	print_line(stderr, "tunnel: ", err.text);
	return STATUS_USAGE;
}

/* Can be typed as they stand, on one machine; tests do. */
static const char examples[] =
	"Examples, all on this machine:\n"
	"  tunnel server\n"
	"  tunnel http 3000 --remote=127.0.0.1 --token-from ~/.local/state/tunnel/token\n"
	"  curl http://127.0.0.1:8000/\n\n";

#define OVERVIEW_WIDTH 80 /* columns of a terminal */

/* Those that need no server are commands like others. */
static void overview_nouns(FILE *to)
{
	const char *lead = "Of a running server:";
	size_t column = strlen(lead);
	for (const struct noun *const *noun = nouns; *noun; noun++)
		if ((*noun)->local)
			fprintf(to, "  %-14s%s\n", (*noun)->name, (*noun)->summary);
	fprintf(to, "\n%s", lead);
	bool any = false;
	for (const struct noun *const *noun = nouns; *noun; noun++) {
		size_t n = strlen((*noun)->name) + strlen(" ,");
		if ((*noun)->local)
			continue;
		fputs(any ? "," : "", to);
		if (column + n > OVERVIEW_WIDTH) {
			fputs("\n ", to);
			column = 1;
		}
		fprintf(to, " %s", (*noun)->name);
		column += n;
		any = true;
	}
}

static void overview(FILE *to)
{
	fputs("Usage: tunnel COMMAND [OPTION]...\n\n"
	      "Publish a private service through a public server.\n\n",
		to);
	fputs(examples, to);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (commands[i].summary)
			fprintf(to, "  %-14s%s\n", commands[i].name, commands[i].summary);
	overview_nouns(to);
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

/* `--table` is for tests, and is not advertised. */
static void print_table(const struct option_table *t, const char *how)
{
	if (strcmp(how, "--table") == 0)
		help_print_table(stdout, t);
	else if (*how)
		help_print_all(stdout, t);
	else
		help_print(stdout, t);
}

static void help_about(const struct command *c, const char *how)
{
	if (!c->table)
		printf("Usage: tunnel %s\n\n%s\n", c->name,
			c->summary ? c->summary : "For shells: see COMPLETION in tunnel(1).");
	else
		print_table(c->table, how);
}

/* `verb` NULL: the noun alone was named. */
static int help_about_noun(const struct noun *noun, char *verb, const char *how)
{
	struct error err;
	int skip;
	if (!verb && *noun->verbs[0].name) {
		noun_overview(stdout, noun);
		return STATUS_OK;
	}
	const struct verb *found = noun_verb(noun, verb ? 1 : 0, &verb, &skip, &err);
	struct option_table *t = found ? verb_table(noun, found) : NULL;
	if (t)
		print_table(t, how);
	else
		print_line(stderr, "tunnel: ", found ? "no memory" : err.text);
	admin_table_free(t);
	return t ? STATUS_OK : STATUS_USAGE;
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
	char *names[2] = {NULL, NULL}; /* a command, or a noun and its verb */
	const char *how = "";
	for (int i = 1; i < argc; i++) {
		const char *manner = help_manner(argv[i]);
		bool second = names[0] && !names[1] && noun_find(names[0]);
		if (manner) {
			how = manner;
		} else if (!names[0] || second) {
			names[second] = argv[i];
		} else {
			fprintf(stderr,
				"tunnel help: it takes one command at most, and has \"%s\" "
				"and \"%s\"\n",
				names[0], argv[i]);
			return STATUS_USAGE;
		}
	}
	if (!names[0] || strcmp(names[0], "--help") == 0 || strcmp(names[0], "-h") == 0) {
		overview(stdout);
		return STATUS_OK;
	}
	const struct noun *noun = noun_find(names[0]);
	const struct command *c = find(names[0]);
	if (noun)
		return help_about_noun(noun, names[1], how);
	if (!c)
		return unknown(names[0]);
	help_about(c, how);
	return STATUS_OK;
}

int command_complete(int argc, char **argv)
{
	complete(commands, ARRAY_LEN(commands), argc - 1, argv + 1);
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
	const struct noun *noun = noun_find(name);
	if (noun)
		return finish(noun_run(noun, argc - 1, argv + 1));
	return finish(c ? c->run(argc - 1, argv + 1) : unknown(name));
}
