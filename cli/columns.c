/* SPDX-License-Identifier: MIT */
#include "cli/columns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/macros.h"
#include "cli/age.h"
#include "config/value.h"

#define GAP 2 /* blanks between two columns */

/* A column is not made narrower than this: less says nothing. */
#define NARROWEST 10

/* ---- One cell ---- */

static int put(struct buf *to, const char *text)
{
	return buf_append(to, text, strlen(text));
}

int columns_cell_text(const json_t *value, struct buf *to)
{
	char number[32];
	if (json_is_string(value))
		return put(to, *json_string_value(value) ? json_string_value(value) : "-");
	if (json_is_boolean(value))
		return put(to, json_is_true(value) ? "yes" : "no");
	if (json_is_integer(value)) {
		snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return put(to, number);
	}
	return put(to, "-");
}

int columns_list_text(const json_t *list, struct buf *to)
{
	size_t i;
	const json_t *item;
	json_array_foreach(list, i,
		item) if ((i && put(to, ",")) || columns_cell_text(item, to)) return -ENOMEM;
	return json_array_size(list) ? 0 : put(to, "-");
}

static int put_age(const json_t *value, bool raw, struct buf *to)
{
	int64_t then = age_parse(json_string_value(value));
	char text[AGE_SIZE];
	if (raw || then < 0)
		return columns_cell_text(value, to);
	return put(to, age_format(time(NULL) - then, text));
}

static int put_size(const json_t *value, bool raw, struct buf *to)
{
	char text[32];
	if (raw || !json_is_integer(value))
		return columns_cell_text(value, to);
	return put(to, value_format_size((uint64_t)json_integer_value(value), text, sizeof text));
}

/* Three digits, as people read them: "391", "4.2", "0.04". */
static int put_digits(double n, const char *unit, struct buf *to)
{
	char text[40];
	int places = n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2;
	size_t length = (size_t)snprintf(text, sizeof text, "%.*f", places, n);
	while (places && text[length - 1] == '0')
		length--;
	length -= text[length - 1] == '.';
	return buf_append(to, text, length) ? -ENOMEM : put(to, unit);
}

static int put_bytes(double n, struct buf *to)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t unit = 0;
	for (; n >= 1000 && unit + 1 < ARRAY_LEN(units); unit++)
		n /= 1024;
	return put_digits(unit ? n : (double)(uint64_t)(n + 0.5), units[unit], to);
}

static int put_time(double seconds, struct buf *to)
{
	if (seconds < 0.001)
		return put_digits((double)(uint64_t)(seconds * 1e6 + 0.5), "us", to);
	return seconds < 1 ? put_digits(seconds * 1e3, "ms", to) : put_digits(seconds, "s", to);
}

static int put_number(enum cell cell, const json_t *value, bool raw, struct buf *to)
{
	char text[40];
	double n = json_number_value(value);
	if (!json_is_number(value))
		return put(to, "-");
	if (raw) {
		snprintf(text, sizeof text, "%.9g", n);
		return put(to, text);
	}
	return cell == CELL_RATE    ? put_digits(n, "", to)
	       : cell == CELL_BYTES ? put_bytes(n, to)
				    : put_time(n, to);
}

const json_t *columns_member(const json_t *row, const char *path)
{
	while (row) {
		size_t n = strcspn(path, ".");
		char name[64];
		snprintf(name, sizeof name, "%.*s", (int)n, path);
		row = json_object_get(row, name);
		if (!path[n])
			break;
		path += n + 1;
	}
	return row;
}

static int write_cell(const struct column *column, const json_t *row, bool raw, struct buf *to)
{
	const json_t *value = column->member ? columns_member(row, column->member) : NULL;
	char count[32];
	if (column->write)
		return column->write(row, raw, to);
	switch (column->cell) {
	case CELL_TEXT:
		return columns_cell_text(value, to);
	case CELL_LIST:
		return columns_list_text(value, to);
	case CELL_COUNT:
		snprintf(count, sizeof count, "%zu", json_array_size(value));
		return put(to, count);
	case CELL_AGE:
		return put_age(value, raw, to);
	case CELL_SIZE:
		return put_size(value, raw, to);
	case CELL_RATE:
	case CELL_BYTES:
	case CELL_TIME:
		return put_number(column->cell, value, raw, to);
	}
	return -EINVAL;
}

int columns_cell(const struct column *column, const json_t *row, struct buf *to)
{
	return write_cell(column, row, false, to);
}

/* Fit to be shown; the caller's to free. NULL: no memory. */
static char *cell_text(const struct column *column, const json_t *row, bool raw)
{
	struct buf text = BUF_NULL;
	char *shown = NULL;
	if (write_cell(column, row, raw, &text) == 0) {
		size_t n = buf_len(&text), room = 4 * n + 32; /* "\xff" for a byte at the most */
		shown = malloc(room);
		if (shown)
			shown[escape_text(shown, room - 1, (char *)buf_head(&text), n,
				ESCAPE_SENTENCE)] = '\0';
	}
	buf_deinit(&text);
	return shown;
}

/* ---- A row ---- */

/* Characters, which are as wide as a column each; a few of Asia's are wider, and push the rest of their line. */
static size_t width_of(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* As many of its bytes as `width` characters have. */
static size_t bytes_of(const char *text, size_t width)
{
	size_t i = 0;
	for (; text[i]; i++) {
		bool begins = ((unsigned char)text[i] & 0xc0) != 0x80;
		if (begins && width-- == 0)
			break;
	}
	return i;
}

static void print_cells(const struct columns *c, FILE *to, char *const *cells)
{
	static const char cut[] = "...";
	size_t blanks = 0;
	for (size_t i = 0; i < c->n; i++) {
		size_t width = width_of(cells[i]);
		fprintf(to, "%*s", (int)blanks, "");
		if (width > c->widths[i]) {
			width = c->widths[i];
			fprintf(to, "%.*s%s", (int)bytes_of(cells[i], width - strlen(cut)),
				cells[i], cut);
		} else {
			fputs(cells[i], to);
		}
		blanks = c->widths[i] - width + GAP;
	}
	fputc('\n', to);
}

static void print_values(const struct columns *c, FILE *to, char *const *cells)
{
	for (size_t i = 0; i < c->n; i++)
		fprintf(to, "%s%s", i ? "\t" : "", cells[i]);
	fputc('\n', to);
}

/* ---- The table ---- */

static size_t terminal_width(void)
{
	struct winsize size;
	const char *term = getenv("TERM"), *columns = getenv("COLUMNS");
	if (!isatty(STDOUT_FILENO) || (term && strcmp(term, "dumb") == 0))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return columns ? strtoul(columns, NULL, 10) : 0;
}

void columns_init(struct columns *c, const struct column *v, size_t n, bool head)
{
	*c = (struct columns){.v = v, .n = n, .head = head, .width = terminal_width()};
}

/* Takes from the widest column until the line fits, or nothing is wide any more. */
static void shrink(struct columns *c)
{
	size_t sum = GAP * (c->n - 1);
	for (size_t i = 0; i < c->n; i++)
		sum += c->widths[i];
	while (c->width && sum > c->width) {
		size_t widest = 0;
		for (size_t i = 1; i < c->n; i++)
			if (c->widths[i] > c->widths[widest])
				widest = i;
		if (c->widths[widest] <= NARROWEST)
			return;
		c->widths[widest]--;
		sum--;
	}
}

static void print_table(struct columns *c, FILE *to, char *const *cells, size_t rows)
{
	char *titles[COLUMNS_MAX] = {NULL};
	for (size_t i = 0; i < c->n; i++) {
		titles[i] = (char *)c->v[i].title;
		if (c->head)
			c->widths[i] = MAX(c->widths[i], strlen(titles[i]));
		for (size_t row = 0; row < rows; row++)
			c->widths[i] = MAX(c->widths[i], width_of(cells[row * c->n + i]));
	}
	shrink(c);
	if (c->head)
		print_cells(c, to, titles);
	c->head = false;
	for (size_t row = 0; row < rows; row++)
		print_cells(c, to, cells + row * c->n);
}

int columns_print(struct columns *c, FILE *to, const json_t *rows, enum output how)
{
	size_t n = json_array_size(rows);
	char **cells = calloc(n * c->n + 1, sizeof *cells);
	int r = cells ? 0 : -ENOMEM;
	for (size_t i = 0; !r && i < n * c->n; i++) {
		cells[i] = cell_text(&c->v[i % c->n], json_array_get(rows, i / c->n),
			how != OUTPUT_TABLE);
		r = cells[i] ? 0 : -ENOMEM;
	}
	if (!r && how == OUTPUT_TABLE)
		print_table(c, to, cells, n);
	for (size_t i = 0; !r && how != OUTPUT_TABLE && i < n; i++) {
		if (how == OUTPUT_NAME)
			fprintf(to, "%s\n", cells[i * c->n]);
		else
			print_values(c, to, cells + i * c->n);
	}
	for (size_t i = 0; cells && i < n * c->n; i++)
		free(cells[i]);
	free(cells);
	return r;
}

int columns_print_one(struct columns *c, FILE *to, const json_t *row)
{
	size_t widest = 0;
	for (size_t i = 0; i < c->n; i++)
		widest = MAX(widest, strlen(c->v[i].title));
	for (size_t i = 0; i < c->n; i++) {
		auto_free char *cell = cell_text(&c->v[i], row, false);
		if (!cell)
			return -ENOMEM;
		fprintf(to, "%s:%*s%s\n", c->v[i].title,
			(int)(widest - strlen(c->v[i].title) + GAP), "", cell);
	}
	return 0;
}
