/* SPDX-License-Identifier: MIT */
#include "client/inspect.h"

#include <string.h>
#include <time.h>

#include "client/files/file_folder.h"
#include "client/keys/client_keys.h"
#include "client/local/hosts_file.h"
#include "tls/tls.h"

struct inspection {
	void (*found)(void *arg, const char *sentence);
	void *arg;
};

static void report(const struct inspection *i, struct error *err, const char *whose)
{
	error_prefix(err, "%s", whose);
	i->found(i->arg, err->text);
}

static void inspect_tls(const struct inspection *i, struct tls_client_config config,
	const char *whose)
{
	struct error err;
	struct tls_dates d;
	char then[TLS_MOMENT_SIZE];
	int64_t now = (int64_t)time(NULL);
	struct tls_client *tls = tls_client_new(&config, &err);
	if (!tls) {
		report(i, &err, whose);
	} else if (tls_client_dates(tls, &d) && (now < d.from || now > d.to)) {
		tls_moment(now > d.to ? d.to : d.from, then);
		error_set(&err, 0, "the certificate for %s %s on %s", d.names,
			now > d.to ? "ended" : "begins", then);
		report(i, &err, whose);
	}
	tls_client_unref(tls);
}

void client_inspect(const struct client_options *o, void (*found)(void *arg, const char *sentence),
	void *arg)
{
	const struct inspection i = {found, arg};
	if (o->tls_ca)
		inspect_tls(&i, (struct tls_client_config){.ca = o->tls_ca}, "--tls-ca");
	if (o->tls_client_cert)
		inspect_tls(&i,
			(struct tls_client_config){.cert = o->tls_client_cert,
				.key = o->tls_client_key,
				.insecure = true},
			"--tls-client-cert");
	struct error err;
	if (o->hosts_file && hosts_file_check(o->hosts_file, &err) < 0)
		report(&i, &err, "--hosts-file");
	if (client_keys_inspect(o, &err) < 0)
		found(arg, err.text);
	if (panel_settings_inspect(&o->panel, &err) < 0)
		found(arg, err.text);
	/* Services of one --upstream have its CAs in common: said once. */
	const char *last = NULL;
	for (size_t k = 0; k < o->upstreams.n; k++) {
		const struct upstream *u = &o->upstreams.v[k];
		if (u->ca && (!last || strcmp(last, u->ca) != 0))
			inspect_tls(&i,
				(struct tls_client_config){.ca = u->ca, .insecure = u->insecure},
				u->text);
		last = u->ca ? u->ca : last;
		if (file_folder_check(u, &err) == FILE_FOLDER_UNREADABLE)
			found(arg, err.text);
	}
}
