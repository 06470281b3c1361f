/* SPDX-License-Identifier: MIT */
/*
 * User data for cloud-init: a bare virtual machine becomes an exit node, with a firewall that lets in ssh and what
 * the exit node listens on. It installs a release by its install.sh.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/generate.h"
#include "cli/generate_text.h"

#define BASE_URL "TUNNEL_BASE_URL" /* as scripts/install.sh has it */
#define PROGRAM  "/usr/local/bin/tunnel"

#define INDENT 6 /* of what stands in a file */

/* It goes into a command of the new machine's shell. */
static bool is_plain_url(const char *url)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~/:%[]";
	return url && strncmp(url, "https://", 8) == 0 && !url[strspn(url, plain)];
}

static int check(const struct deployment *d, const char *base_url, struct error *err)
{
	if (!is_plain_url(base_url))
		return error_set(err, -EINVAL,
			"--generate=cloud-init: the new machine has to get the program from "
			"somewhere: set "
			"the variable " BASE_URL
			" to the folder of a release, https://HOST/DIR, as "
			"install.sh takes it");
	if (d->n_files)
		return error_set(err, -EINVAL,
			"--generate=cloud-init: the new machine has no %s: leave it out, and give "
			"it what it "
			"needs once it runs; --auto-tls needs no file",
			d->files[0].path);
	return 0;
}

/* Not one set of all: its intervals may not overlap, and a range may have an own port in it. */
static void print_own_ports(FILE *to, const struct option_ports *ports)
{
	for (size_t i = 0; i < ports->n; i++)
		if (ports->v[i])
			fprintf(to, "          tcp dport %u accept\n", ports->v[i]);
}

static void print_service_ports(FILE *to, const struct option_ranges *ranges)
{
	for (size_t i = 0; i < ranges->n; i++)
		fprintf(to, "          meta l4proto { tcp, udp } th dport %u-%u accept\n",
			ranges->v[i].first, ranges->v[i].last);
}

static void print_firewall(FILE *to, const struct deployment_place *p)
{
	fputs("  - path: /etc/nftables.conf\n"
	      "    permissions: \"0644\"\n"
	      "    content: |\n"
	      "      #!/usr/sbin/nft -f\n"
	      "      flush ruleset\n"
	      "      table inet filter {\n"
	      "        chain input {\n"
	      "          type filter hook input priority filter; policy drop;\n"
	      "          ct state established,related accept\n"
	      "          ct state invalid drop\n"
	      "          iif lo accept\n"
	      "          meta l4proto { icmp, ipv6-icmp } accept\n"
	      "          udp sport 67 udp dport 68 accept\n"
	      "          udp sport 547 udp dport 546 accept\n"
	      "          tcp dport 22 accept\n"
	      "          # the exit node's own ports, and those that clients may ask for: "
	      "--allow-ports\n",
		to);
	print_own_ports(to, p->ports);
	print_own_ports(to, p->control);
	if (p->services)
		print_service_ports(to, p->services);
	fputs("        }\n      }\n", to);
}

/* Of 4 KiB at most (TOKEN_SOURCE_MAX), without its line's end. */
static int print_token(FILE *to, const struct deployment *d, struct error *err)
{
	char token[4096 + 1] = "";
	FILE *f = d->token_path ? fopen(d->token_path, "re") : NULL;
	if (!f)
		return error_set(err, -errno, "--token-from: the token file %s cannot be read: %m",
			d->token_path);
	char *got = fgets(token, sizeof(token), f);
	fclose(f);
	token[strcspn(token, "\r\n")] = 0;
	int r = got && *token ? 0
			      : error_set(err, -EINVAL, "the token in %s is empty", d->token_path);
	if (r == 0) {
		fputs("  # The user data of a machine can be read by its programs, and by its "
		      "provider. Without\n"
		      "  # --token-from the exit node makes its own token at its first start.\n"
		      "  - path: /etc/credstore/tunnel.token\n"
		      "    permissions: \"0600\"\n"
		      "    content: ",
			to);
		generate_yaml(to, token);
		fputc('\n', to);
	}
	explicit_bzero(token, sizeof(token));
	return r;
}

static int print_unit(FILE *to, const struct deployment *d, struct error *err)
{
	struct deployment there = *d;
	there.token_path = NULL;
	snprintf(there.program, sizeof(there.program), PROGRAM);
	auto_free char *unit = NULL;
	size_t n;
	FILE *text = open_memstream(&unit, &n);
	if (!text)
		return error_set(err, -ENOMEM, "no memory");
	int r = generate_systemd(text, &there, err);
	fclose(text);
	fputs("  - path: /etc/systemd/system/tunnel-server.service\n"
	      "    permissions: \"0644\"\n"
	      "    content: |\n",
		to);
	if (unit)
		generate_indented(to, unit, INDENT);
	return r;
}

int generate_cloud_init(FILE *to, const struct deployment *d, struct error *err)
{
	const char *base_url = getenv(BASE_URL);
	int r = check(d, base_url, err);
	if (r)
		return r;
	fputs("#cloud-config\n"
	      "# Made by tunnel server --generate=cloud-init: the user data of a new machine.\n",
		to);
	if (!d->token_path && d->token)
		fputs("# Its token, once it runs: sudo cat /var/lib/tunnel/token\n", to);
	fputs("package_update: true\n"
	      "packages: [ca-certificates, curl, nftables]\n"
	      "write_files:\n",
		to);
	if (d->token_path && d->token)
		r = print_token(to, d, err);
	print_firewall(to, &d->place);
	if (r == 0)
		r = print_unit(to, d, err);
	fprintf(to,
		"runcmd:\n"
		"  - [systemctl, enable, --now, nftables]\n"
		"  - curl -fsSL %s/install.sh | sh -s -- --base-url %s\n"
		"  - [systemctl, daemon-reload]\n"
		"  - [systemctl, enable, --now, tunnel-server]\n",
		base_url, base_url);
	return r;
}
