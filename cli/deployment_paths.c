/* SPDX-License-Identifier: MIT */
/* What of a deployment lies outside of its words: paths, upstreams as they are anywhere, ports. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "cli/deployment.h"
#include "client/config/options.h"
#include "server/base/options.h"
#include "wire/address.h"

char *deployment_whole_path(const char *path)
{
	char dir[PATH_MAX], *whole;
	if (*path == '/')
		return strdup(path);
	if (!getcwd(dir, sizeof(dir)))
		return NULL;
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	return asprintf(&whole, "%s/%s", dir, path) < 0 ? NULL : whole;
}

int deployment_add_file(struct deployment *d, const char *path, size_t word)
{
	struct stat st;
	struct deployment_file *v = realloc(d->files, (d->n_files + 1) * sizeof(*v));
	char *copy = strdup(path);
	if (v)
		d->files = v;
	if (!v || !copy) {
		free(copy);
		return -ENOMEM;
	}
	bool found = stat(path, &st) == 0;
	v[d->n_files++] = (struct deployment_file){.path = copy,
		.directory = found && S_ISDIR(st.st_mode),
		.secret = found && S_ISREG(st.st_mode) && !(st.st_mode & 0077),
		.word = word};
	return 0;
}

static int check_text(const char *text, struct error *err)
{
	size_t n = strlen(text), room = 8 * n + 32; /* a byte becomes four, "\xe2" */
	auto_free char *shown = malloc(room);
	if (!shown)
		return error_set(err, -ENOMEM, "no memory");
	size_t shown_n = escape_text(shown, room, text, n, ESCAPE_SENTENCE);
	if (shown_n == n && memcmp(shown, text, n) == 0)
		return 0;
	return error_set(err, -EINVAL,
		"--generate: \"%.*s\" has control characters, hidden ones or bytes that are not "
		"UTF-8, which a file of text cannot show: rename it",
		(int)shown_n, shown);
}

int deployment_check_texts(const struct deployment *d, struct error *err)
{
	int r = check_text(d->program, err);
	for (size_t i = 0; i < d->words.n && r == 0; i++)
		r = check_text(d->words.v[i], err);
	for (size_t i = 0; i < d->n_files && r == 0; i++)
		r = check_text(d->files[i].path, err);
	return r == 0 && d->token_path ? check_text(d->token_path, err) : r;
}

/* ---- Upstreams ---- */

static bool is_loopback_host(const char *host)
{
	struct address a;
	return strcmp(host, "localhost") == 0 ||
	       (address_parse_ip(str_from(host), &a) && address_is_loopback(&a));
}

/* "a.example=", "2222=", "7000-7010=", "0="; "" of what is found by no key. */
static void key_of(const struct upstream *u, char out[HOSTNAME_SIZE + 16])
{
	*out = 0;
	if (u->private.name)
		return;
	if (*u->host)
		snprintf(out, HOSTNAME_SIZE + 16, "%s=", u->host);
	else if (u->port_given && u->ports > 1)
		snprintf(out, HOSTNAME_SIZE + 16, "%u-%u=", u->port, u->port + u->ports - 1u);
	else if (u->port_given)
		snprintf(out, HOSTNAME_SIZE + 16, "%u=", u->port);
}

char *deployment_upstream(void *element, const void *opts)
{
	const struct client_options *o = opts;
	struct service_options *service = element;
	struct upstreams all = UPSTREAMS_NULL;
	struct error err;
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	if (!to)
		return NULL;
	/* It was checked before. */
	int r = upstreams_add(&all, service, &o->ports, &err);
	for (size_t i = 0; i < all.n; i++) {
		char key[HOSTNAME_SIZE + 16];
		key_of(&all.v[i], key);
		/* Beside a --port of its own a key is one too many. */
		fprintf(to, "%s%s%s", i ? "," : "", service->port.n ? "" : key, all.v[i].text);
	}
	upstreams_deinit(&all);
	bool whole = fclose(to) == 0 && r == 0;
	if (whole)
		return text;
	free(text);
	return NULL;
}

/* ---- What a side needs around it ---- */

void deployment_place_client(const struct client_options *o, struct deployment_place *out)
{
	*out = (struct deployment_place){.stdio = local_services_stdio(&o->local_services),
		.loopback = o->local_services.n > 0};
	for (size_t i = 0; i < o->upstreams.n; i++)
		out->loopback |= is_loopback_host(o->upstreams.v[i].url.host);
}

void deployment_place_server(const struct server_options *o, struct deployment_place *out)
{
	*out = (struct deployment_place){.server = true,
		.ports = &o->ports,
		.control = &o->control_port,
		.services = o->max_ports ? &o->allow_ports : NULL};
}
