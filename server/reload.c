/* SPDX-License-Identifier: MIT */
#include "server/reload.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/log_rooms.h"
#include "loop/notify.h"
#include "rules/front.h"
#include "server/base/worker.h"
#include "server/control/enforce.h"
#include "server/front_file.h"
#include "server/route/origin.h"

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
	const struct reload *r = container_of(broadcast, struct reload, broadcast);
	w->opts = r->running;
	w->front = r->front;
	origins_set(w);
}

/* One of the two parts of a reload has ended; behind both it is over. */
static void reload_part_over(struct reload *r)
{
	if (--r->parts)
		return;
	log_info("reloaded");
	notify_send("READY=1");
	if (r->again)
		reload_start(r);
}

static void reload_done(struct broadcast *broadcast)
{
	struct reload *r = container_of(broadcast, struct reload, broadcast);
	reloader_free(r->reloader, r->former);
	r->former = NULL;
	r->former_front = front_release(r->former_front);
	reload_part_over(r);
}

/* When the process ends meanwhile, the reloader frees what it read. */
static const struct broadcast_ops reload_ops = {.run = reload_run, .done = reload_done};

static void reload_certificates_done(void *arg)
{
	reload_part_over(arg);
}

static void on_difference(void *arg, const struct reload_difference *d)
{
	if (d->reloadable)
		log_info("--%s: %s, was %s", d->name, d->is, d->was);
	else
		log_warn("--%s changed: that takes effect at the next start", d->name);
}

static void refuse(const struct error *err)
{
	log_error("nothing was reloaded: %s", err->text);
	notify_send("READY=1");
}

void reload_start(struct reload *r)
{
	struct error err;
	void *read;
	r->again = r->parts > 0;
	if (r->parts)
		return;
	notify_send("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_now());
	const struct front *front;
	if (reloader_load(r->reloader, r->running, on_difference, NULL, &read, &err)) {
		refuse(&err);
		return;
	}
	if (front_file_read(r->node, read, &front, &err)) {
		reloader_free(r->reloader, read);
		refuse(&err);
		return;
	}
	r->former_front = r->node->front;
	r->node->front = r->front = front;
	r->parts = 2; /* the workers, and the certificates */
	int was = r->running->default_intention;
	r->former = (void *)(uintptr_t)r->running;
	r->running = read;
	log_rooms_apply((enum log_level)r->running->log_level, &r->running->log_rooms);
	broadcast_send(&r->broadcast, r->node, &reload_ops);
	enforce_client_rules(r->node->registrar);
	if (r->running->default_intention != was)
		enforce_default_intention(r->node->registrar);
	certificates_reload(r->certificates, r->running, reload_certificates_done, r);
}
