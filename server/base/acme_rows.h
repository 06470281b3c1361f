/* SPDX-License-Identifier: MIT */
#pragma once
/* The options about certificates by ACME, for the table in options.c. */
#include "server/base/acme_options.h"

/*
 *	acme-names-per-hour	a small site's names at its first start; a public CA allows 50 and more a week
 *	acme-names-per-identity	a guess: more are a reason for a wildcard
 */
#define ACME_ROWS(options)                                                                         \
	{.name = "acme",                                                                           \
		.aliases = "letsencrypt-email",                                                    \
		.type = OPTION_STRING,                                                             \
		.metavar = "EMAIL",                                                                \
		.check = acme_email_check,                                                         \
		.help = "Get certificates for the names that clients publish, from a CA that "     \
			"speaks ACME, whose terms this accepts; EMAIL is the account's contact",   \
		.section = "Certificates by ACME",                                                 \
		.offset = offsetof(options, acme)},                                                \
		{.name = "acme-server",                                                            \
			.aliases = "letsencrypt-issuer",                                           \
			.type = OPTION_STRING,                                                     \
			.default_text = ACME_LETSENCRYPT,                                          \
			.metavar = "URL",                                                          \
			.check = acme_server_check,                                                \
			.help = "The CA's directory, or prod or staging for those of Let's "       \
				"Encrypt",                                                         \
			.offset = offsetof(options, acme_server)},                                 \
		{.name = "acme-ca",                                                                \
			.type = OPTION_STRING,                                                     \
			.metavar = "FILE",                                                         \
			.help = "Trust these CAs for the connection to a private --acme-server, "  \
				"and let names have private addresses",                            \
			.offset = offsetof(options, acme_ca)},                                     \
		{.name = "acme-eab",                                                               \
			.type = OPTION_STRING,                                                     \
			.metavar = "FILE",                                                         \
			.help = "What a CA has given to bind the account to one that it knows: "   \
				"the "                                                             \
				"key's id, a space, and the key in base64url",                     \
			.offset = offsetof(options, acme_eab)},                                    \
		{.name = "acme-profile",                                                           \
			.type = OPTION_STRING,                                                     \
			.metavar = "NAME",                                                         \
			.help = "The kind of certificate, of those that the CA offers, as "        \
				"shortlived; "                                                     \
				"default: the CA's choice",                                        \
			.offset = offsetof(options, acme_profile)},                                \
		{.name = "acme-challenge",                                                         \
			.type = OPTION_ENUM,                                                       \
			.default_text = "auto",                                                    \
			.metavar = "CHALLENGE",                                                    \
			.values = acme_challenge_words,                                            \
			.help = "How names are proved to the CA: at port 80, at port 443, by a "   \
				"record "                                                          \
				"in DNS; auto: at the port that leads here, and wildcards by DNS", \
			.offset = offsetof(options, acme_challenge)},                              \
		{.name = "acme-dns-hook",                                                          \
			.type = OPTION_STRING,                                                     \
			.metavar = "PROGRAM",                                                      \
			.help = "Run it with add or remove, a name and a value, for TXT records "  \
				"in DNS: "                                                         \
				"the only way to wildcards",                                       \
			.offset = offsetof(options, acme_dns_hook)},                               \
		{.name = "acme-domain",                                                            \
			.aliases = "letsencrypt-domain",                                           \
			.type = OPTION_LIST,                                                       \
			.metavar = "NAME,...",                                                     \
			.check = acme_names_check,                                                 \
			.help = "Names of the exit node itself, whose certificates are ordered "   \
				"at the start",                                                    \
			.offset = offsetof(options, acme_domain)},                                 \
		{.name = "acme-names",                                                             \
			.type = OPTION_LIST,                                                       \
			.metavar = "NAME,...",                                                     \
			.check = acme_names_check,                                                 \
			.help = "Names that certificates are ordered for when clients publish "    \
				"them, *.example.org for those below it; default: every name",     \
			.offset = offsetof(options, acme_names)},                                  \
		{.name = "acme-names-per-hour",                                                    \
			.type = OPTION_NUMBER,                                                     \
			.default_text = "10",                                                      \
			.min = 1,                                                                  \
			.max = 10000,                                                              \
			.help = "New names of one identity within an hour",                        \
			.offset = offsetof(options, acme_names_per_hour)},                         \
	{                                                                                          \
		.name = "acme-names-per-identity", .type = OPTION_NUMBER, .default_text = "100",   \
		.min = 1, .max = 100000, .help = "Names of one identity that have certificates",   \
		.offset = offsetof(options, acme_names_per_identity)                               \
	}
