/* SPDX-License-Identifier: MIT */
/* Hello, handshake and proof between two ends: rules 4 to 14 of docs/protocol.md. */
#include <errno.h>
#include <stdlib.h>

#include "base/macros.h"
#include "crypto/crypto.h"
#include "pair.h"

#define CB_A "exporter value A: 32 bytes long."
#define CB_B "exporter value B: 32 bytes long."

static void agreed(void **state)
{
	static const struct {
		struct pair_config config;
		bool sealed, bound;
	} rows[] = {
		{{0}, true, false},
		{{.open_mode = true}, true, false},
		{{.client_waives = true}, true, false},
		{{.server_waives = true}, true, false},
		{{.client_waives = true, .server_waives = true}, false, false},
		{{.client_cb = CB_A, .server_cb = CB_A}, false, true},
		{{.client_cb = CB_A, .server_cb = CB_B}, true, false},
		{{.client_cb = CB_A}, true, false},
		{{.server_cb = CB_A}, true, false},
		{{.client_cb = CB_A, .server_cb = CB_B, .client_waives = true}, true, false},
		{{.client_cb = CB_A, .server_cb = CB_A, .client_waives = true}, false, true},
		/* TLS 1.2 counts as none, whatever the library exports there. */
		{{.client_cb = CB_A, .server_cb = CB_A, .client_tls12 = true}, true, false},
		/* Everybody knows the key of open mode, so it binds nothing (rule 12). */
		{{.client_cb = CB_A, .server_cb = CB_A, .open_mode = true}, true, false},
		/* A certificate that nobody vouches for, of who knows the token (rule 9). */
		{{.client_cb = CB_A, .server_cb = CB_A, .unverified = "self-signed"}, false, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		pair_init(&p, &rows[i].config, 1);
		pair_up(&p);
		struct link *ends[] = {&p.client.link, &p.server.link};
		for (size_t k = 0; k < ARRAY_LEN(ends); k++) {
			assert_int_equal(ends[k]->sealed, rows[i].sealed);
			assert_int_equal(ends[k]->bound, rows[i].bound);
		}
		assert_int_equal(p.client.salts, 1);
		assert_memory_equal(p.client.salt, p.server.link.config.salt, HELLO_SALT);
		assert_int_equal(p.client.peer_window, MUX_BASE_WINDOW);
		/* Sealed means that it cannot be read on the way, and waived that it can. */
		static const struct control notice = {.type = CONTROL_NOTICE,
			.notice = {.sentence = "a plain sentence"}};
		assert_int_equal(link_send(&p.server.link, &notice), 0);
		const uint8_t *bytes;
		size_t n = link_output(&p.server.link, &bytes, p.now);
		assert_int_equal(memmem(bytes, n, "a plain sentence", 16) == NULL, rows[i].sealed);
		pair_run(&p);
		assert_string_equal(p.client.notice, "a plain sentence");
		pair_deinit(&p);
	}
}

static void refused(void **state)
{
	static const struct {
		struct pair_config config;
		enum link_end client_end;
		const char *why;
	} rows[] = {
		{{.wrong_psk = true}, LINK_END_REJECTED, "the token is not known"},
		{{.wrong_id = true}, LINK_END_REJECTED, "the token is not known"},
		{{.server_without_key = true}, LINK_END_REJECTED, "the token is not known"},
		{{.open_mode = true, .server_without_key = true}, LINK_END_REJECTED,
			"the token is not known"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		pair_init(&p, &rows[i].config, 1);
		pair_run(&p);
		assert_int_equal(p.client.link.state, LINK_CLOSED);
		assert_int_equal(p.client.link.end, rows[i].client_end);
		assert_string_equal(p.client.link.why, rows[i].why);
		assert_int_equal(p.server.link.state, LINK_CLOSED);
		assert_int_equal(p.server.link.end, LINK_END_REFUSED);
		assert_int_equal(p.client.ups + p.server.ups, 0);
		pair_deinit(&p);
	}
}

/* Somebody with a certificate of his own stands in between, or TLS is too old to tell (rule 9). */
static void in_between(void **state)
{
	static const struct pair_config rows[] = {
		{.client_cb = CB_A, .server_cb = CB_B},
		{.client_cb = CB_A},
		{.server_cb = CB_A},
		{.client_cb = CB_A, .server_cb = CB_A, .client_tls12 = true},
		{.client_cb = CB_A, .server_cb = CB_A, .open_mode = true},
		{.client_cb = CB_A,
			.server_cb = CB_B,
			.client_waives = true,
			.server_waives = true},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair p;
		struct pair_config config = rows[i];
		config.unverified = "self-signed";
		pair_init(&p, &config, 1);
		pair_run(&p);
		assert_int_equal(p.client.link.state, LINK_CLOSED);
		assert_int_equal(p.client.link.end, LINK_END_REFUSED);
		assert_non_null(strstr(p.client.link.why, "(self-signed)"));
		assert_non_null(strstr(p.client.link.why, "--tls-pin"));
		/* Nothing was said that is for the exit node alone. */
		assert_false(p.client.link.send_confirmed);
		assert_int_equal(p.client.ups + p.server.ups, 0);
		pair_deinit(&p);
	}
}

/* The bytes that a client sees of a wrong key and of an unknown one are the same. */
static void refusals_look_alike(void **state)
{
	size_t sizes[2];
	for (int i = 0; i < 2; i++) {
		struct pair p;
		struct pair_config config = {.wrong_psk = i == 0, .wrong_id = i == 1};
		pair_init(&p, &config, 1);
		pair_run(&p);
		sizes[i] = p.server.n_piped;
		pair_deinit(&p);
	}
	assert_int_equal(sizes[0], sizes[1]);
}

/* A server that knows the token but says something else of the seal than what follows. */
static void lying_server(void **state)
{
	for (int lie = 0; lie < 3; lie++) {
		struct pair p;
		pair_init(&p, NULL, 1);
		while (p.client.link.state != LINK_HANDSHAKE)
			pair_step(&p);
		struct link *l = &p.client.link;
		const uint8_t *bytes;
		size_t n = link_output(l, &bytes, p.now), room, size;
		struct ws_rx rx = {.masked = true, .limit = WS_MESSAGE_MAX_UNPROVEN};
		struct ws_event ev;
		uint8_t first[256], prologue[HELLO_PROLOGUE_MAX], payload[HELLO_RESULT];
		memcpy(first, bytes, n);
		link_sent(l, n);
		assert_int_equal(ws_rx_next(&rx, first, n, &ev), 0);
		assert_int_equal(ev.size, HELLO_FIRST);

		struct handshake hs;
		struct hello_result result = {.bound = lie == 1, .sealed = lie != 2};
		handshake_init(&hs,
			l->version == HELLO_VERSION_AESGCM ? SEAL_AESGCM : SEAL_CHACHAPOLY, false,
			prologue,
			hello_prologue(prologue, l->hello, l->hello_size, l->version,
				p.server.key.id),
			p.server.key.psk, NULL);
		assert_int_equal(handshake_read(&hs, ev.payload + 1 + HELLO_KEY_ID,
					 HELLO_NOISE_FIRST, payload, sizeof(payload), &size),
			0);
		hello_write_result(payload, &result);
		uint8_t *at = link_room(l, &room);
		size_t head = ws_write_header(at, WS_OP_BINARY, HELLO_ANSWER, false, 0);
		head += hello_write_answer(at + head);
		assert_int_equal(handshake_write(&hs, payload, HELLO_RESULT, at + head, 200, &size),
			0);
		assert_int_equal(link_input(l, head + size, p.now), lie ? -EPROTO : 0);
		assert_int_equal(l->state, lie ? LINK_CLOSED : LINK_CONFIRM);
		if (lie)
			assert_string_equal(l->why, "the two ends disagree about the seal");
		pair_break(&p);
		pair_deinit(&p);
	}
}

static void other_versions(void **state)
{
	/* A server that speaks only what this client does not. */
	struct pair p;
	pair_init(&p, NULL, 1);
	struct link *l = &p.client.link;
	struct hello hello = {.versions = {3, 9}, .version_count = 2};
	uint8_t bytes[2 + HELLO_MAX];
	size_t room, n = hello_write(bytes + 2, &hello);
	bytes[0] = 0x82;
	bytes[1] = (uint8_t)n;
	memcpy(link_room(l, &room), bytes, n + 2);
	assert_int_equal(link_input(l, n + 2, p.now), -EPROTO);
	assert_int_equal(l->end, LINK_END_REFUSED);
	assert_int_equal(p.client.salts, 0);
	pair_break(&p);
	pair_deinit(&p);

	/* One that speaks more: the common one is chosen, and the longer hello is in the prologue. */
	pair_init(&p, NULL, 1);
	l = &p.server.link;
	buf_deinit(&l->out);
	hello = (struct hello){.versions = {HELLO_VERSION_CHACHAPOLY, 200}, .version_count = 2};
	memcpy(hello.salt, l->config.salt, HELLO_SALT);
	l->hello_size = hello_write(l->hello, &hello);
	bytes[1] = (uint8_t)l->hello_size;
	memcpy(bytes + 2, l->hello, l->hello_size);
	assert_int_equal(buf_append(&l->out, bytes, l->hello_size + 2), 0);
	pair_up(&p);
	assert_int_equal(p.client.link.version, HELLO_VERSION_CHACHAPOLY);
	assert_int_equal(p.client.link.send.suite, SEAL_CHACHAPOLY);
	pair_deinit(&p);

	/* Both speak all: the best one. */
	pair_init(&p, NULL, 1);
	pair_up(&p);
	assert_int_equal(p.client.link.version,
		seal_has_aes() ? HELLO_VERSION_AESGCM : HELLO_VERSION_CHACHAPOLY);
	assert_int_equal(p.server.link.send.suite, seal_has_aes() ? SEAL_AESGCM : SEAL_CHACHAPOLY);
	pair_deinit(&p);

	/* A rollback: the version is taken out on the way. */
	pair_init(&p, NULL, 1);
	l = &p.server.link;
	buf_deinit(&l->out);
	bytes[1] = (uint8_t)hello_write(bytes + 2,
		&(struct hello){.versions = {HELLO_VERSION_CHACHAPOLY}, .version_count = 1});
	memcpy(bytes + 2 + bytes[1] - HELLO_SALT, l->config.salt, HELLO_SALT);
	assert_int_equal(buf_append(&l->out, bytes, bytes[1] + 2u), 0);
	pair_run(&p);
	assert_int_equal(p.server.link.end, LINK_END_REFUSED);
	assert_int_equal(p.client.link.end, LINK_END_REJECTED);
	pair_deinit(&p);
}

/* Its first message is the proof and the hello; anything in its place ends the link. */
static void no_hello(void **state)
{
	static const struct {
		const char *name, *json, *why;
		bool open;
	} rows[] = {
		{"another message", "{\"type\":\"notice\",\"sentence\":\"hi\"}",
			"a message before the hello", false},
		{"garbage", "{{", NULL, false},
		{"an unknown message", "{\"type\":\"later\"}", "the first message was no hello",
			false},
		{"only an OPEN", NULL, "the first message was no hello", true},
	};
	for (int client = 0; client < 2; client++) {
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			struct pair p;
			uint8_t open[FRAME_SMALL_MAX];
			size_t n = frame_write_open(open, client ? 1 : 2, &(struct frame_open){0});
			pair_init(&p, NULL, 1);
			struct side *s = client ? &p.client : &p.server, *other = pair_other(s);
			pair_run_until(&p, s, LINK_CONFIRM);
			if (!client)
				p.client.link.send_confirmed = true; /* so it never speaks */
			buf_deinit(&s->link.mux.frames);
			if (rows[i].open)
				pair_inject(s, open, n);
			else
				assert_int_equal(mux_control(&s->link.mux, rows[i].json,
							 strlen(rows[i].json)),
					0);
			pair_run(&p);
			if (other->link.end != LINK_END_VIOLATION ||
				(rows[i].why && strcmp(other->link.why, rows[i].why) != 0))
				fail_msg("%s: %d %s", rows[i].name, other->link.end,
					other->link.why);
			assert_int_equal(other->ups, 0);
			pair_deinit(&p);
		}
	}
}

static void frames_before_hello(void **state)
{
	uint8_t frames[2 * FRAME_SMALL_MAX];
	struct pair p;

	/* A stream beside the hello but before it is not served; what follows is. */
	pair_init(&p, NULL, 1);
	pair_run_until(&p, &p.client, LINK_CONFIRM);
	size_t n = frame_write_open(frames, 1, &(struct frame_open){.service = 1});
	frame_write_header(frames + n, FRAME_DATA, 1, 1);
	pair_inject(&p.client, frames, n + FRAME_HEADER + 1);
	p.client.link.mux.next_id = 3;
	pair_up(&p);
	assert_false(p.server.flows[1].used);
	struct flow *f = pair_open(&p.client, 2, 10, true);
	pair_run(&p);
	assert_int_equal(pair_peer(f)->got, 10);
	pair_deinit(&p);

	/* Nobody leaves before having come. */
	pair_init(&p, NULL, 1);
	pair_run_until(&p, &p.client, LINK_CONFIRM);
	n = frame_write_goaway(frames, 0, FRAME_GOAWAY_SHUTDOWN);
	pair_inject(&p.client, frames, n);
	pair_run(&p);
	assert_int_equal(p.server.link.end, LINK_END_VIOLATION);
	assert_int_equal(p.server.goaways, 0);
	pair_deinit(&p);
}

static void second_hello(void **state)
{
	static const char json[] = "{\"type\":\"hello\",\"version\":\"1\",\"instance\":"
				   "\"c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1\",\"base_window\":65536,"
				   "\"max_streams\":9}";
	for (int client = 0; client < 2; client++) {
		struct pair p;
		pair_init(&p, NULL, 1);
		pair_up(&p);
		struct side *s = client ? &p.client : &p.server;
		assert_int_equal(mux_control(&s->link.mux, json, strlen(json)), 0);
		pair_run(&p);
		assert_int_equal(pair_other(s)->link.end, LINK_END_VIOLATION);
		assert_string_equal(pair_other(s)->link.why, "a second hello");
		assert_int_equal(s->link.end, LINK_END_LOST);
		pair_deinit(&p);
	}
}

/* A peer that agreed to the seal and then leaves it out, or seals what should not be. */
static void seal_left_out(void **state)
{
	for (int i = 0; i < 4; i++) {
		struct pair p;
		bool client = i & 1, waived = i & 2;
		struct pair_config config = {.client_waives = waived, .server_waives = waived};
		pair_init(&p, &config, 1);
		pair_up(&p);
		struct side *s = client ? &p.client : &p.server;
		s->link.sealed = waived;
		struct flow *f = pair_open(s, 1, 100, true);
		pair_run(&p);
		assert_int_equal(pair_other(s)->link.end, LINK_END_VIOLATION);
		assert_int_equal(pair_peer(f)->got, 0);
		pair_deinit(&p);
	}
}

/* The confirmation is sealed even where both waived the seal: keys are proved, not assumed. */
static void confirmation_is_sealed(void **state)
{
	struct pair_config config = {.client_waives = true, .server_waives = true};
	struct pair p;
	pair_init(&p, &config, 1);
	pair_run_until(&p, &p.client, LINK_CONFIRM);
	p.client.link.send_confirmed = true; /* goes on as if it had been said */
	link_output(&p.client.link, &(const uint8_t *){NULL}, p.now);
	p.client.link.state = LINK_UP;
	pair_run(&p);
	assert_int_equal(p.server.link.end, LINK_END_REFUSED);
	assert_int_equal(p.server.ups, 0);
	pair_break(&p);
	pair_deinit(&p);
}

static void talkative(struct side *s)
{
	static char sentence[CONTROL_TEXT + 1];
	memset(sentence, 'x', CONTROL_TEXT);
	struct control notice = {.type = CONTROL_NOTICE, .notice = {.sentence = sentence}};
	for (int i = 0; i < 50; i++)
		assert_int_equal(link_send(&s->link, &notice), 0);
	for (uint32_t i = 0; i < 20; i++)
		pair_open(s, i + (s->client ? 0 : 20), 1000, true);
}

/* All that is said inside up() goes out, and the proof before it still fits its limit. */
static void much_to_say_at_once(void **state)
{
	struct pair p;
	pair_init(&p, NULL, 1);
	p.client.on_up = p.server.on_up = talkative;
	pair_up(&p);
	assert_int_equal(p.client.controls, 50);
	assert_int_equal(p.server.controls, 50);
	for (int i = 0; i < 40; i++)
		assert_true(p.client.flows[i].got_end || p.server.flows[i].got_end);
	pair_deinit(&p);
}

static void close_it(struct side *s)
{
	link_close(&s->link, LINK_END_LOCAL, "not wanted");
}

static void closed_inside_up(void **state)
{
	for (int client = 0; client < 2; client++) {
		struct pair p;
		pair_init(&p, NULL, 1);
		struct side *s = client ? &p.client : &p.server;
		s->on_up = close_it;
		pair_run(&p);
		assert_int_equal(s->link.end, LINK_END_LOCAL);
		assert_int_equal(pair_other(s)->link.end, LINK_END_LOST);
		pair_deinit(&p);
	}
}

static void handshake_takes_its_time(void **state)
{
	/* The client never answers; deriving the key takes too long. */
	struct pair p;
	struct pair_config config = {.hold_key = true};
	pair_init(&p, &config, 1);
	pair_wait(&p, LINK_HANDSHAKE_TIME - 1 - 20 * CLOCK_MS);
	assert_int_equal(p.client.link.state, LINK_KEY);
	assert_int_equal(p.server.link.state, LINK_HANDSHAKE);
	/* Its own pings do not keep a stranger alive. */
	size_t room;
	memcpy(link_room(&p.server.link, &room), "\x89\x80\0\0\0\0", 6);
	assert_int_equal(link_input(&p.server.link, 6, p.now), 0);
	pair_wait(&p, CLOCK_S);
	assert_int_equal(p.server.link.end, LINK_END_SILENT);
	assert_int_equal(p.client.link.state, LINK_CLOSED);
	assert_int_equal(link_deadline(&p.server.link), CLOCK_NEVER);
	assert_int_equal(link_tick(&p.server.link, p.now), -EPROTO);
	pair_deinit(&p);

	/* An answer in the last moment is good. */
	pair_init(&p, &config, 1);
	pair_wait(&p, LINK_HANDSHAKE_TIME - CLOCK_S);
	p.config.hold_key = false;
	pair_up(&p);
	pair_wait(&p, 60 * CLOCK_S);
	assert_int_equal(p.server.link.state, LINK_UP);
	pair_deinit(&p);
}

static int start(void **state)
{
	return crypto_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agreed),
		cmocka_unit_test(refused),
		cmocka_unit_test(in_between),
		cmocka_unit_test(refusals_look_alike),
		cmocka_unit_test(lying_server),
		cmocka_unit_test(other_versions),
		cmocka_unit_test(no_hello),
		cmocka_unit_test(frames_before_hello),
		cmocka_unit_test(second_hello),
		cmocka_unit_test(seal_left_out),
		cmocka_unit_test(confirmation_is_sealed),
		cmocka_unit_test(much_to_say_at_once),
		cmocka_unit_test(closed_inside_up),
		cmocka_unit_test(handshake_takes_its_time),
	};
	return cmocka_run_group_tests(tests, start, NULL);
}
