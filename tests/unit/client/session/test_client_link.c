/* SPDX-License-Identifier: MIT */
/*
 * One link of the client on a socket pair, against a link of the exit node's whose bytes this file carries:
 * when its owner is called, and with what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/session/client_link.h"
#include "crypto/crypto.h"
#include "tests/link_config.h"

static struct scene {
	struct loop *loop;
	struct budget budget;
	struct random_pool random;
	struct token_key *key;
	uint8_t instance[CONTROL_INSTANCE];
	int fd; /* the exit node's end */
	struct link node;
	struct client_link *link;
	bool returned; /* client_link_new() has */
	unsigned salts, ups, controls, opens, goaways, closed;
} scene;

/* ---- The exit node ---- */

static const uint8_t *node_find_psk(struct link *l, const uint8_t id[TOKEN_ID_SIZE])
{
	return scene.key->psk;
}

static void node_up(struct link *l, const struct control *hello)
{
}

static void node_control(struct link *l, struct control *message)
{
}

static struct stream *node_open(struct link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return NULL;
}

static void node_goaway(struct link *l, uint8_t reason)
{
}

static void node_wake(struct link *l)
{
}

static const struct link_ops node_ops = {
	.find_psk = node_find_psk,
	.up = node_up,
	.control = node_control,
	.open = node_open,
	.goaway = node_goaway,
	.wake = node_wake,
};

/* ---- The owner ---- */

static void on_salt(struct client_link *l, const uint8_t salt[HELLO_SALT])
{
	assert_true(scene.returned);
	assert_ptr_equal(l->owner, &scene);
	assert_int_equal(salt[0], 0x5a);
	scene.salts++;
}

static void on_up(struct client_link *l, const struct control *hello)
{
	assert_string_equal(hello->hello.version, "0-test");
	scene.ups++;
}

static void on_control(struct client_link *l, const struct control *message)
{
	scene.controls++;
}

static struct stream *on_open(struct client_link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	scene.opens++;
	*reason_out = FRAME_RESET_UNKNOWN_SERVICE;
	return NULL;
}

static void on_goaway(struct client_link *l, uint8_t reason)
{
	scene.goaways++;
}

static void on_closed(struct client_link *l)
{
	assert_false(list_linked(&l->link));
	scene.closed++;
	scene.link = NULL;
}

static const struct client_link_ops ops = {
	.salt = on_salt,
	.up = on_up,
	.control = on_control,
	.open = on_open,
	.goaway = on_goaway,
	.closed = on_closed,
};

/* ---- Between the two ---- */

/* What the exit node has to say, into `p`. */
static size_t node_says(uint8_t *p, size_t room)
{
	size_t total = 0, n;
	const uint8_t *out;
	while ((n = link_output(&scene.node, &out, clock_now()))) {
		assert_true(total + n <= room);
		memcpy(p + total, out, n);
		link_sent(&scene.node, n);
		total += n;
	}
	return total;
}

static void on_tick(struct loop_timer *timer)
{
	loop_timer_set(timer, loop_now(timer->loop) + CLOCK_MS);
}

/* Back and forth, until neither has anything more to say. */
static void carry(void)
{
	static uint8_t bytes[1 << 20];
	struct loop_timer tick;
	loop_timer_init(&tick, scene.loop, on_tick);
	on_tick(&tick);
	for (int quiet = 0; quiet < 3; quiet++) {
		size_t n = node_says(bytes, sizeof(bytes)), room;
		if (n && send(scene.fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n)
			quiet = 0;
		loop_turn(scene.loop);
		uint8_t *to = link_room(&scene.node, &room);
		ssize_t got = recv(scene.fd, to, room, MSG_DONTWAIT);
		if (got > 0) {
			link_input(&scene.node, (size_t)got, clock_now());
			quiet = 0;
		}
	}
	loop_timer_cancel(&tick);
}

static void begin(bool early)
{
	int ends[2];
	uint8_t hello[4096];
	memset(&scene, 0, sizeof(scene));
	log_set_level(LOG_ERROR);
	scene.loop = loop_new();
	scene.key = token_key_new();
	token_key_open_mode(scene.key);
	budget_init(&scene.budget, 1 << 20);
	random_pool_init(&scene.random);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	scene.fd = ends[1];
	struct link_config config = link_config_make(&scene.budget, &scene.random, scene.instance);
	assert_int_equal(link_init(&scene.node, &node_ops, &config, clock_now()), 0);
	config.client = true;
	scene.link = client_link_new(scene.loop, DETACHED_CONN_OF(ends[0]), &config, &ops, &scene);
	assert_non_null(scene.link);
	assert_int_equal(scene.link->up_at, CLOCK_NEVER);
	scene.returned = true;
	if (early) {
		/* The hello came in one read with the upgrade's response. */
		size_t n = node_says(hello, sizeof(hello));
		assert_int_equal(client_link_feed(scene.link, hello, n), 0);
		assert_int_equal(scene.salts, 1);
	}
}

static void end(void)
{
	client_link_free(scene.link);
	link_deinit(&scene.node);
	close(scene.fd);
	random_pool_deinit(&scene.random);
	token_key_free(scene.key);
	loop_free(scene.loop);
}

static void give_key(uint8_t salt)
{
	uint8_t bytes[HELLO_SALT];
	memset(bytes, salt, sizeof(bytes));
	client_link_key(scene.link, bytes, scene.key);
}

static void test_comes_up(void **state)
{
	for (int early = 0; early < 2; early++) {
		begin(early);
		carry();
		assert_int_equal(scene.salts, 1);
		give_key(0x33); /* another salt's */
		assert_int_equal(scene.link->io.link.state, LINK_KEY);
		give_key(0x5a);
		assert_int_equal(scene.link->io.link.state, LINK_HANDSHAKE);
		give_key(0x5a); /* it has it by now */
		carry();
		assert_int_equal(scene.ups, 1);
		assert_int_equal(scene.node.state, LINK_UP);
		assert_true(scene.link->up_at != CLOCK_NEVER);
		assert_string_equal(scene.link->unverified, "");
		end();
		assert_int_equal(scene.closed, 0);
	}
}

static void test_no_memory_for_the_key(void **state)
{
	uint8_t salt[HELLO_SALT];
	memset(salt, 0x5a, sizeof(salt));
	begin(true);
	client_link_key(scene.link, salt, NULL);
	assert_string_equal(scene.link->io.link.why, "out of memory");
	assert_int_equal(scene.closed, 0);
	carry();
	assert_int_equal(scene.closed, 1);
	end();
}

static void test_what_is_passed_on(void **state)
{
	begin(true);
	give_key(0x5a);
	carry();
	struct control notice = {.type = CONTROL_NOTICE, .notice = {.sentence = "hello"}};
	assert_int_equal(link_send(&scene.node, &notice), 0);
	carry();
	assert_int_equal(scene.controls, 1);
	assert_int_equal(client_link_streams(scene.link), 0);
	assert_false(scene.link->leaving);
	mux_goaway(&scene.node.mux, FRAME_GOAWAY_SHUTDOWN);
	carry();
	assert_int_equal(scene.goaways, 1);
	assert_true(scene.link->leaving);
	end();
}

/* Closing says so to the exit node first; the end comes when that is written. */
static void test_closes(void **state)
{
	begin(true);
	give_key(0x5a);
	carry();
	client_link_close(scene.link, "the test ends");
	assert_int_equal(scene.closed, 0);
	carry();
	assert_int_equal(scene.closed, 1);
	assert_int_equal(scene.node.state, LINK_CLOSED);
	end();
}

static void test_lost(void **state)
{
	begin(false);
	shutdown(scene.fd, SHUT_RDWR);
	carry();
	assert_int_equal(scene.closed, 1);
	assert_int_equal(scene.salts, 0);
	end();
}

/* Bytes that are no hello: the link is closed by then, and its end comes from the loop. */
static void test_early_garbage(void **state)
{
	begin(false);
	assert_int_equal(client_link_feed(scene.link, "\x81\x05hello", 7), 0);
	assert_int_equal(scene.link->io.link.state, LINK_CLOSED);
	assert_int_equal(scene.link->io.link.end, LINK_END_VIOLATION);
	assert_int_equal(scene.closed, 0);
	carry();
	assert_int_equal(scene.closed, 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_up),
		cmocka_unit_test(test_no_memory_for_the_key),
		cmocka_unit_test(test_what_is_passed_on),
		cmocka_unit_test(test_closes),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_early_garbage),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
