/* SPDX-License-Identifier: MIT */
#pragma once
/* The sub-commands. Each is given its own name as argv[0] and returns the program's exit status. */

#include <stddef.h>

#include "base/exit_status.h"
#include "config/option.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const struct option_table *table; /* NULL: takes no options */
	const char *summary;              /* NULL: for programs, and not listed */
};

int command_server(int argc, char **argv);
int command_client(int argc, char **argv);
int command_connect(int argc, char **argv);
int command_http(int argc, char **argv);
int command_tcp(int argc, char **argv);
int command_udp(int argc, char **argv);
int command_tls(int argc, char **argv);
int command_check_config(int argc, char **argv);
int command_version(int argc, char **argv);
int command_help(int argc, char **argv);
int command_complete(int argc, char **argv);
int command_completion(int argc, char **argv);
