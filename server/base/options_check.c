/* SPDX-License-Identifier: MIT */
/* What the option table's rows cannot say: options that depend on each other, and what is made of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "config/cores.h"
#include "config/memory.h"
#include "net/bind.h"
#include "server/base/acme_options.h"
#include "server/base/advertise.h"
#include "server/base/https_redirect.h"
#include "server/base/options.h"

/* The one port named twice is what it is without --control-port: shared. */
static int check_control_port(struct server_options *o, struct error *err)
{
	uint16_t port = o->control_port.n ? o->control_port.v[0] : 0;
	for (size_t i = 0; port && i < o->ports.n; i++) {
		if (o->ports.v[i] != port)
			continue;
		if (o->ports.n > 1)
			return error_set(err, -EINVAL,
				"--control-port %u is one of several in --port: give it one of its "
				"own, or none",
				port);
		o->control_port.n = 0;
		free(o->control_addr);
		o->control_addr = NULL;
	}
	return 0;
}

/* Any wildcard is in the list. */
static bool has_wildcard(const struct option_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i][0] == '*')
			return true;
	return false;
}

static int check_acme(const struct server_options *o, struct error *err)
{
	const char *lost = o->acme_domain.n   ? "acme-domain"
			   : o->acme_names.n  ? "acme-names"
			   : o->acme_ca       ? "acme-ca"
			   : o->acme_eab      ? "acme-eab"
			   : o->acme_dns_hook ? "acme-dns-hook"
			   : o->acme_profile  ? "acme-profile"
					      : NULL;
	if (!o->acme && lost)
		return error_set(err, -EINVAL, "--%s needs an --acme EMAIL", lost);
	if (!o->acme_dns_hook && o->acme_challenge == ACME_CHALLENGE_DNS)
		return error_set(err, -EINVAL,
			"--acme-challenge=dns-01 needs an --acme-dns-hook PROGRAM");
	if (!o->acme_dns_hook && has_wildcard(&o->acme_domain))
		return error_set(err, -EINVAL,
			"--acme-domain has a wildcard, which is proved by DNS alone: give an "
			"--acme-dns-hook PROGRAM");
	return 0;
}

static int check_tls(const struct server_options *o, struct error *err)
{
	const char *lost = o->redirects       ? "--https-redirect"
			   : o->tls_client_ca ? "--tls-client-ca"
					      : NULL;
	if (o->tls_cert.n && o->auto_tls)
		return error_set(err, -EINVAL,
			"--auto-tls is for a server without a certificate: drop it or --tls-cert");
	if (o->tls_key.n && o->tls_key.n != o->tls_cert.n)
		return error_set(err, -EINVAL,
			"there are %zu --tls-key for %zu --tls-cert: give one for each, or none "
			"and "
			"keep them in the certificates' files",
			o->tls_key.n, o->tls_cert.n);
	if (lost && !server_has_tls(o))
		return error_set(err, -EINVAL, "%s needs a --tls-cert, --acme or --auto-tls", lost);
	return 0;
}

static int read_networks(struct cidr_list *to, const struct option_list *from, const char *name,
	struct error *err)
{
	for (size_t i = 0; i < from->n; i++) {
		int r = cidr_list_add(to, str_from(from->v[i]), err);
		if (r) {
			error_prefix(err, "--%s", name);
			return r;
		}
	}
	return 0;
}

static int check_networks(struct server_options *o, struct error *err)
{
	if (o->accept_proxy_protocol_control.n && !o->control_port.n)
		return error_set(err, -EINVAL,
			"--accept-proxy-protocol-control needs a --control-port: without it "
			"clients "
			"come through --port");
	int r = read_networks(&o->trusted, &o->trusted_proxies, "trusted-proxies", err);
	if (!r)
		r = read_networks(&o->proxied, &o->accept_proxy_protocol, "accept-proxy-protocol",
			err);
	if (!r)
		r = read_networks(&o->proxied_control, &o->accept_proxy_protocol_control,
			"accept-proxy-protocol-control", err);
	return r;
}

static int check_addresses(const struct server_options *o, struct error *err)
{
	const struct {
		const char *name, *address;
	} rows[] = {{"bind-addr", o->bind_addr}, {"data-addr", o->data_addr},
		{"control-addr", o->control_addr}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int r = rows[i].address ? bind_check(rows[i].address, err) : 0;
		if (r) {
			error_prefix(err, "--%s", rows[i].name);
			return r;
		}
	}
	char text[ADVERTISE_SIZE];
	enum advertise_how how;
	const char *advertise = o->advertise;
	uint16_t port = 0;
	advertise_scheme(&advertise, &port);
	return advertise ? advertise_address(advertise, NULL, port, text, &how, err) : 0;
}

static int check_rates(struct server_options *o, struct error *err)
{
	const char *const texts[VISITOR_RATES_KINDS] = {
		[VISITOR_RATE_ADDRESS_CONNECTIONS] = o->connection_rate_per_address,
		[VISITOR_RATE_ADDRESS_FLOWS] = o->connection_rate_per_address,
		[VISITOR_RATE_ADDRESS_REQUESTS] = o->request_rate_per_address,
		[VISITOR_RATE_SERVICE_CONNECTIONS] = o->connection_rate_per_service,
		[VISITOR_RATE_SERVICE_REQUESTS] = o->request_rate_per_service,
	};
	for (unsigned i = 0; i < VISITOR_RATES_KINDS; i++) {
		o->rates[i] = (struct rate_limit){0};
		int r = texts[i] ? rate_limit_parse(str_from(texts[i]), &o->rates[i], err) : 0;
		if (r)
			return r;
	}
	return 0;
}

int server_options_check(struct server_options *o, struct error *err)
{
	o->trusted = o->proxied = o->proxied_control = CIDR_LIST_NULL;
	if (o->control_addr && !o->control_port.n)
		return error_set(err, -EINVAL,
			"--control-addr needs a --control-port: without it clients come through "
			"--port");
	https_redirect_parse(str_from(o->https_redirect ? o->https_redirect : ""), &o->redirects,
		&o->https_port);
	int r = check_control_port(o, err);
	if (!r)
		r = check_tls(o, err);
	if (!r)
		r = check_acme(o, err);
	if (!r)
		r = check_networks(o, err);
	if (!r)
		r = check_addresses(o, err);
	if (!r)
		r = check_rates(o, err);
	if (!r)
		r = panel_settings_check(&o->panel, server_has_tls(o), err);
	if (r)
		return r;
	if (!o->control_path || o->control_path[0] != '/')
		return error_set(err, -EINVAL,
			"--control-path: \"%s\" does not begin with a slash: write /%s",
			o->control_path ? o->control_path : "",
			o->control_path ? o->control_path : "tunnel");
	if (o->max_window < o->base_window)
		return error_set(err, -EINVAL,
			"--max-window is %llu bytes, below the %llu of --base-window: make it as "
			"much at least, or leave both out",
			(unsigned long long)o->max_window, (unsigned long long)o->base_window);
	if (!o->memory_budget)
		o->memory_budget = memory_budget_default();
	if (!o->max_visitors)
		o->max_visitors = memory_budget_default() / SERVER_VISITOR_AT_REST;
	if (!o->workers)
		o->workers = cores_default();
	return 0;
}

void server_options_deinit(struct server_options *o)
{
	cidr_list_deinit(&o->trusted);
	cidr_list_deinit(&o->proxied);
	cidr_list_deinit(&o->proxied_control);
}
