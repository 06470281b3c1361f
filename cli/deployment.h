/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a command line needs where it is to run for good (--generate): its words as they stand, the files that they
 * name, its token, and the ports that have to be let in. The forms of generate_*.c write it down.
 */
#include <limits.h>
#include <stdbool.h>

#include "base/error.h"
#include "config/config.h"

struct launch;
struct client_options;
struct server_options;

/* What the words alone do not say. */
struct deployment_place {
	bool server;
	const struct option_ports *ports, *control; /* of a server */
	const struct option_ranges *services;       /* of a server: for what clients publish */
	bool loopback; /* of a client: it talks to programs of its own machine */
	bool stdio;    /* it is one connection of another program's */
};

void deployment_place_client(const struct client_options *o, struct deployment_place *out);
void deployment_place_server(const struct server_options *o, struct deployment_place *out);

/* Something of this machine that the program needs to see elsewhere. */
struct deployment_file {
	char *path; /* whole */
	bool directory, secret;
	size_t word; /* which of the words ends in it; SIZE_MAX: none */
};

struct deployment {
	struct deployment_place place;
	const char *name;       /* "tunnel-server", "tunnel-client" */
	char program[PATH_MAX]; /* what runs now */
	const char *command;    /* "server", "client", "connect" */
	struct option_list
		words; /* behind the command; no token and no state directory among them */
	struct deployment_file *files;
	size_t n_files;
	bool token;       /* one is used */
	char *token_path; /* the file that it is given in; NULL: it is not given in a file */
	bool left_out;    /* a secret option that no file can give: the proxy with its password */
};

/*
 * `file`: what the configuration file says is among the words, instead of the file's name. 0, -EINVAL with a sentence,
 * or -ENOMEM; `out` is for deployment_deinit() in any case.
 */
int deployment_init(struct deployment *out, const struct launch *l, void *opts,
	const struct config *c, bool file, struct error *err);
void deployment_deinit(struct deployment *d);

/* Adds what it is told to the files. 0 or -ENOMEM. */
int deployment_add_file(struct deployment *d, const char *path, size_t word);

/* All of it is text that reads as it is. 0, -EINVAL with a sentence, or -ENOMEM. */
int deployment_check_texts(const struct deployment *d, struct error *err);

/* A path from the root on, owned by the caller; NULL: no memory, or there is no current directory. */
char *deployment_whole_path(const char *path);

/* The URLs of one --upstream as they are anywhere, with keys and commas: owned by the caller; NULL: no memory. */
char *deployment_upstream(void *element, const void *opts);
