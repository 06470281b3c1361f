/* SPDX-License-Identifier: MIT */
#include "server/announce.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"

/* Where the client's command looks for the token on another machine: in its directory. */
#define ANNOUNCE_FILE "token"

/* As a command, and wiped: a token may be in it. */
static void say_command(struct buf *line)
{
	if (buf_append(line, "", 1) == 0)
		log_command((const char *)buf_head(line));
	explicit_bzero(line->data, line->cap);
	buf_deinit(line);
}

/* The file with the token, from the root on; "": there is none that could be copied. */
static const char *token_file(const struct announce *a, char path[PATH_MAX])
{
	const char *file = a->files->token ? a->files->token_path : a->opts->token_from;
	struct stat st;
	/* A pipe, as in --token-from <(pass show tunnel), is gone by now. */
	if (!file || stat(file, &st) < 0 || !S_ISREG(st.st_mode))
		return "";
	return realpath(file, path) ? path : file;
}

/* Before the command, as it needs what this says. */
static void say_how_token_comes(const struct announce *a, const char *file)
{
	struct buf line = BUF_NULL;
	if (a->opts->no_token)
		return;
	if (!*file) {
		log_info("to publish a service, write the token of this server to the file "
			 "\"" ANNOUNCE_FILE
			 "\" on the service's machine (mode 600), and run there:");
		return;
	}
	log_info("to publish a service, run these two lines on its machine, the first as somebody "
		 "who may read the token here:");
	if (advertise_copy(&line, a->address, file, ANNOUNCE_FILE) == 0)
		say_command(&line);
	else
		buf_deinit(&line);
}

static void say_publish(const struct announce *a)
{
	const struct server_options *o = a->opts;
	char path[PATH_MAX], remote[ADVERTISE_SIZE + 8];
	struct str token = STR_NULL;
	struct buf line = BUF_NULL;
	const char *file = token_file(a, path), *from = o->no_token ? NULL : ANNOUNCE_FILE;
	bool shown = a->files->token && advertise_may_show(o->print_token);
	if (shown)
		token = (struct str){(const char *)a->files->token->bytes, a->files->token->n};
	else if (a->how == ADVERTISE_HERE && *file)
		from = file;
	if (from != file && !shown && !o->no_token)
		say_how_token_comes(a, file);
	else
		log_info("to publish a service, run this line beside it:");
	snprintf(remote, sizeof(remote), "%s%s", a->tls ? "wss://" : "", a->address);
	if (advertise_command(&line, remote, token, from, a->pin) == 0)
		say_command(&line);
	else
		buf_deinit(&line);
}

void announce(const struct announce *a)
{
	say_publish(a);
	if (a->how == ADVERTISE_GUESS)
		log_info("the address %s is a guess, made of the default route: if others reach "
			 "this machine by another, say so with --advertise=HOST[:PORT]",
			a->address);
	else if (a->how == ADVERTISE_HERE)
		log_info("only this machine reaches %s (--bind-addr): if others come through a "
			 "proxy or a tunnel, name that with --advertise=HOST[:PORT]",
			a->address);
	/* Else the file was named with the command. */
	if (a->files->token_made && advertise_may_show(a->opts->print_token))
		log_info("the token was made at this start, and is kept in %s",
			a->files->token_path);
}
