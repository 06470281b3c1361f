/* The client's option table. A default's reason stands beside it. */
#include "client/options.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "config/memory.h"
#include "config/shared.h"
#include "link/upgrade.h"

#define AT(field) offsetof(struct client_options, field)

static const struct option_row rows[] = {
	{.name = "remote",
		.letter = 'r',
		.aliases = "url",
		.type = OPTION_STRING,
		.metavar = "URL",
		.env = "TUNNEL_REMOTE",
		.help = "The exit node: HOST:PORT or ws://HOST[:PORT]",
		.required = true,
		.offset = AT(remote)},
	{.name = "upstream",
		.letter = 'u',
		.type = OPTION_LINES,
		.metavar = "[HOST=]URL,...",
		.env = "TUNNEL_UPSTREAM",
		.help = "What to publish: a URL for every host, HOST=URL for one, *.HOST=URL for "
			"those "
			"below it",
		.required = true,
		.offset = AT(upstream)},
	{.name = "token",
		.letter = 't',
		.type = OPTION_SECRET,
		.metavar = "TOKEN",
		.env = "TUNNEL_TOKEN",
		.help = "The secret shared with the exit node",
		.offset = AT(token)},
	{.name = "token-from",
		.letter = 'f',
		.aliases = "token-file",
		.type = OPTION_STRING,
		.metavar = "FILE",
		.env = "TUNNEL_TOKEN_FROM",
		.help = "Read the token from this file",
		.offset = AT(token_from)},
	{.name = "no-token",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Use an exit node that lets everybody publish",
		.offset = AT(no_token)},
	{.name = "no-seal",
		.type = OPTION_FLAG,
		.default_text = "false",
		.help = "Do not encrypt the link if the exit node says so too: for trusted "
			"networks",
		.offset = AT(no_seal)},
	{.name = "proxy",
		.type = OPTION_SECRET,
		.metavar = "URL",
		.help = "Go through this HTTP proxy, http://[USER:PASSWORD@]HOST:PORT, or none; "
			"without "
			"it as https_proxy, all_proxy and no_proxy say",
		.offset = AT(proxy)},
	{.name = "control-path",
		.type = OPTION_STRING,
		.metavar = "PATH",
		.help = "Where the exit node takes clients; without it the path in --remote, "
			"else " UPGRADE_PATH,
		.offset = AT(control_path)},
	{.name = "strict-forwarding",
		.type = OPTION_FLAG,
		.default_text = "true",
		.help = "Accepted for inlets' sake: it is always so",
		.note = "turning it off changes nothing, the server can never make the client dial "
			"anything but its own upstreams",
		.offset = AT(strict_forwarding)},

	/* Below curl's patience, and long enough for a lost SYN to be sent twice again. */
	{.name = "dial-timeout",
		.type = OPTION_DURATION,
		.default_text = "5s",
		.min = 100 * CLOCK_MS,
		.max = 120 * CLOCK_S,
		.help = "How long an upstream may take to accept a connection",
		.offset = AT(dial_timeout)},
	/* A visitor that connects and resets in a loop must not become a flood at the upstream. */
	{.name = "max-dials",
		.type = OPTION_NUMBER,
		.default_text = "256",
		.min = 1,
		.max = 1 << 16,
		.help = "Connections to upstreams that are being opened at a time; more wait",
		.offset = AT(max_dials)},
	{.name = "max-dials-per-visitor",
		.type = OPTION_NUMBER,
		.default_text = "32",
		.min = 1,
		.max = 1 << 16,
		.help = "The same for one visitor's address",
		.offset = AT(max_dials_per_visitor)},

	SHARED_LINK_ROWS(struct client_options),

	SHARED_RUN_ROWS(struct client_options),
};

const struct option_table client_option_table = {
	.command = "client",
	.summary =
		"Beside the service: dials out to the exit node and publishes the upstreams there.",
	.rows = rows,
	.n = ARRAY_LEN(rows),
};

static int check_remote(struct client_options *o, struct error *err)
{
	int r = o->remote ? url_parse_remote(str_from(o->remote), &o->remote_url, err)
			  : error_set(err, -EINVAL, "it is empty");
	if (r) {
		error_prefix(err, "--remote");
		return r;
	}
	if (o->remote_url.scheme == URL_WSS)
		return error_set(err, -EINVAL,
			"--remote %s: this version does not speak wss:// yet; ws:// is encrypted "
			"end to end all the same",
			o->remote);
	if (!o->control_path) {
		struct str path = o->remote_url.path;
		bool named = path.n > 1; /* "/" is what people put behind any host */
		o->control_path = strndup(named ? path.p : UPGRADE_PATH,
			named ? path.n : strlen(UPGRADE_PATH));
		if (!o->control_path)
			return error_set(err, -ENOMEM, "no memory");
	}
	if (o->control_path[0] != '/')
		return error_set(err, -EINVAL, "--control-path must begin with a slash");
	return 0;
}

int client_options_check(struct client_options *o, struct error *err)
{
	o->upstreams = UPSTREAMS_NULL;
	int r = check_remote(o, err);
	for (size_t i = 0; !r && i < o->upstream.n; i++)
		r = upstreams_add(&o->upstreams, str_from(o->upstream.v[i]), err);
	if (!r && o->max_window < o->base_window)
		r = error_set(err, -EINVAL, "--max-window must not be below --base-window");
	if (!o->memory_budget)
		o->memory_budget = memory_budget_default();
	return r;
}

void client_options_deinit(struct client_options *o)
{
	upstreams_deinit(&o->upstreams);
}
