#include "cli/launch.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/commands.h"
#include "config/config.h"
#include "config/help.h"
#include "config/token_source.h"
#include "crypto/token.h"

static int refuse(const struct launch *l, const struct error *err)
{
	fprintf(stderr, "tunnel %s: %s\n", l->table->command, err->text);
	return STATUS_USAGE;
}

static void dump_line(void *arg, const char *text)
{
	log_debug("option %s", text);
}

static int find_token(const struct launch *l, struct error *warning, struct error *err)
{
	struct token_source src = {.path = *l->token_from, .open = *l->no_token};
	int r = token_source_find(&src, l->token, warning, err);
	if (r == TOKEN_SOURCE_NONE && l->token_needed && !*l->no_token)
		return error_set(err, -1,
			"no token is given: use --token-from FILE, --token TOKEN or the variable "
			"TUNNEL_TOKEN");
	return r < 0 ? r : 0;
}

/* Rule 13: at every start, since it is the one mistake that nothing else makes up for. */
static void warn_about_token(const char *token)
{
	if (token && strlen(token) < TOKEN_SHORT)
		log_warn("the token has only %zu characters: whoever records a link can guess it; "
			 "take at least %d",
			strlen(token), TOKEN_SHORT);
}

static int run(const struct launch *l, const struct config *c, const struct error *warning)
{
	const char *access = l->access_log ? *l->access_log : "off";
	struct error err;
	struct log_options log = {
		.level = (enum log_level) * l->log_level,
		.format = (enum log_format) * l->log_format,
		.access_off = access && strcmp(access, "off") == 0,
		.access_file = access,
	};
	if (log_start(&log, &err)) {
		fprintf(stderr, "tunnel %s: %s\n", l->table->command, err.text);
		return STATUS_FAILED;
	}
	const char *note;
	for (size_t i = 0; (note = config_note(c, i)); i++)
		log_info("%s", note);
	if (warning->text[0])
		log_warn("%s", warning->text);
	warn_about_token(*l->token);
	if (log_enabled(LOG_DEBUG))
		config_dump(c, dump_line, NULL);
	int status = l->run(l->opts);
	log_stop();
	return status;
}

int launch(const struct launch *l, int argc, char **argv)
{
	struct error err = {"no memory"}, warning = {""};
	struct config *c = config_new(l->table, l->opts);
	int status = STATUS_OK;
	if (!c)
		return refuse(l, &err);
	int r = config_load(c, argc, argv, &err);
	if (r == CONFIG_HELP) {
		help_print(stdout, l->table);
		config_free(c);
		return status;
	}
	if (!r)
		r = l->check(l->opts, &err);
	if (!r)
		r = find_token(l, &warning, &err);
	status = r ? refuse(l, &err) : run(l, c, &warning);
	l->deinit(l->opts);
	config_free(c);
	return status;
}
