/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The one printer of tables. Rows are JSON objects of the API, columns say which member stands where. Names,
 * versions and addresses come from others: what would steer a terminal or begin another line is escaped.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "cli/admin_options.h"

enum cell {
	CELL_TEXT,  /* a text or number as it stands; true as "yes" */
	CELL_LIST,  /* texts with commas between */
	CELL_COUNT, /* how many are in the list */
	CELL_AGE,   /* how long ago; to programs the time itself */
	CELL_SIZE,  /* bytes: "10MiB"; to programs the number */
	CELL_RATE,  /* of a second: "391", "0.4"; to programs the number */
	CELL_BYTES, /* of a second: "1.2MiB"; to programs the number */
	CELL_TIME,  /* seconds: "18ms"; to programs the number */
};

struct column {
	const char *title;
	const char *member; /* of the row, or of an object in it: "properties.alias" */
	enum cell cell;
	/* Instead, what no single member says; `raw`: for programs. 0 or -ENOMEM. */
	int (*write)(const json_t *row, bool raw, struct buf *to);
};

#define COLUMNS_MAX 24 /* an identity has 21 */

struct columns {
	const struct column *v;
	size_t n;
	bool head;    /* print the titles; off once they are there */
	size_t width; /* of the terminal; 0: lines may have any length */
	size_t widths
		[COLUMNS_MAX]; /* of what is printed so far: rows that follow later are below it */
};

/* For standard output as it is: a terminal has a width. */
void columns_init(struct columns *c, const struct column *v, size_t n, bool head);

/* The rows of an array, as a table, names or tab-separated values. 0 or -ENOMEM. */
int columns_print(struct columns *c, FILE *to, const json_t *rows, enum output how);

/* One object with a line for each column: "Name:   web". */
int columns_print_one(struct columns *c, FILE *to, const json_t *row);

/* One cell of a row, to people: 0 or -ENOMEM. Others' texts stand in it as they are. */
int columns_cell(const struct column *column, const json_t *row, struct buf *to);

/* "a.b": the member b of the row's member a. NULL: there is none. */
const json_t *columns_member(const json_t *row, const char *path);

/* A cell of text: number, text, or nothing as "-". */
int columns_cell_text(const json_t *value, struct buf *to);

/* Its items with commas between; none as "-". */
int columns_list_text(const json_t *list, struct buf *to);
