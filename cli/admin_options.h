/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the commands that ask a server can be told: one struct for all of them, and rows that a verb's table is
 * made of. Each verb has rows of its own (cli/verb.h), and all have those of admin_common_rows and, for --remote,
 * what tunnel client has for the way to the exit node.
 */
#include "client/config/options.h"
#include "config/option.h"

enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_NAME, OUTPUT_TSV };

/* Named by the rows' help. */
struct admin_options {
	/* Of every verb */
	char *admin_socket, *state_dir;
	struct client_options remote; /* the way; `remote.remote` NULL: a socket of this machine */
	int output;                   /* enum output */
	bool json, quiet;
	char *query; /* JMESPath; NULL: all of the answer */

	/* What a verb is about */
	char *name, *credential, *session, *host, *path, *file;
	char *url, *address;
	struct option_list headers;

	/* What an identity may; each is sent if it is given */
	struct option_list hosts, ports, udp_ports, publish, consume, allow_from;
	uint64_t max_sessions, max_streams, max_endpoints;
	uint64_t rate_up, rate_down; /* bytes a second */
	char *expires, *description;
	bool operator_;

	/* Of intentions */
	char *source, *destination;
	struct option_list meta, files;
	bool allow, deny, replace, keep_live, explain, by_source, by_destination;

	/* Of private services and endpoints */
	char *id, *service, *consumer, *owner, *status, *message, *key;
	int kind; /* POLICY_TCP, POLICY_UDP less one */
	struct option_list visibility, auto_approve, fqdns;
	bool managed, all;
	uint64_t timeout;

	/* Of keys */
	char *identity_key;

	/* Of certificates */
	char *exec;
	uint64_t lifetime; /* µs */
	bool once, pem;

	/* Of one verb or another */
	char *method; /* of HTTP */
	uint64_t every;
	int by, sort; /* enum top_view, and a column that it is sorted by */
	char *out, *from, *overlap, *label, *since, *if_match;
	uint64_t drain;
	bool yes, follow, dry_run;
};

#define ADMIN_AT(field) offsetof(struct admin_options, field)

/* A table of a verb's `own` rows, `n` more, and the common ones; the caller's, as its rows are. NULL: no memory. */
struct option_table *admin_table_new(const struct option_table *own, const struct option_row *more,
	size_t n);
/* A table of them alone. */
struct option_table *admin_table_own(const struct option_table *own);
struct option_table *admin_table_free(struct option_table *t);

/* Rows that several verbs have. */
#define ADMIN_NAME_ROW                                                                   \
	{                                                                                \
		.name = "name", .letter = 'n', .type = OPTION_STRING, .metavar = "NAME", \
		.help = "The identity, which may also stand "                            \
			"alone, without --name",                                         \
		.offset = ADMIN_AT(name)                                                 \
	}
#define ADMIN_OUT_ROW                                                                             \
	{                                                                                         \
		.name = "out", .type = OPTION_STRING, .metavar = "FILE",                          \
		.help = "Write the token to this new file, of mode 600, instead of "              \
			"standard output",                                                        \
		.brief = "Write the token to this new file, of mode 600", .offset = ADMIN_AT(out) \
	}
#define ADMIN_IF_MATCH_ROW                                                          \
	{                                                                           \
		.name = "if-match", .type = OPTION_STRING, .metavar = "REVISION",   \
		.help = "Change it only if its revision (etag) is still this one, " \
			"as show has it",                                           \
		.offset = ADMIN_AT(if_match)                                        \
	}
#define ADMIN_YES_ROW                                                                       \
	{                                                                                   \
		.name = "yes", .letter = 'y', .type = OPTION_FLAG, .default_text = "false", \
		.help = "Do not ask on the terminal first",                                 \
		.brief = "Do not ask on the terminal first", .offset = ADMIN_AT(yes)        \
	}
