/* SPDX-License-Identifier: MIT */
#include "server/inspect.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "rules/front.h"
#include "tls/tls.h"
#include "server/admin/admin_socket.h"
#include "server/store/state_dir.h"
#include "server/trace/otlp_headers.h"

struct inspection {
	const struct server_options *o;
	void (*found)(void *arg, const char *sentence);
	void *arg;
};

static void report(const struct inspection *i, struct error *err, const char *option)
{
	error_prefix(err, "--%s", option);
	i->found(i->arg, err->text);
}

static void inspect_dates(const struct inspection *i, const struct tls_server *tls)
{
	int64_t now = (int64_t)time(NULL);
	for (size_t k = 0; k < tls_server_count(tls); k++) {
		struct tls_dates d;
		struct error err;
		char then[TLS_MOMENT_SIZE];
		tls_server_dates(tls, k, &d);
		if (now >= d.from && now <= d.to)
			continue;
		tls_moment(now > d.to ? d.to : d.from, then);
		error_set(&err, 0, "the certificate for %s %s on %s", d.names,
			now > d.to ? "ended" : "begins", then);
		report(i, &err, "tls-cert");
	}
}

/* Each by itself: the server would stop at the first. */
static void inspect_certificates(const struct inspection *i)
{
	const struct server_options *o = i->o;
	for (size_t k = 0; k < o->tls_cert.n; k++) {
		struct error err;
		struct tls_server_config config = {.certs = &o->tls_cert.v[k],
			.n_certs = 1,
			.keys = o->tls_key.n ? &o->tls_key.v[k] : NULL,
			.n_keys = o->tls_key.n ? 1 : 0};
		struct tls_server *tls = tls_server_new(&config, &err);
		if (tls)
			inspect_dates(i, tls);
		else
			report(i, &err, "tls-cert");
		tls_server_unref(tls);
	}
}

static void inspect_ca(const struct inspection *i, const char *path, const char *option)
{
	struct error err;
	struct tls_client_config config = {.ca = path};
	struct tls_client *tls = path ? tls_client_new(&config, &err) : NULL;
	if (path && !tls)
		report(i, &err, option);
	tls_client_unref(tls);
}

static void inspect_outputs(const struct inspection *i)
{
	const struct server_options *o = i->o;
	struct error err;
	bool is_file = o->access_log && strcmp(o->access_log, "off") != 0;
	int r = is_file ? file_may_write(o->access_log) : 0;
	if (r) {
		file_error(&err, r, o->access_log, FILE_WRITE, "%s cannot be opened",
			o->access_log);
		report(i, &err, "access-log");
	}
	r = o->audit_log ? file_may_write(o->audit_log) : 0;
	if (r) {
		file_error(&err, r, o->audit_log, FILE_WRITE, "%s cannot be opened", o->audit_log);
		report(i, &err, "audit-log");
	}
	auto_free char *fresh = NULL;
	if (!o->ready_file || asprintf(&fresh, "%s.new", o->ready_file) < 0)
		return;
	r = file_may_write(fresh);
	if (r) {
		file_error(&err, r, fresh, FILE_WRITE, "%s cannot be made", o->ready_file);
		report(i, &err, "ready-file");
	}
}

static void inspect_front(const struct inspection *i)
{
	struct front *front;
	struct error err;
	if (!i->o->front)
		return;
	if (front_load(i->o->front, &front, &err))
		report(i, &err, "front");
	else
		front_release(front);
}

static void inspect_otlp_headers(const struct inspection *i)
{
	struct error err, warning;
	char *text;
	if (!i->o->otlp_headers_from)
		return;
	if (otlp_headers_read(i->o->otlp_headers_from, &text, &warning, &err) < 0)
		report(i, &err, "otlp-headers-from");
	else
		otlp_headers_free(text);
}

void server_inspect(const struct server_options *o, void (*found)(void *arg, const char *sentence),
	void *arg)
{
	const struct inspection i = {o, found, arg};
	struct error err;
	inspect_certificates(&i);
	inspect_ca(&i, o->tls_client_ca, "tls-client-ca");
	inspect_ca(&i, o->otlp_ca, "otlp-ca");
	inspect_otlp_headers(&i);
	inspect_ca(&i, o->acme_ca, "acme-ca");
	inspect_outputs(&i);
	inspect_front(&i);
	if (admin_socket_inspect(o, &err) < 0)
		i.found(arg, err.text);
	if (panel_settings_inspect(&o->panel, &err) < 0)
		i.found(arg, err.text);
	bool own = !o->token && !o->token_from && !o->no_token;
	if (own && o->state_dir && state_dir_inspect(o->state_dir, &err) < 0)
		report(&i, &err, "state-dir");
}
