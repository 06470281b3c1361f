/* SPDX-License-Identifier: MIT */
/* What the option table's rows cannot say: options that depend on each other, and what is made of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/config/options.h"
#include "config/memory.h"
#include "link/upgrade.h"

int client_short_form_check(struct client_options *o, enum upstream_form form, struct error *err)
{
	/* The operand was read before all other upstreams. */
	struct service_options *first = o->publications.v;
	if (o->publications.n)
		first->form = form;
	return client_options_check(o, err);
}

static int check_remote(struct client_options *o, struct error *err)
{
	int r = o->remote ? url_parse_remote(str_from(o->remote), &o->remote_url, err) : 0;
	if (r) {
		error_prefix(err, "--remote");
		return r;
	}
	if (!o->control_path) {
		struct str path = o->remote_url.path;
		bool named = path.n > 1; /* "/" is what people put behind any host */
		o->control_path = strndup(named ? path.p : UPGRADE_PATH,
			named ? path.n : strlen(UPGRADE_PATH));
		if (!o->control_path)
			return error_set(err, -ENOMEM, "no memory");
	}
	if (o->control_path[0] != '/')
		return error_set(err, -EINVAL,
			"--control-path: \"%s\" does not begin with a slash: write /%s",
			o->control_path, o->control_path);
	return 0;
}

static int check_tls(struct client_options *o, struct error *err)
{
	const char *lost = o->tls_ca            ? "--tls-ca"
			   : o->tls_pin         ? "--tls-pin"
			   : o->tls_client_cert ? "--tls-client-cert"
						: NULL;
	if (o->tls_client_key && !o->tls_client_cert)
		return error_set(err, -EINVAL, "--tls-client-key needs its --tls-client-cert");
	if (o->tls_ca && o->tls_pin)
		return error_set(err, -EINVAL,
			"--tls-pin asks no CA: it makes --tls-ca pointless, keep one");
	if (lost && o->remote && o->remote_url.scheme != URL_WSS)
		return error_set(err, -EINVAL,
			"%s is for an exit node that speaks TLS: write --remote wss://…", lost);
	return 0;
}

static int check_publications(struct client_options *o, struct error *err)
{
	const struct service_options *v = o->publications.v;
	for (size_t i = 0; i < o->publications.n; i++) {
		int r = upstreams_add(&o->upstreams, &v[i], &o->ports, err);
		if (r && *o->publications.places[i])
			error_prefix(err, "%s", o->publications.places[i]);
		if (r)
			return r;
	}
	for (size_t i = 0; i < o->upstreams.n; i++)
		/* A group is shared by what it is. */
		o->upstreams.v[i].exclusive = o->exclusive && !*o->upstreams.v[i].origin.group;
	if (o->ports.n && o->publications.n && !o->upstreams.ports_used)
		return error_set(err, -EINVAL,
			"--ports is for an --upstream that is a host alone, such as 10.0.0.5, and "
			"there is none");
	return 0;
}

/* For stdio the one who waits is a program that knows of no approval. */
#define STDIO_WAIT (60 * CLOCK_S)

static int check_endpoints(struct client_options *o, struct error *err)
{
	const struct local_options *v = o->endpoints.v;
	for (size_t i = 0; i < o->endpoints.n; i++) {
		int r = local_services_add(&o->local_services, &v[i], o->hosts_file, err);
		if (r && *o->endpoints.places[i])
			error_prefix(err, "%s", o->endpoints.places[i]);
		if (r)
			return r;
	}
	bool stdio = local_services_stdio(&o->local_services);
	if (stdio && o->hosts_file)
		return error_set(err, -EINVAL,
			"--hosts-file is for services that are listened for, and --stdio listens "
			"nowhere: leave it out");
	if (stdio && !o->wait)
		o->wait = STDIO_WAIT;
	/* Its row has checked it; a table that lacks it leaves the mode unused. */
	o->local_socket_mode = o->socket_mode ? (mode_t)strtoul(o->socket_mode, NULL, 8) : 0600;
	return 0;
}

int client_options_check(struct client_options *o, struct error *err)
{
	o->upstreams = UPSTREAMS_NULL;
	o->local_services = LOCAL_SERVICES_NULL;
	int r = check_remote(o, err);
	if (!r)
		r = check_tls(o, err);
	if (!r)
		r = check_publications(o, err);
	if (!r)
		r = check_endpoints(o, err);
	if (!r)
		r = panel_settings_check(&o->panel, false, err);
	if (!r && o->max_window < o->base_window)
		r = error_set(err, -EINVAL,
			"--max-window is %llu bytes, below the %llu of --base-window: make it as "
			"much at least, or leave both out",
			(unsigned long long)o->max_window, (unsigned long long)o->base_window);
	if (!o->memory_budget)
		o->memory_budget = memory_budget_default();
	return r;
}

void client_options_deinit(struct client_options *o)
{
	upstreams_deinit(&o->upstreams);
	local_services_deinit(&o->local_services);
}
