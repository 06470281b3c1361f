/* SPDX-License-Identifier: MIT */
#pragma once
/* Which of its sources gives the token, and whether a file may hold a secret. */
#include <stdbool.h>

#include "base/error.h"

/* Longer is a mistake (a certificate, a log): no token need be above this many bytes. */
#define TOKEN_SOURCE_MAX 4096

/* The environment variable and the name below it under which systemd hands the token over. */
#define CREDENTIALS_ENV  "CREDENTIALS_DIRECTORY"
#define CREDENTIALS_NAME "tunnel.token"

/* Outcomes; 0 is success. */
enum {
	TOKEN_SOURCE_EXPOSED =
		1,             /* token_source_check_file(): others can read it, see the warning */
	TOKEN_SOURCE_NONE = 1, /* token_source_find(): none was given */
};

/*
 * Refuses a file that group or others can read, with -EPERM. Where mounts are read-only or in
 * memory, and where secrets are handed over by others (/run/secrets, $CREDENTIALS_DIRECTORY), modes
 * are not the owner's choice, and it is a warning.
 */
int token_source_check_file(int fd, const char *path, struct error *warning_out, struct error *err);

struct token_source {
	const char *path; /* --token-from, NULL if not given */
	bool open;        /* --no-token */
};

/*
 * Finds the token: `*token` as it stands (--token, TUNNEL_TOKEN, the configuration file), else
 * --token-from, else systemd's credential; trailing CR and LF removed. On 0 `*token` is the caller's
 * to wipe and free, and `warning_out` has a sentence or "". TOKEN_SOURCE_NONE leaves it NULL. Errors:
 * more sources than one, an empty token, a file that cannot be read or that others can.
 */
int token_source_find(const struct token_source *src, char **token, struct error *warning_out,
	struct error *err);
