#pragma once
/* The sub-commands. Each is given its own name as argv[0] and returns the program's exit status. */

enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,    /* what was asked for makes no sense; one sentence said why */
	STATUS_REJECTED = 3, /* the exit node does not know the token */
};

int command_server(int argc, char **argv);
int command_client(int argc, char **argv);
int command_http(int argc, char **argv);
int command_tcp(int argc, char **argv);
int command_udp(int argc, char **argv);
int command_tls(int argc, char **argv);
int command_check_config(int argc, char **argv);
int command_version(int argc, char **argv);
int command_help(int argc, char **argv);
