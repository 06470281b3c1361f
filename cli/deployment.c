/* SPDX-License-Identifier: MIT */
#include "cli/deployment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/launch.h"
#include "client/config/options.h"
#include "config/arguments.h"

struct collecting {
	struct deployment *d;
	const void *opts;
	bool file; /* the file's options are words, so its name is none */
};

static bool is_named(const struct option_row *row, const char *name)
{
	return strcmp(row->name, name) == 0;
}

/*
 * What is said in another way: the token as a credential, its state where the place keeps it; --ports is in the
 * upstreams' keys.
 */
static bool is_said_otherwise(const struct collecting *to, const struct option_row *row)
{
	static const char *const names[] = {"generate", "token", "token-from", "state-dir",
		"print-token", "ports"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_named(row, names[i]))
			return true;
	return to->file && is_named(row, OPTION_FILE_NAME);
}

static bool is_path(const struct config_argument *a)
{
	const char *words = a->row->metavar;
	bool file = words && (strstr(words, "FILE") || strstr(words, "PATH")) &&
		    !is_named(a->row, "control-path");
	/* "none", "off", "stdout" are no files. */
	return file && (strchr(a->value, '/') || strchr(a->value, '.'));
}

/* Of what the program makes itself, nothing has to be there. */
static bool is_written(const struct option_row *row)
{
	static const char *const names[] = {"access-log", "audit-log", "ready-file", "admin-socket",
		"identity-key"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_named(row, names[i]))
			return true;
	return false;
}

static int add_word(struct deployment *d, const struct option_row *row, const char *value)
{
	char **v = realloc(d->words.v, (d->words.n + 1) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	d->words.v = v;
	bool alone = row->type == OPTION_FLAG && strcmp(value, "true") == 0;
	int n = alone ? asprintf(&v[d->words.n], "--%s", row->name)
		      : asprintf(&v[d->words.n], "--%s=%s", row->name, value);
	d->words.n += n >= 0;
	return n < 0 ? -ENOMEM : 0;
}

static int add_path(struct deployment *d, const struct config_argument *a)
{
	auto_free char *whole = deployment_whole_path(a->value);
	int r = whole ? add_word(d, a->row, whole) : -ENOMEM;
	if (r || is_written(a->row))
		return r;
	return deployment_add_file(d, whole, d->words.n - 1);
}

static int collect(void *arg, const struct config_argument *a)
{
	struct collecting *to = arg;
	if (is_said_otherwise(to, a->row))
		return 0;
	if (a->row->type == OPTION_SECRET) {
		to->d->left_out = true;
		return 0;
	}
	if (a->group && is_named(a->row, "upstream")) {
		auto_free char *text = deployment_upstream(a->element, to->opts);
		return text ? add_word(to->d, a->row, text) : -ENOMEM;
	}
	return is_path(a) ? add_path(to->d, a) : add_word(to->d, a->row, a->value);
}

/* Folders and sockets are seen by the program alone where they are said to be. */
static int add_upstream_files(struct deployment *d, const struct client_options *o)
{
	int r = 0;
	for (size_t i = 0; i < o->upstreams.n && !r; i++) {
		const struct upstream *u = &o->upstreams.v[i];
		if (u->folder)
			r = deployment_add_file(d, u->folder, SIZE_MAX);
		else if (u->url.socket.n) {
			auto_free char *dir = strndup(u->url.socket.p, u->url.socket.n);
			char *slash = dir ? strrchr(dir, '/') : NULL;
			/* The socket is made anew when the service starts again: its folder stays. */
			if (slash && slash > dir)
				*slash = 0;
			r = dir ? deployment_add_file(d, dir, SIZE_MAX) : -ENOMEM;
		}
	}
	return r;
}

static int find_program(struct deployment *d, struct error *err)
{
	ssize_t n = readlink("/proc/self/exe", d->program, sizeof(d->program) - 1);
	if (n < 0)
		return error_set(err, -errno, "the program's own path cannot be found: %m");
	d->program[n] = 0;
	return 0;
}

int deployment_init(struct deployment *out, const struct launch *l, void *opts,
	const struct config *c, bool file, struct error *err)
{
	struct launch_fields f = l->fields(opts);
	*out = (struct deployment){.token = !*f.no_token};
	l->place(opts, &out->place);
	if (out->place.stdio)
		return error_set(err, -EINVAL,
			"--generate: --stdio is one connection of the program that starts it, and "
			"no "
			"service");
	out->name = out->place.server ? "tunnel-server" : "tunnel-client";
	/* A short form's upstream is among the words with its scheme. */
	bool short_form = l->table->n_operands > 0;
	out->command = short_form ? client_option_table.command : l->table->command;
	int r = find_program(out, err);
	if (r)
		return r;
	struct collecting to = {out, opts, file};
	r = config_arguments(c, file, collect, &to);
	if (r == 0 && !out->place.server)
		r = add_upstream_files(out, opts);
	if (r == 0 && *f.token_from && out->token) {
		out->token_path = deployment_whole_path(*f.token_from);
		r = out->token_path ? 0 : -ENOMEM;
	}
	return r ? error_set(err, r, "no memory") : deployment_check_texts(out, err);
}

void deployment_deinit(struct deployment *d)
{
	for (size_t i = 0; i < d->words.n; i++)
		free(d->words.v[i]);
	free(d->words.v);
	for (size_t i = 0; i < d->n_files; i++)
		free(d->files[i].path);
	free(d->files);
	free(d->token_path);
}
