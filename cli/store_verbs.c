/* SPDX-License-Identifier: MIT */
/* tunnel store: the file in which identities survive. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "cli/answer.h"
#include "cli/verb.h"

/* The server writes it, whose working directory is another. */
static int backup_body(struct call *c, json_t **body_out)
{
	char here[PATH_MAX];
	auto_free char *path = NULL;
	bool absolute = c->o->file[0] == '/';
	if (!absolute && c->o->remote.remote)
		return error_set(c->err, STATUS_USAGE,
			"with --remote the FILE is one of that machine: its name begins with a "
			"slash");
	if (!absolute && !getcwd(here, sizeof here))
		return error_set(c->err, STATUS_FAILED, "this directory has no name any more: %m");
	if (asprintf(&path, "%s%s%s", absolute ? "" : here, absolute ? "" : "/", c->o->file) < 0) {
		path = NULL;
		return error_set(c->err, STATUS_FAILED, "no memory");
	}
	*body_out = json_pack("{s:s}", "file", path);
	return *body_out ? 0 : error_set(c->err, STATUS_USAGE, "the FILE's name is not UTF-8");
}

static int say_backup(struct call *c, const json_t *answer)
{
	call_say(c, "the store is in %s; whoever has that file can be any client", c->o->file);
	return 0;
}

static int say_check(struct call *c, const json_t *answer)
{
	if (json_is_false(json_object_get(answer, "sound")))
		return error_set(c->err, STATUS_FAILED, "%s", answer_text(answer, "detail"));
	call_say(c, "the store is sound");
	return 0;
}

static const struct option_operand file = {.metavar = "FILE",
	.help = "The new file, where the server may write: below its state directory",
	.option = "file",
	.missing = "the FILE of the backup is missing"};
static const struct option_row backup_rows[] = {{.name = "file",
	.type = OPTION_STRING,
	.metavar = "FILE",
	.help = "The new file, which may also stand alone, without --file",
	.offset = ADMIN_AT(file)}};

static const struct verb verbs[] = {
	{.name = "backup",
		.table = {.command = "store backup",
			.summary =
				"Writes a copy of the store to a new file, while the server runs.",
			.usage = "FILE [OPTION]...",
			.rows = backup_rows,
			.n = ARRAY_LEN(backup_rows),
			.operands = &file,
			.n_operands = 1},
		.offline = true,
		.method = "POST",
		.path = "/api/v1/store/backup",
		.body = backup_body,
		.say = say_backup},
	{.name = "check",
		.table = {.command = "store check",
			.summary = "Reads the whole store, and says whether it is damaged."},
		.offline = true,
		.method = "POST",
		.path = "/api/v1/store/check",
		.say = say_check},
};
static const struct option_habit others[] = {
	{"restore import load", "the server is stopped, and the copy put in the place of store.db: "
				"see RESTORING in man tunnel-store"},
	{"save dump export snapshot", "tunnel store backup FILE writes a copy"},
	{"verify", "tunnel store check reads all of it"},
	{0},
};
const struct noun noun_store = {.habits = others,
	.name = "store",
	.summary = "The file in which identities survive",
	.verbs = verbs,
	.n = ARRAY_LEN(verbs)};
