/* SPDX-License-Identifier: MIT */
/*
 * The admin API's door on links: requests that clients send on streams of kind admin, on whichever worker their
 * link is, and what becomes of them when the stream, the link or the process ends meanwhile. The table is made
 * up: one request answers at once, one when the test says so.
 */
#include "tests/unit/server/exit_node.h"

#include "server/admin/admin_stream.h"
#include "server/admin/admin.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static struct admin admin;
static struct api_request *slow; /* that the table has not answered yet */
static unsigned n_slow;

static void who_get(struct api_request *rq)
{
	api_answer(rq, 200,
		json_pack("{s:s, s:s, s:b}", "name", rq->actor.name, "via", rq->actor.via, "all",
			rq->actor.may_all));
}

static void slow_post(struct api_request *rq)
{
	slow = rq;
	n_slow++;
}

static void slow_answer(void)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%zu bytes", slow->body_size);
	api_answer_text(slow, 200, "text/plain", strdup(text), (size_t)n);
	slow = NULL;
}

static const struct api_operation rows[] = {
	{.method = API_GET, .path = "/who", .who = API_ANYBODY, .run = who_get},
	{.method = API_GET, .path = "/all", .who = API_OPERATOR, .run = who_get},
	{.method = API_POST, .path = "/slow", .who = API_ANYBODY, .run = slow_post},
};
static const struct api_operations table = {rows, ARRAY_LEN(rows)};
static const struct api_operations *const tables[] = {&table, NULL};

static int scene_open(void **state)
{
	struct exit_node *n = exit_node_new(&exit_node_options);
	const struct admin_config config = {.tables = tables,
		.loop = n->node.workers[0]->loop,
		.node = &n->node,
		.registrar = &n->registrar};
	assert_int_equal(admin_init(&admin, &config), 0);
	n->node.admin = &admin;
	slow = NULL;
	n_slow = 0;
	*state = n;
	return 0;
}

static int scene_close(void **state)
{
	admin_close(&admin);
	exit_node_free(*state);
	admin_deinit(&admin);
	return 0;
}

static void open_kind(struct fake_client *c, uint32_t id, uint8_t kind, uint32_t service)
{
	uint8_t frame[FRAME_SMALL_MAX];
	struct frame_open open = {.kind = kind, .service = service};
	client_send(c, frame, frame_write_open(frame, id, &open));
}

static void open_stream(struct fake_client *c, uint32_t id)
{
	open_kind(c, id, FRAME_KIND_ADMIN, 0);
}

static bool got(struct exit_node *n, struct server_link *l, const char *text)
{
	const struct fake_client *c = client_of(n, l);
	return buf_len(&c->got) && memmem(buf_head(&c->got), buf_len(&c->got), text, strlen(text));
}

static size_t streams_of(const struct server_link *l)
{
	size_t n = 0;
	list_for_each (it, &l->admin_streams)
		n++;
	return n;
}

/* On every worker, with a session and without. */
static void a_request_is_answered(void **state)
{
	struct exit_node *n = *state;
	for (int i = 0; i < 2 * WORKERS; i++) {
		struct server_link *l = dial(n, &alice, "one", NULL);
		char via[64];
		if (i % 2)
			publish(l, 1, i == 1 ? "a.example" : i == 3 ? "b.example" : "c.example");
		settle(n);
		struct fake_client *c = client_of(n, l);
		open_stream(c, 1);
		client_data(c, 1, GET("/who"));
		client_fin(c, 1, 0);
		settle(n);
		assert_true(got(n, l, "HTTP/1.1 200 \r\n"));
		assert_true(got(n, l, "\"name\":\"alice\""));
		assert_true(got(n, l, "\"all\":false"));
		snprintf(via, sizeof(via), "\"via\":\"link %s\"",
			i % 2 ? l->session->base.name : "192.0.2.1:4000");
		assert_true(got(n, l, via));
		assert_int_equal(c->n_fins, 1);
		assert_int_equal(c->n_resets, 0);
		assert_int_equal(streams_of(l), 0);
	}
}

static void a_link_that_only_asks_is_no_session(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	settle(n);
	open_stream(client_of(n, l), 1);
	client_data(client_of(n, l), 1, GET("/who"));
	settle(n);
	assert_true(got(n, l, "200"));
	assert_true(list_empty(&n->registrar.sessions));
	assert_null(l->session);
	hang_up(l);
	settle(n);
	assert_true(list_empty(&n->registrar.unbound));
}

static void what_only_operators_may(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	settle(n);
	open_stream(client_of(n, l), 1);
	client_data(client_of(n, l), 1, GET("/all"));
	settle(n);
	assert_true(got(n, l, "HTTP/1.1 403 \r\n"));
	assert_true(got(n, l, "\"reason\":\"denied\""));
	alice.identity->value.is_operator = true;
	client_data(client_of(n, l), 1, GET("/all"));
	settle(n);
	assert_true(got(n, l, "\"all\":true"));
}

/* One stream, one request behind the other; the second comes before the first is answered. */
static void requests_one_after_another(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	settle(n);
	struct fake_client *c = client_of(n, l);
	open_stream(c, 1);
	client_data(c, 1,
		"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" GET("/who"));
	client_data(c, 1, GET("/nothing"));
	settle(n);
	assert_int_equal(n_slow, 1);
	assert_false(got(n, l, "alice"));
	client_fin(c, 1, 0);
	slow_answer();
	settle(n);
	assert_true(got(n, l, "2 bytes"));
	assert_true(got(n, l, "alice"));
	assert_true(got(n, l, "HTTP/1.1 404 \r\n"));
	assert_int_equal(client_of(n, l)->n_fins, 1);
	assert_int_equal(streams_of(l), 0);
}

static void the_last_request_ends_the_stream(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	settle(n);
	struct fake_client *c = client_of(n, l);
	open_stream(c, 1);
	client_data(c, 1, "GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" GET("/who"));
	settle(n);
	assert_true(got(n, l, "Connection: close"));
	assert_int_equal(client_of(n, l)->n_fins, 1);
	/* What comes behind it is dropped, and given credit for, until the client ends its side. */
	client_data(c, 1, "more");
	client_fin(c, 1, 0);
	settle(n);
	assert_int_equal(streams_of(l), 0);
}

static void other_streams_are_refused(void **state)
{
	static const struct {
		uint8_t kind;
		uint32_t service;
		enum frame_reset reason;
	} opens[] = {
		{FRAME_KIND_TCP, 0, FRAME_RESET_DENIED},
		{FRAME_KIND_UDP, 1, FRAME_RESET_DENIED},
		{FRAME_KIND_HTTP, 1, FRAME_RESET_DENIED},
		{0, 0, FRAME_RESET_DENIED},
		{FRAME_KIND_ADMIN + 1, 0, FRAME_RESET_DENIED},
		{FRAME_KIND_ADMIN, 1, FRAME_RESET_UNKNOWN_SERVICE},
	};
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	settle(n);
	for (uint32_t i = 0; i < ARRAY_LEN(opens); i++) {
		open_kind(client_of(n, l), 2 * i + 1, opens[i].kind, opens[i].service);
		settle(n);
		assert_int_equal(client_of(n, l)->n_resets, i + 1);
		assert_int_equal(client_of(n, l)->reset, opens[i].reason);
	}
}

static void what_is_no_request_is_answered_and_ended(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	settle(n);
	struct fake_client *c = client_of(n, l);
	open_stream(c, 1);
	client_data(c, 1, "\x16\x03\x01 hello\r\n\r\n");
	client_data(c, 1, "more of it");
	settle(n);
	assert_true(got(n, l, "HTTP/1.1 400 \r\n"));
	assert_true(got(n, l, "Connection: close"));
	assert_int_equal(client_of(n, l)->n_fins, 1);
	client_fin(c, 1, 0);
	/* One that ends within a request. */
	open_stream(c, 3);
	client_data(c, 3, "GET /wh");
	client_fin(c, 3, 0);
	settle(n);
	assert_int_equal(client_of(n, l)->reset, FRAME_RESET_PROTOCOL);
	/* And one without any. */
	open_stream(c, 5);
	client_fin(c, 5, 0);
	settle(n);
	assert_int_equal(client_of(n, l)->n_fins, 2);
	assert_int_equal(streams_of(l), 0);
}

/* Those whose stream the client resets count until the main thread has answered. */
static void so_many_are_under_way(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	settle(n);
	struct fake_client *c = client_of(n, l);
	struct api_request *asked[ADMIN_STREAMS_MAX];
	for (uint32_t i = 0; i < ADMIN_STREAMS_MAX; i++) {
		open_stream(c, 2 * i + 1);
		client_data(c, 2 * i + 1, "POST /slow HTTP/1.1\r\nHost: x\r\n\r\n");
		settle(n);
		assert_int_equal(n_slow, i + 1);
		asked[i] = slow;
		client_reset(c, 2 * i + 1, FRAME_RESET_CANCELLED);
	}
	settle(n);
	open_stream(c, 101);
	settle(n);
	assert_int_equal(client_of(n, l)->reset, FRAME_RESET_BUSY);
	assert_int_equal(streams_of(l), ADMIN_STREAMS_MAX);
	for (uint32_t i = 0; i < ADMIN_STREAMS_MAX; i++) {
		slow = asked[i];
		slow_answer();
	}
	settle(n);
	assert_int_equal(streams_of(l), 0);
	open_stream(c, 103);
	client_data(c, 103, GET("/who"));
	settle(n);
	assert_true(got(n, l, "alice"));
}

/* Each end at each moment, on a worker of its own and on the main thread's: with the sanitizers in mind. */
static void the_link_ends_meanwhile(void **state)
{
	struct exit_node *n = *state;
	for (int i = 0; i < 4 * WORKERS; i++) {
		struct server_link *l = dial(n, &alice, "one", NULL);
		unsigned worker = l->worker->index, before = n_slow;
		settle(n);
		struct fake_client *c = client_of(n, l);
		open_stream(c, 1);
		client_data(c, 1, "POST /slow HTTP/1.1\r\nHost: x\r\n\r\n");
		switch (i / WORKERS) {
		case 0: /* the mail has not left the worker, and the link is gone before it is read */
			hang_up(l);
			turn(n, worker);
			break;
		case 1: /* the main thread has it */
			settle(n);
			hang_up(l);
			break;
		case 2: /* likewise, and the link is freed before the answer comes */
			settle(n);
			hang_up(l);
			settle(n);
			assert_true(list_empty(&n->registrar.unbound));
			break;
		default: /* the answer is under way */
			settle(n);
			slow_answer();
			hang_up(l);
			break;
		}
		settle(n);
		assert_int_equal(n_slow, before + 1);
		if (slow)
			slow_answer();
		settle(n);
	}
}

/* The process ends: what the table has is answered, what is under way is freed. */
static void the_process_ends_meanwhile(void **state)
{
	struct exit_node *n = *state;
	for (int i = 0; i < 2 * WORKERS; i++)
		dial(n, &alice, "one", NULL);
	settle(n);
	for (int i = 0; i < 2 * WORKERS; i++) {
		struct fake_client *c = &n->clients[i];
		open_stream(c, 1);
		client_data(c, 1, "POST /slow HTTP/1.1\r\nHost: x\r\n\r\n");
		if (i == WORKERS - 1)
			settle(n);
	}
	assert_int_equal(n_slow, WORKERS);
}

/* Revoked or expired, and the link that is to end for it is not closed yet. */
static void a_token_that_is_not_good_asks_nothing(void **state)
{
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	settle(n);
	struct fake_client *c = client_of(n, l);
	open_stream(c, 1);
	alice.good = false;
	client_data(c, 1, "POST /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	settle(n);
	assert_int_equal(n_slow, 0);
	assert_true(got(n, l, "HTTP/1.1 403 \r\n"));
}

/* What a link's requests hold is charged to it, and given back. */
static void bodies_are_charged(void **state)
{
	static char body[4000 + 1];
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	settle(n);
	struct fake_client *c = client_of(n, l);
	const struct budget *budget = &l->worker->budget;
	memset(body, ' ', sizeof(body) - 1);
	memcpy(body, "{}", 2);
	open_stream(c, 1);
	client_data(c, 1, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n");
	for (int i = 0; i < 50; i++) {
		client_data(c, 1, body);
		settle(n);
		assert_true(budget->sum.held >= (size_t)(i + 1) * 4000);
		memset(body, ' ', 2);
	}
	assert_int_equal(n_slow, 1);
	slow_answer();
	settle(n);
	assert_true(got(n, l, "200000 bytes"));
	assert_int_equal(budget->sum.held, 0);
}

/* Half of a worker's budget is what one session may hold: 0.5 MiB of the test's 3 for 3 workers. */
static void without_memory_a_request_is_refused(void **state)
{
	static char body[4000 + 1];
	struct exit_node *n = *state;
	struct server_link *l = dial(n, &alice, "one", NULL);
	settle(n);
	struct fake_client *c = client_of(n, l);
	memset(body, 'x', sizeof(body) - 1);
	open_stream(c, 1);
	client_data(c, 1, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
	for (int i = 0; i < 250 && !client_of(n, l)->n_fins; i++) {
		client_data(c, 1, body);
		settle(n);
	}
	assert_int_equal(n_slow, 0);
	assert_true(got(n, l, "HTTP/1.1 503 \r\n"));
	assert_true(got(n, l, "Retry-After"));
	assert_int_equal(l->worker->budget.sum.held, 0);
	assert_int_equal(client_of(n, l)->n_fins, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scene_open, scene_close)
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_answered),
		TEST(a_link_that_only_asks_is_no_session),
		TEST(what_only_operators_may),
		TEST(requests_one_after_another),
		TEST(the_last_request_ends_the_stream),
		TEST(other_streams_are_refused),
		TEST(what_is_no_request_is_answered_and_ended),
		TEST(so_many_are_under_way),
		TEST(the_link_ends_meanwhile),
		TEST(the_process_ends_meanwhile),
		TEST(a_token_that_is_not_good_asks_nothing),
		TEST(bodies_are_charged),
		TEST(without_memory_a_request_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
