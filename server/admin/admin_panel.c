/* SPDX-License-Identifier: MIT */
#include "server/admin/admin_panel.h"

#include "base/log.h"
#include "server/accept/certificates.h"
#include "server/admin/admin.h"
#include "server/admin/admin_socket.h"
#include "server/base/advertise.h"

/* The certificate that visitors get who ask for no name. */
static void lend_certificate(struct panel_side *side, const struct certificates *certificates)
{
	const struct server_options *o = certificates->opts;
	side->cert = certificates->cert ? certificates->cert
		     : o->tls_cert.n    ? o->tls_cert.v[0]
					: NULL;
	side->key = certificates->cert ? certificates->key : o->tls_key.n ? o->tls_key.v[0] : NULL;
}

static int open_tcp(struct admin_panel *p, const struct server_options *o, const char *state_dir,
	const struct certificates *certificates, struct error *err)
{
	struct kept_dir dir = KEPT_DIR_NULL;
	struct panel_side side = {0};
	int r = state_dir ? kept_dir_open(&dir, state_dir, NULL, err) : 0;
	side.dir = state_dir ? &dir : NULL;
	lend_certificate(&side, certificates);
	r = r ? r : panel_place_init(&p->place, &o->panel, &side, err);
	r = r ? r : panel_open_tcp(p->api.panel, &p->place.tcp, err);
	if (r)
		error_prefix(err, "--panel");
	kept_dir_close(&dir);
	return r;
}

int admin_panel_open(struct admin_panel *p, struct admin *a, const struct server_options *o,
	const char *state_dir, const struct certificates *certificates, struct error *err)
{
	int r = api_panel_new(&p->api, &a->api, err);
	if (r)
		return r;
	r = admin_socket_open(p->api.panel, o, state_dir, err);
	bool alone = r == ADMIN_SOCKET_NONE;
	p->shown = panel_settings_wanted(&o->panel);
	if (r >= 0)
		r = p->shown ? open_tcp(p, o, state_dir, certificates, err) : 0;
	if (r == 0 && !(alone && !p->shown))
		r = panel_start(p->api.panel, err);
	return r;
}

void admin_panel_say(const struct admin_panel *p, const struct server_options *o)
{
	if (p->shown)
		panel_place_say(&p->place, panel_port(p->api.panel),
			advertise_may_show(o->print_token));
}

void admin_panel_renew(void *p)
{
	panel_renew(((struct admin_panel *)p)->api.panel);
}

void admin_panel_close(struct admin_panel *p)
{
	api_panel_close(&p->api);
}

void admin_panel_deinit(struct admin_panel *p)
{
	api_panel_deinit(&p->api);
	panel_place_deinit(&p->place);
}
