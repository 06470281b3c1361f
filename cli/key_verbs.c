/* SPDX-License-Identifier: MIT */
/* tunnel key: the key by which other clients know this one, end to end, and those of others that it remembers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "cli/verb.h"
#include "client/keys/client_keys.h"
#include "client/keys/identity_key.h"
#include "crypto/crypto.h"

/* 0, or an exit status with a sentence. */
static int open_dir(struct call *c, struct kept_dir *dir)
{
	if (crypto_start() < 0)
		return error_set(c->err, STATUS_FAILED, "the system's cryptography cannot be used");
	return kept_dir_open(dir, c->o->state_dir, CLIENT_STATE_NAME, c->err) < 0 ? STATUS_FAILED
										  : 0;
}

static void print_key(const struct key_pair *pair)
{
	char text[KEY_TEXT_LEN + 1];
	key_text(pair->public, text);
	puts(text);
}

/* ---- show ---- */

static int show_given(struct call *c)
{
	struct key_pair pair;
	struct error warning;
	if (crypto_start() < 0 || identity_key_read(c->o->identity_key, &pair, &warning, c->err))
		return STATUS_FAILED;
	print_key(&pair);
	if (*warning.text)
		call_advise(c, "%s", warning.text);
	key_pair_deinit(&pair);
	return 0;
}

static int show(struct call *c)
{
	struct kept_dir dir = KEPT_DIR_NULL;
	struct key_pair pair;
	bool made = false;
	if (c->o->identity_key)
		return show_given(c);
	int status = open_dir(c, &dir);
	if (!status && identity_key_keep(&dir, &pair, &made, c->err))
		status = STATUS_FAILED;
	if (!status) {
		print_key(&pair);
		key_pair_deinit(&pair);
	}
	if (made)
		call_advise(c, "there was none: it was made, and is kept in %s", dir.path);
	kept_dir_close(&dir);
	return status;
}

/* ---- new ---- */

/* Whether there is none, or the person agrees to lose it. */
static bool may_replace(struct call *c, const struct kept_dir *dir)
{
	struct key_pair pair;
	char text[KEY_TEXT_LEN + 1];
	if (identity_key_kept(dir, &pair, c->err) != 0)
		return true;
	key_text(pair.public, text);
	key_pair_deinit(&pair);
	return call_agreed(c, "replace this key, which cannot be had again?", text);
}

static int renew(struct call *c)
{
	struct kept_dir dir = KEPT_DIR_NULL;
	struct key_pair pair;
	int status = open_dir(c, &dir);
	if (!status && !may_replace(c, &dir))
		status = error_set(c->err, STATUS_FAILED, "nothing was changed");
	else if (!status && identity_key_renew(&dir, &pair, c->err))
		status = STATUS_FAILED;
	if (!status) {
		print_key(&pair);
		call_advise(c, "who knows this client by another key has to be told; a client that "
			       "runs has it with its next start");
		key_pair_deinit(&pair);
	}
	kept_dir_close(&dir);
	return status;
}

/* ---- forget ---- */

/* An alias, as the exit node has it, is remembered without what stands behind its tag. */
static void name_of(const char *typed, char name[KEY_NAME_SIZE])
{
	size_t n = strcspn(typed, "#");
	const char *slash = memchr(typed, '/', n);
	char alias[KEY_NAME_SIZE];
	snprintf(alias, sizeof(alias), "%.*s", (int)(slash ? slash - typed : (ptrdiff_t)n), typed);
	client_keys_name(alias, "", name);
	/* A bare name: at whatever exit node. */
	if (*name && name[strlen(name) - 1] == '@')
		name[strlen(name) - 1] = '\0';
	if (slash)
		snprintf(name + strlen(name), KEY_NAME_SIZE - strlen(name), "%.*s",
			(int)(n - (size_t)(slash - typed)), slash);
}

static int forget(struct call *c)
{
	struct kept_dir dir = KEPT_DIR_NULL;
	char name[KEY_NAME_SIZE];
	size_t n = 0;
	int status = open_dir(c, &dir);
	name_of(c->o->name, name);
	if (!status && known_keys_forget(&dir, name, &n, c->err) < 0)
		status = STATUS_FAILED;
	if (!status && !n)
		status = error_set(c->err, STATUS_NOT_FOUND, "no key of %s is remembered in %s",
			name, dir.path);
	if (!status)
		call_say(c, "%zu key%s of %s forgotten; the next one that is seen is remembered", n,
			n == 1 ? "" : "s", name);
	kept_dir_close(&dir);
	return status;
}

/* ---- The table ---- */

static const struct option_operand alias = {.metavar = "ALIAS",
	.help = "The private service; of one of this client's, ALIAS/LINK for the consumer with "
		"that link id",
	.option = "name",
	.missing = "the ALIAS is missing, whose key is to be forgotten"};

#define STATE_ROW                                                                       \
	{.name = "state-dir",                                                           \
		.type = OPTION_STRING,                                                  \
		.metavar = "DIR",                                                       \
		.env = "STATE_DIRECTORY",                                               \
		.help = "The client's state directory; default: in the XDG state home", \
		.brief = "The client's state directory",                                \
		.offset = ADMIN_AT(state_dir)},                                         \
		{.name = "quiet",                                                       \
			.letter = 'q',                                                  \
			.type = OPTION_FLAG,                                            \
			.default_text = "false",                                        \
			.help = "Print only what was asked for",                        \
			.offset = ADMIN_AT(quiet)},

static const struct option_row show_rows[] =
	{{.name = "identity-key",
		 .type = OPTION_STRING,
		 .metavar = "FILE",
		 .help = "The file of this private key, instead "
			 "of the one that is kept",
		 .offset = ADMIN_AT(identity_key)},
		STATE_ROW};

static const struct option_row new_rows[] = {ADMIN_YES_ROW, STATE_ROW};

static const struct option_row forget_rows[] = {{.name = "name",
							.type = OPTION_STRING,
							.metavar = "ALIAS",
							.help = "The private service, which may "
								"also stand alone, without --name",
							.offset = ADMIN_AT(name)},
	STATE_ROW};

static const struct verb verbs[] = {
	{.name = "show",
		.table = {.command = "key show",
			.summary = "Prints this client's public key; makes it where there is none.",
			.rows = show_rows,
			.n = ARRAY_LEN(show_rows)},
		.run = show},
	{.name = "new",
		.table = {.command = "key new",
			.summary = "Makes another key, in the place of the one that is kept.",
			.rows = new_rows,
			.n = ARRAY_LEN(new_rows)},
		.run = renew},
	{.name = "forget",
		.table = {.command = "key forget",
			.summary = "Forgets the key that was seen of somebody, so that another one "
				   "is taken.",
			.usage = "ALIAS [OPTION]...",
			.rows = forget_rows,
			.n = ARRAY_LEN(forget_rows),
			.operands = &alias,
			.n_operands = 1},
		.run = forget},
};

const struct noun noun_key = {.name = "key",
	.summary = "Keys by which clients know each other, end to end",
	.verbs = verbs,
	.n = ARRAY_LEN(verbs),
	.local = true};
