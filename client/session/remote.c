/* SPDX-License-Identifier: MIT */
#include "client/session/remote.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"

/* The exit node refuses such a certificate, and says no more than that it wants another one. */
static void warn_about_dates(const struct tls_client *tls)
{
	struct tls_dates d;
	char then[TLS_MOMENT_SIZE], here[TLS_MOMENT_SIZE];
	int64_t now = (int64_t)time(NULL);
	if (!tls_client_dates(tls, &d) || (now >= d.from && now <= d.to))
		return;
	log_warn(
		"the certificate of --tls-client-cert (%s) %s on %s, and the exit node refuses it; "
		"the clock here says %s",
		d.names, now > d.to ? "ended" : "begins",
		tls_moment(now > d.to ? d.to : d.from, then), tls_moment(now, here));
}

/*
 * A certificate of an unknown issuer is checked behind the handshake (rule 9), but not in open mode,
 * whose handshake proves nothing, nor when an option says what it must be: of a team that shares a
 * token, each member could pass for the exit node (rule 13).
 */
static int init_tls(struct remote *r, const struct client_options *o, struct error *err)
{
	if (r->url->scheme != URL_WSS)
		return 0;
	struct tls_client_config config = {
		.ca = o->tls_ca,
		.pin = o->tls_pin,
		.cert = o->tls_client_cert,
		.key = o->tls_client_key,
		.verify_later = !o->no_token && !o->tls_ca && !o->tls_pin,
	};
	r->tls = tls_client_new(&config, err);
	if (!r->tls)
		return -EIO;
	warn_about_dates(r->tls);
	return 0;
}

/* The exit node may not know by which name and port it is reached, behind NAT or another proxy. */
static void make_names(struct remote *r)
{
	char host[URL_AUTHORITY_SIZE];
	url_authority(r->url, r->authority);
	url_host_field(r->url, host);
	snprintf(r->name, sizeof(r->name), "%s://%s", r->url->scheme == URL_WSS ? "wss" : "ws",
		host);
}

int remote_init(struct remote *r, struct loop *loop, const struct client_options *options,
	struct error *err)
{
	*r = (struct remote){.loop = loop,
		.url = &options->remote_url,
		.path = options->control_path};
	make_names(r);
	int result = proxy_choose(&r->proxy, options->proxy, r->url, err);
	if (!result)
		result = init_tls(r, options, err);
	if (result)
		return result;
	r->resolver = resolver_new(loop, NULL);
	return r->resolver ? 0 : error_set(err, -ENOMEM, "no memory");
}

void remote_deinit(struct remote *r)
{
	r->resolver = resolver_free(r->resolver);
	r->tls = tls_client_unref(r->tls);
	proxy_deinit(&r->proxy);
}

const char *remote_port_note(const struct remote *r, char text[REMOTE_PORT_NOTE_SIZE])
{
	const struct url *u = r->url;
	text[0] = '\0';
	if (u->port_given)
		return text;
	if (u->port == URL_REMOTE_PORT)
		snprintf(text, REMOTE_PORT_NOTE_SIZE,
			" (--remote names no port: %u is what tunnel server listens on by default)",
			u->port);
	else
		snprintf(text, REMOTE_PORT_NOTE_SIZE,
			" (--remote names no port: %u is that of %s://)", u->port,
			u->scheme == URL_WSS ? "wss" : "ws");
	return text;
}
