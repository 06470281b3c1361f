/* SPDX-License-Identifier: MIT */
/*
 * One uplink alone: its session, its connector and its links are fakes of this file, so each failure comes
 * when the test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"
#include "uplink_fakes.h"

/* ---- The session ---- */

static struct scene {
	struct loop *loop;
	struct remote remote;
	struct uplink uplink;
	bool joins, held_open, stops;
	const char *rejection;
	unsigned ups, downs, closed, rejected, changes, salts, opens, currents, formers;
} scene;

static bool on_configure(struct uplink *u, struct link_config *config)
{
	config->version = "of the session";
	return scene.joins;
}

static void on_salt(struct uplink *u, const uint8_t salt[HELLO_SALT])
{
	scene.salts++;
	uplink_key(u, salt, NULL);
}

static void on_up(struct uplink *u, const struct control *hello)
{
	assert_non_null(uplink_link(u));
	scene.ups++;
}

static void on_control(struct uplink *u, const struct control *message, bool current)
{
	scene.currents += current;
	scene.formers += !current;
}

static struct stream *on_open(struct uplink *u, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	scene.opens++;
	*reason_out = FRAME_RESET_REFUSED;
	return NULL;
}

static bool on_down(struct uplink *u)
{
	assert_null(u->link);
	assert_int_equal(u->state, UPLINK_BACKOFF);
	scene.downs++;
	return scene.held_open;
}

static void on_closed(struct uplink *u)
{
	scene.closed++;
	if (scene.stops)
		uplink_stop(u);
}

static const char *on_rejected(struct uplink *u, unsigned times, uint64_t lasted)
{
	assert_int_equal(times, ++scene.rejected);
	assert_true(lasted < 60 * CLOCK_S);
	assert_int_equal(times == 1, lasted == 0);
	if (!scene.rejection)
		uplink_stop(u);
	return scene.rejection;
}

static void on_changed(struct uplink *u)
{
	scene.changes++;
}

static const struct uplink_ops ops = {
	.configure = on_configure,
	.salt = on_salt,
	.up = on_up,
	.control = on_control,
	.open = on_open,
	.down = on_down,
	.closed = on_closed,
	.rejected = on_rejected,
	.changed = on_changed,
};

/* ---- What happens to it ---- */

static struct uplink *begin(void)
{
	static struct url url = {.scheme = URL_WS, .port = 8000, .port_given = true};
	log_set_level(LOG_ERROR);
	memset(&scene, 0, sizeof(scene));
	memset(&links, 0, sizeof(links));
	dials = 0;
	scene.loop = loop_new();
	scene.remote = (struct remote){.loop = scene.loop, .url = &url, .authority = "node:8000"};
	uplink_init(&scene.uplink, &scene.remote, &ops, &scene, 1, 2);
	uplink_start(&scene.uplink);
	assert_int_equal(dials, 1);
	return &scene.uplink;
}

static void end(void)
{
	uplink_deinit(&scene.uplink);
	assert_true(list_empty(&scene.uplink.links));
	loop_free(scene.loop);
}

static void connects(struct uplink *u)
{
	u->connector.state = CONNECTOR_IDLE;
	u->connector.opened(&u->connector, (struct detached_conn){.fd = -1}, "early", 6);
}

static void fails(struct uplink *u, const char *why)
{
	u->connector.state = CONNECTOR_IDLE;
	u->connector.failed(&u->connector, why);
}

/* Up for so long. */
static struct client_link *comes_up(struct uplink *u, uint64_t since)
{
	struct control hello = {.type = CONTROL_HELLO};
	connects(u);
	struct client_link *l = u->link;
	l->up_at = loop_now(scene.loop) - since;
	l->ops->up(l, &hello);
	return l;
}

/* As client_link does: off its list first. */
static void closes(struct client_link *l, enum link_end end, const char *why)
{
	l->io.link.end = end;
	strcpy(l->io.link.why, why);
	list_unlink(&l->link);
	l->ops->closed(l);
	client_link_free(l);
}

static void dials_again(unsigned n)
{
	uint64_t until = clock_now() + 2 * CLOCK_S;
	while (dials < n && clock_now() < until)
		loop_turn(scene.loop);
	assert_int_equal(dials, n);
	assert_int_equal(scene.uplink.state, UPLINK_CONNECTING);
}

/* Whether the next attempt is due at once, in ms at most. */
static bool waits(const struct uplink *u)
{
	return u->timer.deadline > loop_now(scene.loop);
}

static void test_starts_once(void **state)
{
	struct uplink *u = begin();
	uplink_start(u);
	assert_int_equal(dials, 1);
	assert_int_equal(u->state, UPLINK_CONNECTING);
	assert_int_equal(scene.changes, 1);
	assert_null(uplink_link(u));
	end();
}

static void test_tries_again(void **state)
{
	struct uplink *u = begin();
	fails(u, "connection refused");
	assert_int_equal(u->state, UPLINK_BACKOFF);
	assert_string_equal(u->last_failure, "connection refused");
	assert_true(waits(u));
	dials_again(2);
	fails(u, "connection refused");
	assert_int_equal(u->log_failure.similar, 1); /* the same again is counted */
	dials_again(3);
	fails(u, "no route");
	assert_int_equal(u->log_failure.similar, 0);
	assert_string_equal(u->last_failure, "no route");
	assert_int_equal(scene.downs, 0);
	end();
}

static void test_handshake(void **state)
{
	struct uplink *u = begin();
	const uint8_t salt[HELLO_SALT] = {7};
	uplink_key(u, salt, NULL); /* nobody waits for it */
	assert_int_equal(links.keyed, 0);
	scene.joins = true;
	connects(u);
	assert_int_equal(u->state, UPLINK_HANDSHAKING);
	assert_string_equal(links.early, "early");
	assert_true(u->link->joins);
	assert_null(uplink_link(u));
	u->link->ops->salt(u->link, salt);
	assert_int_equal(scene.salts, 1);
	assert_int_equal(links.keyed, 1);
	struct control hello = {.type = CONTROL_HELLO};
	u->link->ops->up(u->link, &hello);
	assert_int_equal(scene.ups, 1);
	assert_ptr_equal(uplink_link(u), &u->link->io.link);
	uplink_key(u, salt, NULL);
	assert_int_equal(links.keyed, 1);
	enum frame_reset reason = FRAME_RESET_NONE;
	assert_null(u->link->ops->open(u->link, NULL, &reason));
	assert_int_equal(reason, FRAME_RESET_REFUSED);
	end();
	assert_int_equal(links.freed, 1);
}

static void test_no_memory(void **state)
{
	struct uplink *u = begin();
	links.no_memory = true;
	connects(u);
	assert_int_equal(u->state, UPLINK_BACKOFF);
	assert_string_equal(u->last_failure, "out of memory");
	links.no_memory = false;
	links.no_memory_for_early = true;
	dials_again(2);
	connects(u);
	assert_int_equal(u->state, UPLINK_BACKOFF);
	assert_null(u->link);
	assert_int_equal(links.freed, 1);
	end();
}

/* It never came up: why it closed, and what one may think of that. */
static void test_not_opened(void **state)
{
	struct uplink *u = begin();
	connects(u);
	closes(u->link, LINK_END_VIOLATION, "a frame without a mask");
	assert_int_equal(u->state, UPLINK_BACKOFF);
	assert_string_equal(u->last_failure, "a frame without a mask: is a tunnel server there?");
	dials_again(2);
	connects(u);
	closes(u->link, LINK_END_LOST, "Connection reset by peer");
	assert_string_equal(u->last_failure, "Connection reset by peer");
	assert_int_equal(scene.downs, 0);
	assert_int_equal(scene.closed, 2);
	end();
}

static void test_rejected(void **state)
{
	struct uplink *u = begin();
	scene.rejection = "no such token";
	for (unsigned i = 1; i <= 2; i++) {
		connects(u);
		closes(u->link, LINK_END_REJECTED, "");
		assert_int_equal(scene.rejected, i);
		assert_string_equal(u->last_failure, "no such token");
		dials_again(i + 1);
	}
	/* Only those in a row count. */
	fails(u, "connection refused");
	scene.rejected = 0;
	dials_again(4);
	connects(u);
	closes(u->link, LINK_END_REJECTED, "");
	assert_int_equal(scene.rejected, 1);
	dials_again(5);
	connects(u);
	closes(u->link, LINK_END_LOST, "gone");
	scene.rejected = 0;
	dials_again(6);
	connects(u);
	scene.rejection = NULL;
	closes(u->link, LINK_END_REJECTED, "");
	assert_int_equal(u->state, UPLINK_STOPPED);
	end();
}

/* A link that lived is replaced at once; links that die young have to wait longer each time. */
static void test_lost(void **state)
{
	struct uplink *u = begin();
	closes(comes_up(u, UPLINK_STEADY), LINK_END_LOST, "Connection reset by peer");
	assert_int_equal(u->state, UPLINK_BACKOFF);
	assert_int_equal(scene.downs, 1);
	assert_false(waits(u));
	assert_string_equal(u->last_failure, "");
	dials_again(2);
	closes(comes_up(u, UPLINK_STEADY - CLOCK_MS), LINK_END_LOST, "Connection reset by peer");
	assert_true(waits(u));
	uint64_t first = u->young.ceiling;
	dials_again(3);
	closes(comes_up(u, 0), LINK_END_LOST, "Connection reset by peer");
	assert_true(u->young.ceiling > first);
	dials_again(4);
	closes(comes_up(u, UPLINK_STEADY), LINK_END_LOST, "Connection reset by peer");
	assert_int_equal(u->young.ceiling, 0);
	assert_int_equal(scene.downs, 4);
	end();
}

/* One that joins a session which others hold open, and soon ends, may not be wanted: said once. */
static void test_unwelcome(void **state)
{
	static const struct {
		bool joins, held_open;
		uint64_t lived;
		bool unwelcome;
	} rows[] = {
		{true, true, 0, true},
		{false, true, 0, false},
		{true, false, 0, false},
		{true, true, UPLINK_STEADY, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct uplink *u = begin();
		scene.joins = rows[i].joins;
		scene.held_open = rows[i].held_open;
		closes(comes_up(u, rows[i].lived), LINK_END_LOST, "no such session");
		assert_int_equal(u->unwelcome, rows[i].unwelcome);
		assert_string_equal(u->last_failure, rows[i].unwelcome ? "no such session" : "");
		if (rows[i].unwelcome) {
			dials_again(2);
			closes(comes_up(u, 0), LINK_END_LOST, "no such session");
			assert_int_equal(u->log_failure.similar, 1);
			dials_again(3);
			closes(comes_up(u, 0), LINK_END_LOST, "another reason");
			assert_int_equal(u->log_failure.similar, 0);
		}
		end();
	}
}

/* After GOAWAY the old link goes on with its streams, while the next one is made. */
static void test_goaway(void **state)
{
	struct uplink *u = begin();
	struct control message = {.type = CONTROL_NOTICE};
	struct client_link *old = comes_up(u, UPLINK_STEADY);
	old->ops->control(old, &message);
	assert_int_equal(scene.currents, 1);
	old->io.link.mux.n_remote = 2;
	old->leaving = true;
	old->ops->goaway(old, FRAME_GOAWAY_SHUTDOWN);
	assert_int_equal(u->state, UPLINK_BACKOFF);
	assert_null(u->link);
	assert_int_equal(scene.downs, 1);
	assert_int_equal(uplink_streams(u), 2);
	old->ops->control(old, &message);
	assert_int_equal(scene.formers, 1);
	dials_again(2);
	struct client_link *new = comes_up(u, 0);
	new->io.link.mux.n_remote = 3;
	assert_int_equal(uplink_streams(u), 5);
	/* Only one that the exit node left is closed, and only when it carries nothing. */
	uplink_close_left(u);
	assert_int_equal(links.closed, 0);
	old->io.link.mux.n_remote = new->io.link.mux.n_remote = 0;
	uplink_close_left(u);
	assert_int_equal(links.closed, 1);
	assert_string_equal(links.why, "replaced by a new link");
	closes(old, LINK_END_LOCAL, "");
	assert_int_equal(u->state, UPLINK_UP);
	assert_ptr_equal(u->link, new);
	assert_int_equal(scene.downs, 1);
	assert_int_equal(scene.closed, 1);
	end();
}

static void test_stops(void **state)
{
	/* Up: the link goes on without it. */
	struct uplink *u = begin();
	struct client_link *l = comes_up(u, 0);
	uplink_stop(u);
	assert_int_equal(u->state, UPLINK_STOPPED);
	assert_null(uplink_link(u));
	assert_int_equal(links.freed, 0);
	uplink_stop(u);
	uplink_rest(u);
	assert_int_equal(u->state, UPLINK_STOPPED);
	closes(l, LINK_END_LOST, "");
	assert_int_equal(u->state, UPLINK_STOPPED);
	assert_int_equal(scene.downs, 0);
	end();

	/* In its handshake: the link is freed. */
	u = begin();
	connects(u);
	uplink_rest(u);
	assert_int_equal(u->state, UPLINK_IDLE);
	assert_int_equal(links.freed, 1);
	uplink_start(u);
	assert_int_equal(dials, 2);
	end();

	/* Waiting: the timer comes no more. */
	u = begin();
	fails(u, "no route");
	uplink_rest(u);
	uplink_rest(u);
	assert_int_equal(u->timer.deadline, CLOCK_NEVER);
	assert_int_equal(u->state, UPLINK_IDLE);
	end();

	/* From within closed(): no further link. */
	u = begin();
	scene.stops = true;
	closes(comes_up(u, 0), LINK_END_LOST, "");
	assert_int_equal(u->state, UPLINK_STOPPED);
	assert_int_equal(scene.downs, 0);
	end();
}

static void test_finish(void **state)
{
	struct uplink *u = begin();
	assert_false(uplink_finish(u, false));
	struct client_link *l = comes_up(u, 0);
	l->io.link.mux.n_local = 1;
	uplink_stop(u);
	uplink_goaway(u);
	assert_true(l->io.link.mux.draining);
	assert_true(uplink_finish(u, false));
	assert_int_equal(links.closed, 0);
	assert_true(uplink_finish(u, true));
	assert_int_equal(links.closed, 1);
	l->io.link.mux.n_local = 0;
	closes(l, LINK_END_LOCAL, "");
	assert_false(uplink_finish(u, true));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starts_once),
		cmocka_unit_test(test_tries_again),
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_not_opened),
		cmocka_unit_test(test_rejected),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_unwelcome),
		cmocka_unit_test(test_goaway),
		cmocka_unit_test(test_stops),
		cmocka_unit_test(test_finish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
