/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The option tables of one private service that is used: --service, and the options that stand behind it. And the
 * rows about all of them, for tables of struct client_options.
 */
#include "client/config/options.h"

/* Each fills a struct local_options. The second has --stdio, too. */
extern const struct option_table local_option_table;
extern const struct option_table local_stdio_option_table;

/* Whether it is a mode of a file, in octal. */
int local_check_socket_mode(struct str text, struct error *err);

#define LOCAL_PLACE_ROWS                                                                        \
	{.name = "hosts-file",                                                                  \
		.type = OPTION_STRING,                                                          \
		.metavar = "FILE",                                                              \
		.help = "Keep the services' names in this file, such as /etc/hosts, each at a " \
			"loopback address of "                                                  \
			"its own",                                                              \
		.offset = offsetof(struct client_options, hosts_file)},                         \
	{                                                                                       \
		.name = "socket-mode", .type = OPTION_STRING, .default_text = "0600",           \
		.metavar = "MODE", .check = local_check_socket_mode,                            \
		.help = "The mode of the Unix sockets at which private services are found",     \
		.offset = offsetof(struct client_options, socket_mode)                          \
	}
