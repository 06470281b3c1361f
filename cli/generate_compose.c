/* SPDX-License-Identifier: MIT */
/* A file for docker compose or podman-compose (compose-spec): the program in an image that it builds itself. */
#include <errno.h>
#include <string.h>

#include "cli/generate.h"
#include "cli/generate_text.h"
#include "version.h"

/* What a program that was built on Debian 12 needs; one of a release brings it along. */
#define LIBRARIES_OF_DEBIAN                                                             \
	"libevent-core-2.1-7 libssl3 libsodium23 libjansson4 libyaml-0-2 libsqlite3-0 " \
	"libwebsockets17 libnghttp2-14 libpcre2-8-0 libmaxminddb0 libcrypt1 zlib1g"

static void print_image(FILE *to, const struct deployment *d)
{
	const char *slash = strrchr(d->program, '/');
	fputs("    image: \"tunnel:" TUNNEL_VERSION "\"\n"
	      "    # Made of the program of this machine.\n"
	      "    build:\n"
	      "      context: ",
		to);
	char folder[PATH_MAX];
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - d->program), d->program);
	generate_yaml_dollars(to, *folder ? folder : "/");
	fprintf(to,
		"\n      dockerfile_inline: |\n"
		"        FROM debian:12-slim\n"
		"        RUN apt-get update && apt-get install -y --no-install-recommends "
		"ca-certificates \\\n"
		"            " LIBRARIES_OF_DEBIAN " \\\n"
		"            && rm -rf /var/lib/apt/lists/*\n"
		"        COPY %s /usr/local/bin/tunnel\n"
		"        ENTRYPOINT [\"/usr/local/bin/tunnel\"]\n",
		slash + 1);
}

static bool has_low_port(const struct option_ports *ports)
{
	for (size_t i = 0; i < ports->n; i++)
		if (ports->v[i] && ports->v[i] < 1024)
			return true;
	return false;
}

static bool needs_low_ports(const struct deployment_place *p)
{
	if (!p->server)
		return false;
	bool low = has_low_port(p->ports) || has_low_port(p->control);
	for (size_t i = 0; p->services && i < p->services->n; i++)
		low |= p->services->v[i].first < 1024;
	return low;
}

static void print_network(FILE *to, const struct deployment_place *p)
{
	if (p->server)
		fputs("    # Its ports are this machine's, those that clients ask for as well.\n"
		      "    network_mode: host\n",
			to);
	else if (p->loopback)
		fputs("    # It talks to programs at 127.0.0.1 of this machine. Where these are a "
		      "service of\n"
		      "    # such a file, say network_mode: \"service:NAME\", and share its "
		      "127.0.0.1.\n"
		      "    network_mode: host\n",
			to);
}

static void print_rights(FILE *to, const struct deployment *d)
{
	fputs("    read_only: true\n"
	      "    security_opt: [\"no-new-privileges:true\"]\n"
	      "    cap_drop: [ALL]\n"
	      "    # So that it reads the token's file, whoever owns that.\n",
		to);
	fprintf(to, "    cap_add: [DAC_OVERRIDE%s]\n",
		needs_low_ports(&d->place) ? ", NET_BIND_SERVICE" : "");
}

static void print_volumes(FILE *to, const struct deployment *d)
{
	fprintf(to,
		"    environment:\n      STATE_DIRECTORY: /var/lib/tunnel\n"
		"    volumes:\n      - \"%s-state:/var/lib/tunnel\"\n",
		d->name);
	for (size_t i = 0; i < d->n_files; i++) {
		fputs("      - type: bind\n        source: ", to);
		generate_yaml_dollars(to, d->files[i].path);
		fputs("\n        target: ", to);
		generate_yaml_dollars(to, d->files[i].path);
		fputs("\n        read_only: true\n", to);
	}
}

static bool has_secret(const struct deployment *d)
{
	return d->token && (d->token_path || !d->place.server);
}

static void print_secret(FILE *to, const struct deployment *d)
{
	if (!has_secret(d))
		return;
	fputs("secrets:\n  tunnel.token:\n    file: ", to);
	generate_yaml_dollars(to, d->token_path ? d->token_path : "./tunnel.token");
	fputs(d->token_path ? "\n" : " # put the token there, mode 0600\n", to);
}

/* In the lines of an image's own file a name has to be a plain word. */
static bool is_plain_name(const char *name)
{
	return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789-_.")];
}

int generate_compose(FILE *to, const struct deployment *d, struct error *err)
{
	const char *program = strrchr(d->program, '/') + 1;
	if (!is_plain_name(program))
		return error_set(err, -EINVAL,
			"--generate=compose: the program is called \"%s\", which the lines that "
			"make an image would read otherwise: rename it to tunnel",
			program);
	fprintf(to, "# Made by tunnel %s --generate=compose: docker compose -f FILE up --detach\n",
		d->command);
	generate_left_out(to, d);
	fprintf(to, "services:\n  %s:\n", d->name);
	print_image(to, d);
	fputs("    command:\n", to);
	generate_yaml_command(to, d, 6);
	if (has_secret(d))
		fputs("      - \"--token-from=/run/secrets/tunnel.token\"\n"
		      "    secrets: [tunnel.token]\n",
			to);
	fputs("    restart: unless-stopped\n"
	      "    # Above --grace (10 s), within which running requests finish.\n"
	      "    stop_grace_period: 15s\n",
		to);
	print_network(to, &d->place);
	print_rights(to, d);
	print_volumes(to, d);
	print_secret(to, d);
	fprintf(to, "volumes:\n  %s-state: {}\n", d->name);
	return 0;
}
