/* SPDX-License-Identifier: MIT */
/*
 * The command line: --name=value, --name value, --name for flags and where a value is implied, -x value,
 * -xvalue, -x=value; "--" ends the options. What has an implied value takes another one behind a "=" alone.
 * Operands may stand anywhere, and are read first.
 */
#include <errno.h>
#include <string.h>

#include "config/config_internal.h"
#include "config/formatting.h"
#include "config/value.h"

struct argv {
	int n, i;
	char **v;
	bool options_ended;
	const struct option_row
		*flag; /* the word before was this one, by its name alone; NULL: it was not */
	const struct option_row *group; /* whose element was begun last; NULL: none was */
};

/* What was typed, taken apart. */
struct typed {
	struct option_at at; /* row NULL: an operand, or help */
	struct str name;     /* as it was typed, without dashes; of a letter empty */
	char *value;         /* of an operand the text; NULL: the name alone stands for one */
	int help;            /* CONFIG_HELP or CONFIG_HELP_ALL; 0: it is not */
};

static int unknown(const struct option_table *t, const char *arg, size_t n, struct error *err)
{
	size_t dashes = arg[1] == '-' ? 2 : 1;
	const char *name = arg + dashes, *habit = option_habit(t, name, n - dashes);
	if (habit)
		return error_set(err, -EINVAL, "unknown option %.*s: %s", (int)n, arg, habit);
	const char *near = dashes == 2 ? option_nearest(t, name, n - dashes) : NULL;
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

static int take_apart(const struct argv *args, const struct option_table *t, char *arg,
	struct typed *out, struct error *err)
{
	size_t n = strcspn(arg, "=");
	*out = (struct typed){0};
	if (arg[1] == '-') {
		out->at = option_find_behind(t, args->group, arg + 2, n - 2);
		out->name = (struct str){arg + 2, n - 2};
		out->value = arg[n] ? arg + n + 1 : NULL;
		out->help = out->at.row ? 0 : help_asked(arg + 2, out->value);
		return out->at.row || out->help ? 0 : unknown(t, arg, n, err);
	}
	/* "-port=80" is how somebody who comes from Go types it, not a strange value for -p. */
	const struct option_row *named = n > 2 ? option_find(t, arg + 1, n - 1).row : NULL;
	if (named)
		return error_set(err, -EINVAL, "unknown option %.*s; did you mean --%s?", (int)n,
			arg, named->name);
	if (n > 2 && option_habit(t, arg + 1, n - 1))
		return unknown(t, arg, n, err);
	out->at = option_find_letter(t, arg[1]);
	bool help = !out->at.row && arg[1] == OPTION_HELP_LETTER && !arg[2];
	out->help = help ? CONFIG_HELP : 0;
	if (!out->at.row && !out->help)
		return unknown(t, arg, 2, err);
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
	const char *row = typed->at.row->name;
	struct str name = typed->name.n ? typed->name : str_from(row);
	if (args->i >= args->n)
		return error_set(err, -EINVAL, "--%.*s needs a value and is the last word",
			STR_ARG(name));
	if (is_option(t, args->v[args->i])) {
		const char *next = args->v[args->i];
		return error_set(err, -EINVAL, "--%.*s needs a value but %.*s follows",
			STR_ARG(name), (int)strcspn(next, "="), next);
	}
	typed->value = args->v[args->i++];
	return 0;
}

/* What the name alone means; NULL: nothing. */
static const char *implied_by(const struct option_row *row)
{
	return row->type == OPTION_FLAG ? "true" : row->implied;
}

/* "--flag false", "--https-redirect 8443": what such a name takes is behind a '=' alone. */
static bool is_flag_value(const struct argv *args, const char *word)
{
	bool value;
	return args->flag &&
	       (args->flag->type != OPTION_FLAG || value_parse_flag(str_from(word), &value) == 0);
}

/* A word that is no option, where there may be none or one has been read. */
static int refuse_operand(const struct option_table *t, const struct argv *args, const char *word,
	struct error *err)
{
	if (is_flag_value(args, word))
		return error_set(err, -EINVAL,
			"unexpected argument \"%s\" behind --%s, whose value stands behind a '=': "
			"--%s=%s",
			word, args->flag->name, args->flag->name, word);
	if (t->n_operands == 1)
		return error_set(err, -EINVAL,
			"unexpected argument \"%s\": tunnel %s takes one %s, and it has one", word,
			t->command, t->operands->metavar);
	if (t->n_operands)
		return error_set(err, -EINVAL,
			"unexpected argument \"%s\": tunnel %s takes %zu, the last is %s", word,
			t->command, t->n_operands, t->operands[t->n_operands - 1].metavar);
	if (t->stray)
		return error_set(err, -EINVAL, "unexpected argument \"%s\": %s", word, t->stray);
	return error_set(err, -EINVAL, "unexpected argument \"%s\": tunnel %s takes options only",
		word, t->command);
}

/* Outcomes of next(). */
enum { TYPED = 0, TYPED_END = 1 };

static int next(struct argv *args, const struct option_table *t, struct typed *out,
	struct error *err)
{
	if (args->i < args->n && !args->options_ended && strcmp(args->v[args->i], "--") == 0) {
		args->options_ended = true;
		args->flag = NULL;
		args->i++;
	}
	if (args->i >= args->n)
		return TYPED_END;
	char *word = args->v[args->i++];
	int r = formatting_check_word(t, word, err);
	if (r)
		return r;
	if (args->options_ended || word[0] != '-' || !word[1]) {
		*out = (struct typed){.value = word};
		return TYPED;
	}
	r = take_apart(args, t, word, out, err);
	if (r)
		return r;
	if (out->at.group && (out->at.row == option_key(out->at.group) || out->at.row->begins))
		args->group = out->at.group;
	bool alone = !out->help && !out->value && implied_by(out->at.row);
	args->flag = alone ? out->at.row : NULL;
	return out->help || out->value || alone ? TYPED : next_value(args, t, out, err);
}

static struct option_at operand_at(const struct option_table *t, const struct option_operand *o)
{
	return option_find(t, o->option, strlen(o->option));
}

/* What stands there as an operand already; a group has as many elements as one likes. */
static bool is_given(const struct option_table *t, const struct option_row *row, size_t operands)
{
	for (size_t i = 0; i < operands; i++) {
		struct option_at at = operand_at(t, &t->operands[i]);
		if (!at.group && at.row == row)
			return true;
	}
	return false;
}

static int apply_option(struct config *c, const struct typed *typed, size_t operands,
	struct error *err)
{
	const struct option_row *row = typed->at.row;
	if (is_given(config_table(c), row, operands))
		return error_set(err, -EINVAL,
			"--%s is given twice, once without its name: keep one", row->name);
	int r = config_apply(c, typed->at, str_from(typed->value ? typed->value : implied_by(row)),
		(struct config_origin){.source = FROM_COMMAND_LINE, .typed = typed->name}, err);
	if (row->type == OPTION_SECRET)
		memset(typed->value, 'x', strlen(typed->value));
	return r;
}

static int apply_operand(struct config *c, const char *word, size_t i, struct error *err)
{
	const struct option_table *t = config_table(c);
	return config_apply(c, operand_at(t, &t->operands[i]), str_from(word),
		(struct config_origin){.source = FROM_COMMAND_LINE, .operand = true}, err);
}

/*
 * One walk along the command line, on which the options or the operands are applied. With --help anywhere
 * before a mistake there is none. `operands` is how many there are: known on the walk for the options.
 */
static int walk(struct config *c, int argc, char **argv, bool options, size_t *operands,
	struct error *err)
{
	const struct option_table *t = config_table(c);
	struct argv args = {.n = argc, .i = 1, .v = argv};
	struct typed typed;
	size_t given = 0;
	int help = 0, r;
	while (!(r = next(&args, t, &typed, err))) {
		help |= typed.help;
		bool operand = !typed.at.row && !typed.help;
		if (operand && (given == t->n_operands || is_flag_value(&args, typed.value))) {
			r = refuse_operand(t, &args, typed.value, err);
		} else if (operand) {
			args.flag = NULL;
			r = options ? 0 : apply_operand(c, typed.value, given, err);
			given++;
		} else if (typed.at.row && options) {
			r = apply_option(c, &typed, *operands, err);
		}
		if (r)
			break;
	}
	*operands = given;
	if (help)
		return help;
	return r == TYPED_END ? 0 : r;
}

/* What has to be there, and is there neither as an operand nor by its name. */
static int check_missing(struct config *c, size_t operands, struct error *err)
{
	const struct option_table *t = config_table(c);
	for (size_t i = operands; i < t->n_operands; i++) {
		struct option_at at = operand_at(t, &t->operands[i]);
		bool named = !at.group && config_origin_of(c, at.row)->source != FROM_DEFAULT;
		if (t->operands[i].missing && !named)
			return error_set(err, -EINVAL, "%s", t->operands[i].missing);
	}
	return 0;
}

int config_read_argv(struct config *c, int argc, char **argv, struct error *err)
{
	size_t operands = 0;
	/* Options of a group belong to what is before them, and that is the operand wherever it stands. */
	int r = config_table(c)->n_operands ? walk(c, argc, argv, false, &operands, err) : 0;
	size_t given = operands;
	/* In any case, as secrets are overwritten on the way. */
	struct error later;
	int again = walk(c, argc, argv, true, &operands, r ? &later : err);
	if (r || again > 0)
		return r ? r : again;
	/* What is missing is said before what is wrong besides. */
	struct error missing;
	if (check_missing(c, given, &missing)) {
		*err = missing;
		return -EINVAL;
	}
	return again;
}
