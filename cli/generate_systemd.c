/* SPDX-License-Identifier: MIT */
/* A unit: the one that is installed with the program, with this command line in place of its own. */
#include <errno.h>
#include <stdlib.h>

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

static char *credential_of(const struct deployment *d)
{
	char *text = NULL;
	int r = 0;
	if (!d->token)
		text = calloc(1, 1);
	else if (d->token_path)
		r = asprintf(&text, "LoadCredential=tunnel.token:%s", d->token_path);
	else
		r = asprintf(&text,
			"# The token comes from /etc/credstore/tunnel.token, mode 0600%s.\n"
			"LoadCredential=tunnel.token",
			d->place.server ? ", if there is one; else the server makes its own" : "");
	return r < 0 ? NULL : text;
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
	auto_free char *command = command_of(d), *credential = credential_of(d), *head = about(d);
	if (!command || !credential || !head)
		return error_set(err, -ENOMEM, "no memory");
	const struct generate_word words[] = {
		{"about", head},
		{"instance", ""},
		{"environment", "# What it listens on, and for whom"},
		{"program", d->program},
		{"command", command},
		{"runtime", "tunnel-client"},
		{"state", "tunnel-client"},
		{"credential", credential},
	};
	generate_fill(to, d->place.server ? UNIT_SERVER : UNIT_CLIENT, words, ARRAY_LEN(words));
	return 0;
}
