/* SPDX-License-Identifier: MIT */
#include "uplink_fakes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- The connector ---- */

unsigned dials;

void connector_init(struct connector *c, const struct remote *remote)
{
	*c = (struct connector){.remote = remote};
}

void connector_start(struct connector *c)
{
	assert_int_equal(c->state, CONNECTOR_IDLE);
	c->state = CONNECTOR_DIALLING;
	dials++;
}

void connector_cancel(struct connector *c)
{
	c->state = CONNECTOR_IDLE;
}

/* ---- Links ---- */

struct fake_links links;

static void on_wake(struct mux *m)
{
}

static const struct mux_ops mux_ops = {.wake = on_wake};

struct client_link *client_link_new(struct loop *loop, struct detached_conn detached,
	const struct link_config *config, const struct client_link_ops *ops, void *owner)
{
	static const struct mux_limits limits = {MUX_BASE_WINDOW, MUX_MAX_WINDOW, 1};
	if (links.no_memory)
		return NULL;
	assert_true(config->client);
	assert_string_equal(config->version, "of the session");
	struct client_link *l = calloc(1, sizeof(*l));
	l->io.loop = loop;
	l->ops = ops;
	l->owner = owner;
	list_init(&l->link);
	budget_init(&links.budget, 1 << 20);
	mux_init(&l->io.link.mux, &mux_ops, &limits, &links.budget, true);
	return l;
}

int client_link_feed(struct client_link *l, const void *early, size_t n)
{
	/* By now its owner knows it: the bytes call the ops. */
	assert_ptr_equal(((struct uplink *)l->owner)->link, l);
	memcpy(links.early, early, n);
	return links.no_memory_for_early ? -1 : 0;
}

struct client_link *client_link_free(struct client_link *l)
{
	if (!l)
		return NULL;
	list_unlink(&l->link);
	mux_deinit(&l->io.link.mux);
	free(l);
	links.freed++;
	return NULL;
}

void client_link_key(struct client_link *l, const uint8_t salt[HELLO_SALT],
	const struct token_key *key)
{
	assert_int_equal(salt[0], 7);
	links.keyed++;
}

void client_link_close(struct client_link *l, const char *why)
{
	links.closed++;
	links.why = why;
}
