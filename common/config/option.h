#pragma once
/*
 * What an option is, as data. Each side has one table of these rows beside its config struct
 * (server/options.c, client/options.c); everything that knows options reads the table: the command
 * line, the environment, the YAML file, defaults, --help, the man page check and the dump.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The field of each type stands behind it. Texts are owned by the config struct, NULL if none. */
enum option_type {
	OPTION_FLAG,     /* bool: --x, --x=true, --x=false */
	OPTION_STRING,   /* char * */
	OPTION_SECRET,   /* char *, wiped where it came from and when freed, never shown */
	OPTION_LIST,     /* struct option_list: comma list, or repeated */
	OPTION_LINES,    /* struct option_list: repeated; commas mean what the owner says */
	OPTION_NUMBER,   /* uint64_t, min to max */
	OPTION_DURATION, /* uint64_t microseconds; "250ms", "10s", "5m", "1h" */
	OPTION_SIZE,     /* uint64_t bytes; "4096", "64KiB", "8MiB", "1GiB" */
	OPTION_ENUM,     /* int: index into `values` */
	OPTION_PORTS,    /* struct option_ports: comma list, or repeated; at most `max` of them */
};

struct option_list {
	char **v;
	size_t n;
};

struct option_ports {
	uint16_t *v;
	size_t n;
};

struct option_row {
	const char *name;
	char letter;         /* 0: none */
	const char *aliases; /* other spellings, space between; NULL: none */
	enum option_type type;
	const char *default_text;  /* as one would type it; NULL: none */
	const char *metavar;       /* what stands for the value in --help: "PORT", "FILE" */
	uint64_t min, max;         /* bounds of numbers, durations (µs), sizes; both 0: none */
	const char *const *values; /* of OPTION_ENUM, ending in NULL */
	const char *env;           /* the environment variable that gives it; NULL: none */
	const char *help;          /* one line */
	const char *note; /* said when it is given another value than its default; NULL: none */
	bool required;
	bool reloadable; /* takes effect when the file is read again */
	size_t offset;   /* of the field in the config struct */
};

struct option_table {
	const char *command; /* "server" */
	const char *summary; /* what the command does, one line */
	const struct option_row *rows;
	size_t n;
};

static inline void *option_field(const struct option_row *row, void *values)
{
	return (char *)values + row->offset;
}

/* Every table has this one without naming it. */
#define OPTION_HELP_NAME   "help"
#define OPTION_HELP_LETTER 'h'

/* The option whose value names the YAML file. */
#define OPTION_FILE_NAME "config"

/* Finds a row by name or alias of `n` bytes, or by letter; NULL if there is none. */
const struct option_row *option_find(const struct option_table *t, const char *name, size_t n);
const struct option_row *option_find_letter(const struct option_table *t, char letter);

/* The option name most like what was typed, or NULL if nothing is near enough to be meant. */
const char *option_nearest(const struct option_table *t, const char *typed, size_t n);

/*
 * Edit distance of two words, a swap of neighbours being one edit; words above 64 bytes are as far
 * apart as they are long. For names of commands as well.
 */
size_t option_distance(const char *a, size_t an, const char *b, size_t bn);

/* How many edits still count as a slip of the hand in a word of `n` bytes. */
static inline size_t option_slip(size_t n)
{
	return n < 4 ? 1 : n / 3;
}
