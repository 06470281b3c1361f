/*
 * tunnel check-config: reads a file as the command would, without the command line, the environment or
 * the token, and says what it comes to. Which side it is for shows in its options.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "cli/commands.h"
#include "cli/launch.h"
#include "config/config.h"

struct judgement {
	const struct launch *side;
	void *opts;
	struct config *config;
	size_t strangers; /* options in the file that this side does not know */
	struct error err; /* why it is none of this side's; "" when it is */
};

static void judge(struct judgement *j, const char *path)
{
	error_set(&j->err, 0, "no memory");
	j->opts = calloc(1, j->side->size);
	j->config = j->opts ? config_new(j->side->table, j->opts) : NULL;
	if (!j->config)
		return;
	int r = config_load_file(j->config, path, &j->strangers, &j->err);
	if (!r)
		r = j->side->check(j->opts, &j->err);
	if (!r)
		j->err.text[0] = 0;
}

static void judgement_deinit(struct judgement *j)
{
	if (j->config)
		j->side->deinit(j->opts);
	config_free(j->config);
	free(j->opts);
}

static void print_option(void *arg, const char *text)
{
	printf("  %s\n", text);
}

/* One that either side could take is told as the first's; it says little anyway. */
static int tell(const struct judgement *v, size_t n, const char *path)
{
	const struct judgement *best = &v[0];
	bool all = true;
	for (size_t i = 0; i < n; i++) {
		const struct judgement *j = &v[i];
		bool better = !j->err.text[0] && best->err.text[0];
		if (better || (j->strangers < best->strangers && best->err.text[0]))
			best = j;
		all = all && !j->err.text[0];
	}
	if (best->err.text[0]) {
		fprintf(stderr, "tunnel check-config: %s\n", best->err.text);
		return STATUS_USAGE;
	}
	printf("%s is a valid %s configuration\n", path,
		all ? "server or client" : best->side->table->command);
	config_dump(best->config, true, print_option, NULL);
	const char *note;
	for (size_t i = 0; (note = config_note(best->config, i)); i++)
		printf("  note: %s\n", note);
	return STATUS_OK;
}

int command_check_config(int argc, char **argv)
{
	bool help = argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
	if (argc != 2 || argv[1][0] == '-') {
		fprintf(help ? stdout : stderr, "Usage: tunnel check-config FILE\n");
		return help ? STATUS_OK : STATUS_USAGE;
	}
	struct judgement v[] = {{.side = &launch_server}, {.side = &launch_client}};
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		judge(&v[i], argv[1]);
	int status = tell(v, ARRAY_LEN(v), argv[1]);
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		judgement_deinit(&v[i]);
	return status;
}
