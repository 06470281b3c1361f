/* SPDX-License-Identifier: MIT */
/* A unit: the one that is installed with the program, with this command line in place of its own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "cli/generate.h"
#include "cli/generate_text.h"
#include "cli/unit_templates.h"

static char *command_of(const struct deployment *d)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);
	if (!to)
		return NULL;
	fputs(d->command, to);
	for (size_t i = 0; i < d->words.n; i++) {
		fputc(' ', to);
		generate_unit_word(to, d->words.v[i]);
	}
	fclose(to);
	return text;
}

static char *program_of(const struct deployment *d)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);
	if (!to)
		return NULL;
	generate_unit_program(to, d->program);
	fclose(to);
	return text;
}

static char *credential_of(const struct deployment *d)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);
	if (!to)
		return NULL;
	if (d->token && !d->token_path)
		fprintf(to, "# The token comes from /etc/credstore/tunnel.token, mode 0600%s.\n",
			d->place.server ? ", if there is one; else the server makes its own" : "");
	if (d->token)
		fputs("LoadCredential=tunnel.token", to);
	if (d->token && d->token_path) {
		fputc(':', to);
		generate_unit_path(to, d->token_path);
	}
	fclose(to);
	return text;
}

/* What the unit's own user has to be able to read. */
static char *about(const struct deployment *d)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);
	if (!to)
		return NULL;
	fprintf(to, "# %s.service, made by tunnel %s --generate=systemd: put it into\n", d->name,
		d->command);
	fprintf(to, "# /etc/systemd/system, then: systemctl enable --now %s", d->name);
	for (size_t i = 0; i < d->n_files; i++)
		fprintf(to, "\n# Its user is a dynamic one, and has to be able to read %s",
			d->files[i].path);
	if (d->left_out)
		fputc('\n', to);
	generate_left_out(to, d);
	long length = ftell(to);
	fclose(to);
	/* The template has the end of the line. */
	if (text && length && text[length - 1] == '\n')
		text[length - 1] = 0;
	return text;
}

int generate_systemd(FILE *to, const struct deployment *d, struct error *err)
{
	size_t n = d->token_path ? strlen(d->token_path) : 0;
	/* The one would take the next line with it, the other is taken off. */
	if (n && strchr("\\ ", d->token_path[n - 1]))
		return error_set(err, -EINVAL,
			"--generate=systemd: the token file's name ends in a backslash or a blank, "
			"which a line of a unit cannot end in: rename it");
	auto_free char *program = program_of(d), *command = command_of(d),
		       *credential = credential_of(d), *head = about(d);
	if (!program || !command || !credential || !head)
		return error_set(err, -ENOMEM, "no memory");
	const struct generate_word words[] = {
		{"about", head},
		{"instance", ""},
		{"environment", "# What it listens on, and for whom"},
		{"program", program},
		{"command", command},
		{"runtime", "tunnel-client"},
		{"state", "tunnel-client"},
		{"credential", credential},
	};
	generate_fill(to, d->place.server ? UNIT_SERVER : UNIT_CLIENT, words, ARRAY_LEN(words));
	return 0;
}
