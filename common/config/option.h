/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What an option is, as data. Each side has one table of these rows beside its config struct
 * (server/base/options.c, client/config/options.c); everything that knows options reads the table: the command
 * line, the environment, the YAML file, defaults, --help, the man page check and the dump.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* A number, time or size that an empty text took away; see option_row::clears. */
#define OPTION_CLEARED UINT64_MAX

/* The comment of each type names its field. Texts are owned by the config struct, NULL if none. */
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
	OPTION_RANGES, /* struct option_ranges: "80" and "7000-7010", likewise; from port `min` on */
	OPTION_GROUP,  /* struct option_group: things with settings of their own, see `group` */
};

struct option_list {
	char **v;
	size_t n;
};

struct option_ports {
	uint16_t *v;
	size_t n;
};

struct option_range {
	uint16_t first, last;
};

struct option_ranges {
	struct option_range *v;
	size_t n;
};

/* Elements, one behind the other, and where each was given: what a sentence about it begins with. */
struct option_group {
	void *v;
	char **places; /* "--upstream", "tunnel.yaml:7: upstream" */
	size_t n;
};

struct option_table;

/*
 * A group's rows describe the fields of an element. The first is its key: each use of it on the
 * command line begins an element, to which the others belong until the next.
 *
 *	--upstream tcp://a:22 --port 2222 --upstream http://b	two elements, the first with a port
 *
 *	services:			the same in the file, by the group's own name
 *	  - {upstream: "tcp://a:22", port: 2222}
 *	  - upstream: http://b
 *
 * Where nothing but keys is to be said, the file takes the key's name with a list of values.
 */
struct option_row {
	const char *name;
	const char *key;     /* a shorter name for it in the file, inside its group; NULL: none */
	char letter;         /* 0: none */
	const char *aliases; /* other spellings, space between; NULL: none */
	enum option_type type;
	const char *default_text;  /* as one would type it; NULL: none */
	const char *implied;       /* the value when none is typed: --x; NULL: one is needed */
	const char *metavar;       /* what stands for the value in --help: "PORT", "FILE" */
	uint64_t min, max;         /* bounds of numbers, durations (µs), sizes; both 0: none */
	const char *const *values; /* of OPTION_ENUM, ending in NULL */
	const char *env;           /* the environment variable that gives it; NULL: none */
	const char *help;          /* one line */
	const char *
		brief; /* shorter, for --help: one of the few that most people need; NULL: it is not */
	const char *
		section; /* the heading of --help=all that this row begins; NULL: as the row before */
	const char *note; /* said when it is given another value than its default; NULL: none */
	bool required;
	const char *
		unless; /* of a required one: a row of the table that may be given instead; or NULL */
	bool begins; /* inside a group: on the command line it begins an element, as the key does; no file
			has it */
	bool clears; /* a list, number, time or size: an empty text is allowed, and takes away */
	bool reloadable; /* takes effect when the file is read again */
	size_t offset;   /* of the field in the config struct, or in the element */

	/* Checks a text further, each one of a list; NULL: every text that the type takes is allowed */
	int (*check)(struct str text, struct error *err);

	/* Of OPTION_GROUP: no secrets, and no groups inside */
	const struct option_table *group;
	size_t element; /* bytes of one */
};

/*
 * What a command takes without a name: `tunnel http 3000`, `tunnel token create web`. It is the value of one
 * of the table's options, and read before all others wherever it stands: options of a group belong to it.
 */
struct option_operand {
	const char *metavar; /* "UPSTREAM" */
	const char *help;    /* one line */
	const char *option;  /* the name of the row whose value it is */
	const char *missing; /* what to type, when there is none; NULL: it may be left out */
};

/*
 * Options of other programs that people try here, or that are to come: not taken, but answered. A name of
 * one character is a letter, -x. '_' and '-' are the same here, and so are capitals.
 */
struct option_habit {
	const char *names;  /* space between */
	const char *answer; /* what to do instead; follows "unknown option --name: " */
};

struct option_table {
	const char *command; /* "server"; NULL: a group's */
	const char *summary; /* what the command does, one line */
	const char *usage;   /* what follows the command in the usage line; NULL: "[OPTION]..." */
	const char *
		example; /* lines of --help that can be typed as they stand, each ending in a newline; or NULL */
	const struct option_row *rows;
	size_t n;
	const struct option_operand
		*operands; /* in their order; those that may be left out are last */
	size_t n_operands; /* 0: it takes options only */
	const char
		*stray; /* what to type instead of an operand where there is none; NULL: nothing */
	const struct option_habit *habits; /* ends with one without names; NULL: there are none */
};

static inline void *option_field(const struct option_row *row, void *values)
{
	return (char *)values + row->offset;
}

/* Every table has this one without naming it. */
#define OPTION_HELP_NAME   "help"
#define OPTION_HELP_LETTER 'h'
#define OPTION_HELP_ALL    "all" /* its value: everything, by sections */

/* The option whose value names the YAML file. */
#define OPTION_FILE_NAME "config"

static inline const struct option_row *option_key(const struct option_row *group)
{
	return &group->group->rows[0];
}

/* The last element, to which what comes next belongs. */
static inline void *option_group_last(const struct option_row *row, struct option_group *g)
{
	return (char *)g->v + (g->n - 1) * row->element;
}

bool option_ranges_have(const struct option_ranges *r, uint16_t port);

/* A row, and the group it is of; NULL: the table's own. */
struct option_at {
	const struct option_row *row, *group;
};

/* What it is called in the file. */
static inline const char *option_in_file(struct option_at at)
{
	return at.group && at.row->key ? at.row->key : at.row->name;
}

/*
 * Finds what is meant by a name of `n` bytes, or by a letter; row NULL: nothing. On the command line
 * the rows of groups have a name, not the groups.
 */
struct option_at option_find(const struct option_table *t, const char *name, size_t n);
struct option_at option_find_letter(const struct option_table *t, char letter);

/* Of names that several groups have, the one of the group whose element was begun last; NULL: none was. */
struct option_at option_find_behind(const struct option_table *t, const struct option_row *group,
	const char *name, size_t n);

/* The same in the file, at its top or, given a group's table, inside an element. */
const struct option_row *option_find_key(const struct option_table *t, const char *name, size_t n);

/* The name most like what was typed, or NULL if nothing is near enough to be meant. */
const char *option_nearest(const struct option_table *t, const char *typed, size_t n);
const char *option_nearest_key(const struct option_table *t, const char *typed, size_t n);

/* The answer to a name that other programs have as an option; NULL: there is none. */
const char *option_habit(const struct option_table *t, const char *name, size_t n);

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
