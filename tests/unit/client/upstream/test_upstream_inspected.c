/* SPDX-License-Identifier: MIT */
/* What the inspector sees of connections to an upstream, and what is sent again. */
#include "upstream_scene.h"

#include "client/inspector/capture_view.h"
#include "client/inspector/replay_text.h"
#include "client/upstream/upstream_replay.h"

#define REQUEST \
	"POST /p HTTP/1.1\r\nHost: app.test\r\nX-Api-Key: k1\r\nContent-Length: 5\r\n\r\nhello"
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct inspected {
	struct scene s;
	struct inspector in;
	struct upstream_replays replays;
};

static void inspected_begin(struct inspected *i, struct service_options what)
{
	struct inspector_options o = {.size = 64 << 10, .body_max = 4096};
	begin_as(&i->s, "http://127.0.0.1:%u", what);
	assert_int_equal(inspector_init(&i->in, i->s.loop, &o), 0);
	i->s.upstream_conns.inspector = &i->in;
	upstream_replays_init(&i->replays, &i->s.upstream_conns);
}

static void inspected_end(struct inspected *i)
{
	upstream_replays_deinit(&i->replays);
	end(&i->s);
	inspector_deinit(&i->in);
}

static struct capture *newest(struct inspected *i)
{
	assert_false(list_empty(&i->in.all));
	return list_entry(i->in.all.prev, struct capture, all);
}

/* All that comes at the n-th connection of the upstream, until there is this text. */
static void await(struct inspected *i, size_t n, const char *text, char *got, size_t size)
{
	size_t have = 0;
	got[0] = '\0';
	UNTIL(&i->s, i->s.n_accepted > n);
	while (!strstr(got, text)) {
		ssize_t r = -1;
		UNTIL(&i->s, (r = recv(i->s.accepted[n], got + have, size - 1 - have,
				      MSG_DONTWAIT)) > 0);
		have += (size_t)r;
		got[have] = '\0';
	}
}

static void answer(struct inspected *i, size_t n)
{
	assert_int_equal(send(i->s.accepted[n], ANSWER, sizeof(ANSWER) - 1, 0), sizeof(ANSWER) - 1);
	UNTIL(&i->s, newest(i)->state != CAPTURE_OPEN);
}

static int send_again(struct inspected *i, const struct capture *c, uint64_t *id_out)
{
	struct capture_view v;
	struct buf text = BUF_NULL;
	struct error err;
	assert_int_equal(capture_view_init(&v, &i->in, c, true), 0);
	assert_int_equal(replay_text(&v, &(struct replay_edit){0}, &text, &err), 0);
	int r = upstream_replay_start(&i->replays,
		&(struct upstream_replay_request){.service = c->service,
			.of = c->id,
			.text = &text},
		id_out);
	buf_deinit(&text);
	capture_view_deinit(&v);
	return r;
}

static void test_seen_and_sent_again(void **state)
{
	struct inspected i;
	char got[1024];
	uint64_t id = 0;
	inspected_begin(&i, (struct service_options){0});
	struct visitor v = {.data = REQUEST};
	visit(&i.s, &v);
	await(&i, 0, "hello", got, sizeof(got));
	assert_string_equal(got, REQUEST);
	answer(&i, 0);
	UNTIL(&i.s, v.n_got == sizeof(ANSWER) - 1);
	assert_memory_equal(v.got, ANSWER, sizeof(ANSWER) - 1);
	struct capture *first = newest(&i);
	assert_int_equal(first->state, CAPTURE_DONE);
	assert_true(first->dialled >= first->opened && first->opened);

	assert_int_equal(send_again(&i, first, &id), REPLAY_STARTED);
	await(&i, 1, "hello", got, sizeof(got));
	assert_memory_equal(got, "POST /p HTTP/1.1\r\nHost: app.test\r\nX-Api-Key: k1\r\n", 49);
	answer(&i, 1);
	struct capture *second = newest(&i);
	assert_int_equal(second->id, id);
	assert_int_equal(second->replay_of, first->id);
	assert_int_equal(second->status, 200);
	assert_int_equal(second->state, CAPTURE_DONE);
	UNTIL(&i.s, i.replays.n == 0);
	/* The visitor has nothing of it. */
	assert_int_equal(v.n_got, sizeof(ANSWER) - 1);
	inspected_end(&i);
}

static void test_header_says_local(void **state)
{
	struct inspected i;
	char got[1024];
	uint64_t id = 0;
	inspected_begin(&i, (struct service_options){.proxy_protocol = UPSTREAM_PROXY_V1});
	struct visitor v = {.data = REQUEST};
	visit(&i.s, &v);
	await(&i, 0, "hello", got, sizeof(got));
	assert_memory_equal(got, "PROXY TCP4", 10);
	answer(&i, 0);
	assert_int_equal(send_again(&i, newest(&i), &id), REPLAY_STARTED);
	await(&i, 1, "hello", got, sizeof(got));
	assert_memory_equal(got, "PROXY UNKNOWN\r\nPOST ", 20);
	inspected_end(&i);
}

static void test_upstream_gone(void **state)
{
	struct inspected i;
	char got[1024];
	uint64_t id = 0;
	inspected_begin(&i, (struct service_options){0});
	struct visitor v = {.data = REQUEST};
	visit(&i.s, &v);
	await(&i, 0, "hello", got, sizeof(got));
	answer(&i, 0);
	listener_close(&i.s.upstream);
	assert_int_equal(send_again(&i, newest(&i), &id), REPLAY_STARTED);
	UNTIL(&i.s, newest(&i)->state == CAPTURE_FAILED);
	assert_non_null(strstr(newest(&i)->why, "refused"));
	assert_int_equal(i.replays.n, 0);
	inspected_end(&i);
}

static void test_too_many(void **state)
{
	struct inspected i;
	char got[1024];
	uint64_t id = 0;
	inspected_begin(&i, (struct service_options){0});
	struct visitor v = {.data = REQUEST};
	visit(&i.s, &v);
	await(&i, 0, "hello", got, sizeof(got));
	answer(&i, 0);
	const struct capture *c = newest(&i);
	for (size_t n = 0; n < REPLAYS_MAX; n++)
		assert_int_equal(send_again(&i, c, &id), REPLAY_STARTED);
	assert_int_equal(send_again(&i, c, &id), REPLAY_TOO_MANY);
	for (size_t n = 1; n <= REPLAYS_MAX; n++) {
		await(&i, n, "hello", got, sizeof(got));
		shutdown(i.s.accepted[n], SHUT_RDWR);
	}
	UNTIL(&i.s, i.replays.n == 0);
	assert_int_equal(newest(&i)->state, CAPTURE_CUT);
	for (size_t n = REPLAYS_MAX; n < REPLAYS_MINUTE_MAX; n++)
		i.replays.in_minute++;
	assert_int_equal(send_again(&i, c, &id), REPLAY_TOO_MANY);
	i.replays.minute -= 60 * CLOCK_S;
	assert_int_equal(send_again(&i, c, &id), REPLAY_STARTED);
	inspected_end(&i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seen_and_sent_again),
		cmocka_unit_test(test_header_says_local),
		cmocka_unit_test(test_upstream_gone),
		cmocka_unit_test(test_too_many),
	};
	log_set_level(LOG_ERROR);
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
