/* SPDX-License-Identifier: MIT */
#include "config/help.h"

#include <inttypes.h>
#include <string.h>

/* Columns. An option that is too long for the first one has a line of its own. */
struct layout {
	int column; /* where the explanation begins */
	int width;  /* of the terminal */
};

/* Any terminal. */
static const struct layout layout_brief = {.column = 32, .width = 80};

/* For who searches in it, or reads it in a pager; as wide as the sources. */
static const struct layout layout_all = {.column = 36, .width = 100};

static const char *const type_names[] = {
	[OPTION_FLAG] = "flag",
	[OPTION_STRING] = "string",
	[OPTION_SECRET] = "secret",
	[OPTION_LIST] = "list",
	[OPTION_LINES] = "list",
	[OPTION_NUMBER] = "number",
	[OPTION_DURATION] = "duration",
	[OPTION_SIZE] = "size",
	[OPTION_ENUM] = "enum",
	[OPTION_PORTS] = "ports",
	[OPTION_RANGES] = "ranges",
	[OPTION_GROUP] = "group",
};

/* What the value is called when the row does not say. */
static const char *metavar(const struct option_row *row)
{
	if (row->metavar)
		return row->metavar;
	switch (row->type) {
	case OPTION_NUMBER:
		return "N";
	case OPTION_DURATION:
		return "TIME";
	case OPTION_SIZE:
		return "SIZE";
	case OPTION_PORTS:
		return "PORT";
	case OPTION_RANGES:
		return "PORT[-PORT],...";
	case OPTION_FLAG:
	case OPTION_STRING:
	case OPTION_SECRET:
	case OPTION_LIST:
	case OPTION_LINES:
	case OPTION_ENUM:
	case OPTION_GROUP:
		return "VALUE";
	}
	return "VALUE";
}

static void print_wrapped(FILE *to, const struct layout *l, const char *text, int column)
{
	while (*text) {
		size_t word = strcspn(text, " ");
		if (column + 1 + (int)word > l->width) {
			fprintf(to, "\n%*s", l->column, "");
			column = l->column;
		} else if (column > l->column) {
			fputc(' ', to);
			column++;
		}
		fprintf(to, "%.*s", (int)word, text);
		column += (int)word;
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', to);
}

/* "one, two or three" from the names of an enum. */
static void append_values(char *to, size_t size, const char *const *values)
{
	for (size_t i = 0; values[i]; i++) {
		size_t used = strlen(to);
		const char *between = i == 0 ? "" : values[i + 1] ? ", " : " or ";
		snprintf(to + used, size - used, "%s%s", between, values[i]);
	}
}

static void append_aliases(char *to, size_t size, const char *aliases)
{
	while (aliases && *aliases) {
		size_t n = strcspn(aliases, " "), used = strlen(to);
		snprintf(to + used, size - used, "%s--%.*s", used ? ", " : "also ", (int)n,
			aliases);
		aliases += n + strspn(aliases + n, " ");
	}
}

/* "  -p, --port=PORT", up to the column of the explanation. */
static void print_name(FILE *to, const struct layout *l, const struct option_row *row)
{
	int n = row->letter ? fprintf(to, "  -%c, --%s", row->letter, row->name)
			    : fprintf(to, "      --%s", row->name);
	if (row->type != OPTION_FLAG)
		n += fprintf(to, row->implied ? "[=%s]" : "=%s", metavar(row));
	if (n > l->column - 2) {
		fputc('\n', to);
		n = 0;
	}
	fprintf(to, "%*s", l->column - n, "");
}

static void print_row(FILE *to, const struct option_row *row)
{
	char right[1024], more[256] = "";
	print_name(to, &layout_all, row);
	append_aliases(more, sizeof more, row->aliases);
	snprintf(right, sizeof right, "%s", row->help);
	if (row->type == OPTION_ENUM) {
		strncat(right, ": ", sizeof right - strlen(right) - 1);
		append_values(right, sizeof right, row->values);
	}
	bool quiet_default = (row->type == OPTION_FLAG || row->implied) && row->default_text &&
			     strcmp(row->default_text, "false") == 0;
	const char *env = row->env;
	const char *value = quiet_default ? NULL : row->default_text;
	if (*more || env || value) {
		size_t used = strlen(right);
		snprintf(right + used, sizeof right - used, " (%s%s%s%s%s%s%s)",
			value ? "default " : "", value ? value : "",
			value && (*more || env) ? "; " : "", more, *more && env ? "; " : "",
			env ? "environment " : "", env ? env : "");
	}
	print_wrapped(to, &layout_all, right, layout_all.column);
}

/* A group is not an option, its rows are. `section` is the heading under which the last row stood. */
static void print_rows(FILE *to, const struct option_table *t, const char **section)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct option_row *row = &t->rows[i];
		if (row->group) {
			print_rows(to, row->group, section);
			continue;
		}
		if (row->section && (!*section || strcmp(row->section, *section) != 0)) {
			fprintf(to, "\n%s\n", row->section);
			*section = row->section;
		}
		print_row(to, row);
	}
}

static void print_brief_rows(FILE *to, const struct option_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct option_row *row = &t->rows[i];
		if (row->group) {
			print_brief_rows(to, row->group);
		} else if (row->brief) {
			print_name(to, &layout_brief, row);
			print_wrapped(to, &layout_brief, row->brief, layout_brief.column);
		}
	}
}

static void print_usage(FILE *to, const struct option_table *t, const struct layout *l)
{
	fprintf(to, "Usage: tunnel %s %s\n\n%s\n", t->command, t->usage ? t->usage : "[OPTION]...",
		t->summary);
	if (t->n_operands)
		fputc('\n', to);
	for (const struct option_operand *o = t->operands; o < t->operands + t->n_operands; o++) {
		int n = fprintf(to, "  %s", o->metavar);
		fprintf(to, "%*s", l->column > n ? l->column - n : 1, "");
		print_wrapped(to, l, o->help, l->column);
	}
}

static const struct option_row help_row = {.name = OPTION_HELP_NAME,
	.letter = OPTION_HELP_LETTER,
	.type = OPTION_STRING,
	.implied = "true",
	.metavar = OPTION_HELP_ALL,
	.help = "Print the options that most people need, or all of them, and end",
	.brief = "Print this help, or all options"};

void help_print(FILE *to, const struct option_table *t)
{
	const struct option_table help = {.rows = &help_row, .n = 1};
	print_usage(to, t, &layout_brief);
	if (!t->n_operands)
		fputc('\n', to);
	print_brief_rows(to, t);
	print_brief_rows(to, &help);
	if (t->example)
		fprintf(to, "\n%s", t->example);
}

void help_print_all(FILE *to, const struct option_table *t)
{
	const char *section = NULL;
	print_usage(to, t, &layout_all);
	print_rows(to, t, &section);
	print_row(to, &help_row);
	bool has_file = option_find(t, OPTION_FILE_NAME, strlen(OPTION_FILE_NAME)).row;
	fprintf(to,
		"\nAn option is --name=VALUE or --name VALUE; a TIME has a unit (250ms, 10s, "
		"5m), a SIZE"
		"\nmay have one (64KiB, 8MiB).%s\n",
		has_file ? " The same names stand in the --config file." : "");
}

static const char *or_none(const char *text)
{
	return text && *text ? text : "-";
}

static void print_table(FILE *to, const struct option_table *t, bool reloadable)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct option_row *row = &t->rows[i];
		char letter[2] = {row->letter, 0};
		if (row->group) {
			print_table(to, row->group, row->reloadable);
			continue;
		}
		fprintf(to, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row->name, or_none(letter),
			or_none(row->aliases), type_names[row->type], or_none(row->default_text),
			row->type == OPTION_FLAG ? "-" : metavar(row), or_none(row->env),
			reloadable || row->reloadable ? "reloadable" : "-");
	}
}

void help_print_table(FILE *to, const struct option_table *t)
{
	print_table(to, t, false);
	fprintf(to, OPTION_HELP_NAME "\t%c\t-\tflag\tfalse\t-\t-\t-\n", OPTION_HELP_LETTER);
}
