/* SPDX-License-Identifier: MIT */
#include "panel/panel_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "config/token_source.h"
#include "net/bind.h"
#include "panel/panel_tls.h"
#include "wire/hostname.h"

#define LOOPBACK "127.0.0.1"

bool panel_settings_wanted(const struct panel_settings *s)
{
	return s->address && strcmp(s->address, PANEL_NONE) != 0;
}

/* ---- The address ---- */

/* "4040", "127.0.0.1:4040", "[::1]:4040", "0.0.0.0:0". */
static int parse(const char *text, struct address *out, struct error *err)
{
	uint16_t port = 0;
	bool plain = strcmp(text, "0") == 0 || hostname_port(str_from(text), &port);
	if (plain)
		address_parse_ip(STR(LOOPBACK), out);
	if (!plain && !address_parse(str_from(text), out))
		return error_set(err, -EINVAL,
			"\"%s\" is no address to listen on: write PORT, ADDRESS:PORT or "
			"[IPV6]:PORT, or " PANEL_NONE,
			text);
	out->port = plain ? port : out->port;
	return 0;
}

static bool is_exposed(const struct panel_settings *s, const struct address *at)
{
	return !address_is_loopback(at) && !s->insecure && !s->cert;
}

static int check_tls(const struct panel_settings *s, struct error *err)
{
	if (s->key && !s->cert)
		return error_set(err, -EINVAL,
			"--panel-key is the key of a --panel-cert: give that too");
	if (s->cert && s->insecure)
		return error_set(err, -EINVAL,
			"--panel-insecure is for a panel without TLS: drop it or --panel-cert");
	return 0;
}

int panel_settings_check(const struct panel_settings *s, bool own_cert, struct error *err)
{
	struct address at;
	char host[HOSTNAME_SIZE];
	size_t n;
	int r = check_tls(s, err);
	for (size_t i = 0; !r && i < s->hosts.n; i++)
		if (hostname_canonical(str_from(s->hosts.v[i]), host, &n) != HOSTNAME_OK)
			r = error_set(err, -EINVAL,
				"--panel-host: \"%s\" is no host name, without "
				"scheme and port",
				s->hosts.v[i]);
	if (r || !panel_settings_wanted(s))
		return r;
	r = parse(s->address, &at, err);
	if (r)
		error_prefix(err, "--panel");
	else if (is_exposed(s, &at) && !own_cert)
		r = error_set(err, -EINVAL,
			"--panel: other machines reach %s, and its token would cross the network "
			"readable: give a --panel-cert, listen on " LOOPBACK ", or say "
			"--panel-insecure if a proxy in front has TLS",
			s->address);
	return r;
}

int panel_settings_inspect(const struct panel_settings *s, struct error *err)
{
	const struct panel_tcp_options o = {.cert = s->cert, .key = s->key ? s->key : s->cert};
	const struct token_source source = {.path = s->token_from};
	struct error warning;
	char *token = NULL;
	int r = o.cert ? panel_tls_check(&o, err) : 0;
	if (r)
		error_prefix(err, "--panel-cert");
	if (r || !s->token_from)
		return r;
	r = token_source_find(&source, &token, &warning, err);
	if (r)
		error_prefix(err, "--panel-token-from");
	if (token)
		explicit_bzero(token, strlen(token));
	free(token);
	return r;
}

/* ---- The token ---- */

static int read_token(struct panel_place *place, const char *path, struct error *err)
{
	const struct token_source source = {.path = path};
	struct error warning;
	int r = token_source_find(&source, &place->token, &warning, err);
	if (r) {
		error_prefix(err, "--panel-token-from");
		return r;
	}
	if (*warning.text)
		log_warn("--panel-token-from: %s", warning.text);
	if (strlen(place->token) < TOKEN_SHORT)
		log_warn("the panel's token is short: whoever reaches the panel can find it by "
			 "trying; it should have %d characters or more",
			TOKEN_SHORT);
	place->token_path = strdup(path);
	return place->token_path ? 0 : error_set(err, -ENOMEM, "out of memory");
}

/* The one that is kept, or one for this start alone. */
static int keep_token(struct panel_place *place, const struct kept_dir *dir, struct error *err)
{
	char fresh[TOKEN_RANDOM_LEN + 1], kept[KEPT_LINE_MAX], path[KEPT_PATH];
	bool made;
	token_random(fresh);
	int r = dir ? kept_line_keep(dir, PANEL_TOKEN_FILE, "a new token", fresh, kept, &made, err)
		    : 0;
	if (!r) {
		place->token = strdup(dir ? kept : fresh);
		place->token_path = dir ? strdup(kept_path(dir, PANEL_TOKEN_FILE, path)) : NULL;
		if (!place->token || (dir && !place->token_path))
			r = error_set(err, -ENOMEM, "out of memory");
	}
	explicit_bzero(fresh, sizeof(fresh));
	explicit_bzero(kept, sizeof(kept));
	return r;
}

/* ---- The place ---- */

/* Healthy and ready are what balancers and supervisors ask for, who have no token. */
static const char *const always_open[] = {"/healthz", "/readyz", NULL};
static const char *const with_metrics[] = {"/healthz", "/readyz", "/metrics", "/metrics/inlets",
	NULL};

static void choose_tls(struct panel_place *place, const struct panel_settings *s,
	const struct panel_side *side, const struct address *at)
{
	bool own = is_exposed(s, at);
	place->tcp.cert = own ? side->cert : s->cert;
	place->tcp.key = own ? side->key : s->key;
	if (!place->tcp.key)
		place->tcp.key = place->tcp.cert;
}

int panel_place_init(struct panel_place *place, const struct panel_settings *s,
	const struct panel_side *side, struct error *err)
{
	struct address at;
	char text[ADDRESS_TEXT_SIZE];
	*place = (struct panel_place){0};
	int r = parse(s->address, &at, err);
	r = r               ? r
	    : s->token_from ? read_token(place, s->token_from, err)
			    : keep_token(place, side->dir, err);
	if (r)
		return r;
	address_format_ip(&at, text);
	place->address = strdup(text);
	if (!place->address)
		return error_set(err, -ENOMEM, "out of memory");
	place->tcp.address = place->address;
	place->tcp.port = at.port;
	place->tcp.token = place->token;
	place->tcp.hosts = s->hosts.v;
	place->tcp.n_hosts = s->hosts.n;
	place->tcp.open = s->metrics_open ? with_metrics : always_open;
	choose_tls(place, s, side, &at);
	return 0;
}

void panel_place_deinit(struct panel_place *place)
{
	free(place->address);
	free(place->token_path);
	if (place->token)
		explicit_bzero(place->token, strlen(place->token));
	free(place->token);
	*place = (struct panel_place){0};
}

/* "https://panel.example.org:8443": a name that the browser may use. */
static char *format_url(const struct panel_place *place, uint16_t port)
{
	struct address at;
	char text[ADDRESS_TEXT_SIZE], *url;
	const char *scheme = place->tcp.cert ? "https" : "http";
	bool any = strcmp(place->address, "0.0.0.0") == 0 || strcmp(place->address, "::") == 0;
	const char *name = place->tcp.n_hosts ? place->tcp.hosts[0] : any ? "localhost" : NULL;
	if (!name) {
		address_parse_ip(str_from(place->address), &at);
		at.port = port;
		address_format(&at, text);
	}
	int n = name ? asprintf(&url, "%s://%s:%u/", scheme, name, port)
		     : asprintf(&url, "%s://%s/", scheme, text);
	return n < 0 ? NULL : url;
}

void panel_place_say(const struct panel_place *place, uint16_t port, bool show)
{
	auto_free char *url = format_url(place, port), *whole = NULL;
	if (!url)
		return;
	if (!show) {
		log_info("the panel is %s, and its token is in %s", url,
			place->token_path ? place->token_path : "this process alone");
		return;
	}
	if (asprintf(&whole, "%s#%s", url, place->token) < 0) {
		whole = NULL;
		return;
	}
	log_info("the panel is this address, which has its token in it:");
	log_command(whole);
	explicit_bzero(whole, strlen(whole));
}
