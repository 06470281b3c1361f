/* SPDX-License-Identifier: MIT */
#include "cli/generate_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"

#define ESCAPED 6 /* what a byte may become: \u202e, or \xe2 */

static void yaml(FILE *to, const char *text, size_t n)
{
	auto_free char *room = malloc(n * ESCAPED + 1);
	if (!room)
		return; /* the stream is one of memory, and says so when it is closed */
	/* A JSON string is one of YAML (YAML 1.2.2, 1.1). */
	size_t written = escape_text(room, n * ESCAPED, text, n, ESCAPE_JSON);
	fprintf(to, "\"%.*s\"", (int)written, room);
}

void generate_yaml(FILE *to, const char *text)
{
	yaml(to, text, strlen(text));
}

void generate_yaml_dollars(FILE *to, const char *text)
{
	size_t n = strlen(text), k = 0;
	auto_free char *doubled = malloc(2 * n + 1);
	for (size_t i = 0; doubled && i < n; i++) {
		if (text[i] == '$')
			doubled[k++] = '$';
		doubled[k++] = text[i];
	}
	if (doubled)
		yaml(to, doubled, k);
}

void generate_yaml_command(FILE *to, const struct deployment *d, int indent)
{
	fprintf(to, "%*s- ", indent, "");
	generate_yaml(to, d->command);
	for (size_t i = 0; i < d->words.n; i++) {
		fprintf(to, "\n%*s- ", indent, "");
		generate_yaml_dollars(to, d->words.v[i]);
	}
	fputc('\n', to);
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* `doubled`: what means something to systemd but as a pair. */
static void unit_word(FILE *to, const char *text, const char *doubled)
{
	bool quoted = !*text || text[strspn(text, LETTERS "-_./:=,+@*%")];
	fputs(quoted ? "\"" : "", to);
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fputc('\\', to);
		if (strchr(doubled, *c))
			fputc(*c, to);
		fputc(*c, to);
	}
	fputs(quoted ? "\"" : "", to);
}

void generate_unit_word(FILE *to, const char *text)
{
	unit_word(to, text, "%$");
}

void generate_unit_program(FILE *to, const char *path)
{
	unit_word(to, path, "%");
}

void generate_unit_path(FILE *to, const char *path)
{
	for (const char *c = path; *c; c++)
		fputs(*c == '%' ? "%%" : (const char[2]){*c, 0}, to);
}

void generate_shell_word(FILE *to, const char *text)
{
	if (*text && !text[strspn(text, LETTERS "-_./:=,+@%")]) {
		fputs(text, to);
		return;
	}
	fputc('\'', to);
	for (const char *c = text; *c; c++)
		fputs(*c == '\'' ? "'\\''" : (const char[2]){*c, 0}, to);
	fputc('\'', to);
}

void generate_fill(FILE *to, const char *template, const struct generate_word *words, size_t n)
{
	while (*template) {
		size_t i = 0, length = 0;
		for (; *template == '@' && i < n; i++) {
			length = strlen(words[i].name);
			if (strncmp(template + 1, words[i].name, length) == 0 &&
				template[1 + length] == '@')
				break;
		}
		bool found = *template == '@' && i < n;
		if (found)
			fputs(words[i].value, to);
		else
			fputc(*template, to);
		template += found ? length + 2 : 1;
	}
}

void generate_indented(FILE *to, const char *text, int indent)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		fprintf(to, "%*s%.*s\n", n ? indent : 0, "", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

void generate_left_out(FILE *to, const struct deployment *d)
{
	if (d->left_out)
		fputs("# Left out: --proxy, since its URL may hold a password. The variable "
		      "https_proxy gives it as well.\n",
			to);
}
