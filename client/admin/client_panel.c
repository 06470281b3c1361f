/* SPDX-License-Identifier: MIT */
#include "client/admin/client_panel.h"

#include "base/log.h"
#include "client/keys/identity_key.h"

/* ssh's ProxyCommand has a terminal too, on which nobody waits for a page. */
static bool comes_by_itself(const struct client_options *o)
{
	return !o->panel.address && o->upstreams.n && log_has_reader() &&
	       !local_services_stdio(&o->local_services);
}

/* The token is kept if there is where, so that the page's address stays the same. */
static int find_place(struct client_panel *p, const struct client_options *o, struct error *err)
{
	struct kept_dir dir;
	struct error no_dir;
	bool kept = kept_dir_open(&dir, o->state_dir, CLIENT_STATE_NAME, &no_dir) == 0;
	const struct panel_side side = {.dir = kept ? &dir : NULL};
	int r = panel_place_init(&p->place, &p->settings, &side, err);
	kept_dir_close(&dir);
	return r;
}

int client_panel_open(struct client_panel *p, struct client_socket *s,
	const struct client_options *o, struct error *err)
{
	static char by_itself[] = CLIENT_PANEL_ADDRESS;
	bool own = comes_by_itself(o);
	*p = (struct client_panel){.settings = o->panel};
	if (!own && !panel_settings_wanted(&o->panel))
		return 0;
	if (own)
		p->settings.address = by_itself;
	int r = find_place(p, o, err);
	p->place.tcp.more = own ? CLIENT_PANEL_MORE : 0;
	r = r ? r : client_socket_serve(s, &p->place.tcp, err);
	if (!r) {
		p->open = true;
		panel_place_say(&p->place, panel_port(s->panel.panel), log_has_reader());
	} else if (own) {
		log_info("there is no panel: %s", err->text);
		r = 0;
	} else {
		error_prefix(err, "--panel");
	}
	return r;
}

void client_panel_deinit(struct client_panel *p)
{
	panel_place_deinit(&p->place);
}
