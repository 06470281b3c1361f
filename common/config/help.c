#include "config/help.h"

#include <inttypes.h>
#include <string.h>

/* Where the explanation begins; a longer option has a line of its own before it. */
#define HELP_COLUMN 36

/* Terminals of 100 columns, as the sources. */
#define HELP_WIDTH 100

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

static void print_wrapped(FILE *to, const char *text, int column)
{
	while (*text) {
		size_t word = strcspn(text, " ");
		if (column + 1 + (int)word > HELP_WIDTH) {
			fprintf(to, "\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		} else if (column > HELP_COLUMN) {
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

static void print_row(FILE *to, const struct option_row *row)
{
	char left[128], right[1024], more[256] = "";
	int n = row->letter ? snprintf(left, sizeof left, "  -%c, --%s", row->letter, row->name)
			    : snprintf(left, sizeof left, "      --%s", row->name);
	if (row->type != OPTION_FLAG)
		n += snprintf(left + n, sizeof left - (size_t)n, row->implied ? "[=%s]" : "=%s",
			metavar(row));
	n += fprintf(to, "%s", left) - n;
	if (n > HELP_COLUMN - 2) {
		fputc('\n', to);
		n = 0;
	}
	fprintf(to, "%*s", HELP_COLUMN - n, "");

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
	print_wrapped(to, right, HELP_COLUMN);
}

/* A group is not an option, its rows are. */
static void print_rows(FILE *to, const struct option_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i].group)
			print_rows(to, t->rows[i].group);
		else
			print_row(to, &t->rows[i]);
}

void help_print(FILE *to, const struct option_table *t)
{
	static const struct option_row help = {.name = OPTION_HELP_NAME,
		.letter = OPTION_HELP_LETTER,
		.type = OPTION_FLAG,
		.help = "Print this and end"};
	fprintf(to, "Usage: tunnel %s [OPTION]...\n\n%s\n\n", t->command, t->summary);
	print_rows(to, t);
	print_row(to, &help);
	fprintf(to, "\nAn option is --name=VALUE or --name VALUE; a TIME has a unit (250ms, 10s, "
		    "5m), a SIZE"
		    "\nmay have one (64KiB, 8MiB). The same names stand in the --config file.\n");
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
