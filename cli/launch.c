/* SPDX-License-Identifier: MIT */
#include "cli/launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/complain.h"
#include "cli/generate.h"
#include "config/config.h"
#include "config/help.h"
#include "config/shared.h"
#include "config/token_source.h"
#include "crypto/token.h"
#include "server/base/access_log.h"

static int refuse(const struct launch *l, const struct error *err)
{
	complain(LOG_ERROR, l->table->command, err->text);
	return STATUS_USAGE;
}

static void dump_line(void *arg, const char *text)
{
	log_debug("option %s", text);
}

int launch_find_token(const struct launch *l, void *opts, struct error *warning, struct error *err)
{
	struct launch_fields f = l->fields(opts);
	struct token_source src = {.path = *f.token_from, .open = *f.no_token};
	bool file_alone = src.path && !*f.token && !src.open;
	int r = token_source_find(&src, f.token, warning, err);
	if (r < 0 && file_alone)
		error_prefix(err, "--token-from");
	if (r == TOKEN_SOURCE_NONE && l->token_needed && !*f.no_token)
		return error_set(err, -1,
			"no token is given: use --token-from FILE, --token TOKEN or the variable "
			"TUNNEL_TOKEN");
	return r < 0 ? r : 0;
}

static int find_token_again(void *arg, void *opts, struct error *err)
{
	struct error warning; /* was said at start */
	return launch_find_token(arg, opts, &warning, err);
}

/* Rule 13: at every start, since it is the one mistake that nothing else makes up for. */
static void warn_about_token(const char *token)
{
	if (token && strlen(token) < TOKEN_SHORT)
		log_warn("the token has only %zu characters: anyone who records a link can guess "
			 "it; "
			 "use at least %d",
			strlen(token), TOKEN_SHORT);
}

static int log_level_of(const struct launch *l, const void *opts, const struct config *c,
	const struct launch_fields *f)
{
	bool quiet = l->quiet && l->quiet(opts) && !config_given(c, "log-level");
	return quiet ? LOG_WARN : *f->log_level;
}

static int start_log(const struct launch_fields *f, int level, struct error *err)
{
	const char *access = f->access_log ? *f->access_log : "off";
	/* A file of such a name has a path: ./stdout */
	if (access && (strcmp(access, "-") == 0 || strcmp(access, "stdout") == 0))
		access = "/dev/stdout";
	/* Of what has a form of its own the lines come whole. */
	static const enum log_format access_formats[] = {[ACCESS_FORMAT_LOGFMT] = LOG_LOGFMT,
		[ACCESS_FORMAT_JSON] = LOG_JSON,
		[ACCESS_FORMAT_COMBINED] = LOG_TEXT};
	int form = f->access_log_format ? *f->access_log_format : ACCESS_FORMAT_LOG;
	struct log_options log = {
		.level = (enum log_level)level,
		.format = (enum log_format) * f->log_format,
		.access_apart = form != ACCESS_FORMAT_LOG,
		.access_format = access_formats[form],
		.access_off = access && strcmp(access, "off") == 0,
		.access_file = access,
		.audit_file = f->audit_log ? *f->audit_log : NULL,
	};
	int r = log_start(&log, err);
	if (r == 0)
		log_rooms_apply(log.level, f->log_rooms);
	return r;
}

static int run(const struct launch *l, void *opts, const struct config *c,
	const struct error *warning)
{
	struct launch_fields f = l->fields(opts);
	const struct reload_side side = {
		.table = l->table,
		.size = l->size,
		.find = find_token_again,
		.check = l->check,
		.deinit = l->deinit,
		.arg = (void *)l,
	};
	struct error err = {"no memory"};
	struct reloader *r = reloader_new(&side, c, opts);
	if (!r || start_log(&f, log_level_of(l, opts, c, &f), &err)) {
		complain(LOG_ERROR, l->table->command, err.text);
		reloader_end(r);
		return STATUS_FAILED;
	}
	const char *note;
	for (size_t i = 0; (note = config_note(c, i)); i++)
		log_info("%s", note);
	if (warning->text[0])
		log_warn("%s", warning->text);
	warn_about_token(*f.token);
	if (log_enabled(LOG_DEBUG))
		config_dump(c, false, dump_line, NULL);
	int status = l->run(opts, r);
	log_stop();
	reloader_end(r);
	return status;
}

int launch(const struct launch *l, int argc, char **argv)
{
	struct error err = {"no memory"}, warning = {""};
	auto_free void *opts = calloc(1, l->size);
	struct config *c = opts ? config_new(l->table, opts) : NULL;
	if (!c)
		return refuse(l, &err);
	int r = config_load(c, argc, argv, &err);
	if (r == CONFIG_HELP || r == CONFIG_HELP_ALL) {
		(r == CONFIG_HELP ? help_print : help_print_all)(stdout, l->table);
		config_free(c);
		return STATUS_OK;
	}
	if (!r)
		r = l->check(opts, &err);
	const int form = r ? GENERATE_NO : *l->fields(opts).generate;
	if (!r && form == GENERATE_NO)
		r = launch_find_token(l, opts, &warning, &err);
	else if (!r)
		r = generate(l, opts, c, (enum generate)form, &err);
	int status = r ? refuse(l, &err) : form ? STATUS_OK : run(l, opts, c, &warning);
	l->deinit(opts);
	config_free(c);
	return status;
}
