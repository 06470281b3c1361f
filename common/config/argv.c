/*
 * The command line: --name=value, --name value, --name for flags and where a value is implied, -x value,
 * -xvalue, -x=value; "--" ends the options, and there is nothing but options. What has an implied value
 * takes another one behind a "=" alone.
 */
#include <errno.h>
#include <string.h>

#include "config/apply.h"

struct argv {
	int n, i;
	char **v;
};

/* What was typed, taken apart; `value` NULL means that the next argument is to be looked at. */
struct typed {
	struct option_at at;
	char *value;
	int help; /* CONFIG_HELP or CONFIG_HELP_ALL; 0: it is not */
};

static int unknown(const struct option_table *t, const char *arg, size_t n, struct error *err)
{
	const char *near = option_nearest(t, arg + 2, n - 2);
	if (near)
		return error_set(err, -EINVAL, "unknown option %.*s; did you mean --%s?", (int)n,
			arg, near);
	return error_set(err, -EINVAL, "unknown option %.*s; see tunnel help %s", (int)n, arg,
		t->command);
}

/* --help and --help=all; 0: neither. */
static int help_asked(const char *name, const char *value)
{
	if (strncmp(name, OPTION_HELP_NAME, strlen(OPTION_HELP_NAME)) != 0)
		return 0;
	name += strlen(OPTION_HELP_NAME);
	if (*name && *name != '=')
		return 0;
	return value && strcmp(value, OPTION_HELP_ALL) == 0 ? CONFIG_HELP_ALL : CONFIG_HELP;
}

static int take_apart(const struct option_table *t, char *arg, struct typed *out, struct error *err)
{
	*out = (struct typed){0};
	if (arg[1] == '-') {
		size_t n = strcspn(arg, "=");
		out->at = option_find(t, arg + 2, n - 2);
		out->value = arg[n] ? arg + n + 1 : NULL;
		out->help = out->at.row ? 0 : help_asked(arg + 2, out->value);
		return out->at.row || out->help ? 0 : unknown(t, arg, n, err);
	}
	/* "-port=80" is how somebody who comes from Go types it, not a strange value for -p. */
	size_t n = strcspn(arg, "=");
	const struct option_row *named = n > 2 ? option_find(t, arg + 1, n - 1).row : NULL;
	if (named)
		return error_set(err, -EINVAL, "unknown option %.*s; did you mean --%s?", (int)n,
			arg, named->name);
	out->at = option_find_letter(t, arg[1]);
	bool help = !out->at.row && arg[1] == OPTION_HELP_LETTER && !arg[2];
	out->help = help ? CONFIG_HELP : 0;
	if (!out->at.row && !out->help)
		return error_set(err, -EINVAL, "unknown option -%c; see tunnel help %s", arg[1],
			t->command);
	if (arg[2])
		out->value = arg + 2 + (arg[2] == '=');
	return 0;
}

/*
 * `--token $TOKEN --port 80` with the variable unset must not make "--port" the token. A value that
 * does look like an option can be given with "=".
 */
static bool is_option(const struct option_table *t, const char *arg)
{
	return strncmp(arg, "--", 2) == 0 && option_find(t, arg + 2, strcspn(arg, "=") - 2).row;
}

static int next_value(struct argv *args, const struct option_table *t, struct typed *typed,
	struct error *err)
{
	const char *name = typed->at.row->name;
	if (args->i >= args->n)
		return error_set(err, -EINVAL, "--%s needs a value and is the last word", name);
	if (is_option(t, args->v[args->i])) {
		const char *next = args->v[args->i];
		return error_set(err, -EINVAL, "--%s needs a value but %.*s follows", name,
			(int)strcspn(next, "="), next);
	}
	typed->value = args->v[args->i++];
	return 0;
}

/* What the name alone means; NULL: nothing. */
static const char *implied_by(const struct option_row *row)
{
	return row->type == OPTION_FLAG ? "true" : row->implied;
}

int config_read_argv(struct config *c, int argc, char **argv, struct error *err)
{
	const struct option_table *t = config_table(c);
	struct argv args = {argc, 1, argv};
	int help = 0;

	while (args.i < argc) {
		char *arg = argv[args.i++];
		struct typed typed;
		bool options_end = strcmp(arg, "--") == 0 && args.i < argc;
		if (options_end || arg[0] != '-' || !arg[1])
			return error_set(err, -EINVAL,
				"unexpected argument \"%s\": tunnel %s takes options only",
				options_end ? argv[args.i] : arg, t->command);
		if (strcmp(arg, "--") == 0)
			break;
		int r = take_apart(t, arg, &typed, err);
		if (!r && typed.help) {
			help |= typed.help;
			continue;
		}
		const char *implied = r ? NULL : implied_by(typed.at.row);
		if (!r && !typed.value && !implied)
			r = next_value(&args, t, &typed, err);
		if (r)
			return help ? help : r;
		r = config_apply(c, typed.at, str_from(typed.value ? typed.value : implied),
			(struct config_origin){.source = FROM_COMMAND_LINE}, err);
		if (typed.at.row->type == OPTION_SECRET)
			memset(typed.value, 'x', strlen(typed.value));
		if (r)
			return help ? help : r;
	}
	return help;
}
