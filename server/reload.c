#include "server/reload.h"

#include "base/clock.h"
#include "base/log.h"
#include "loop/notify.h"
#include "server/base/worker.h"

void reload_init(struct reload *r, struct node *n, struct certificates *c,
	const struct server_options *running, struct reloader *reloader)
{
	*r = (struct reload){.node = n,
		.certificates = c,
		.running = running,
		.reloader = reloader};
}

static void reload_run(struct broadcast *broadcast, struct worker *w)
{
	w->opts = container_of(broadcast, struct reload, broadcast)->running;
}

static void reload_done(struct broadcast *broadcast)
{
	struct reload *r = container_of(broadcast, struct reload, broadcast);
	reloader_free(r->reloader, r->former);
	r->former = NULL;
	r->under_way = false;
	if (r->again)
		reload_start(r);
}

/* When the process ends meanwhile, the reloader frees what it read. */
static const struct broadcast_ops reload_ops = {.run = reload_run, .done = reload_done};

static void differs(void *arg, const struct reload_difference *d)
{
	if (d->reloadable)
		log_info("--%s: %s, was %s", d->name, d->is, d->was);
	else
		log_warn("--%s changed: that takes effect at the next start", d->name);
}

void reload_start(struct reload *r)
{
	struct error err;
	void *read;
	r->again = r->under_way;
	if (r->under_way)
		return;
	notify_send("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_now());
	if (reloader_load(r->reloader, r->running, differs, NULL, &read, &err)) {
		log_error("nothing was reloaded: %s", err.text);
	} else {
		r->under_way = true;
		r->former = (void *)(uintptr_t)r->running;
		r->running = read;
		log_set_level((enum log_level)r->running->log_level);
		certificates_reload(r->certificates, r->running);
		broadcast_send(&r->broadcast, r->node, &reload_ops);
		log_info("reloaded");
	}
	notify_send("READY=1");
}
