/* SPDX-License-Identifier: MIT */
/*
 * A link of the server's between its client and the rooms above, which are a table of functions that count
 * how often they were called. Links are real but their handshakes are not: the test says what came of them.
 */
#include "server/link/server_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "server/base/worker.h"
#include "server/link/link_accept.h"
#include "server/link/link_mail.h"
#include "server/link/link_worker.h"
#include "server/link/session_shard.h"
#include "tests/unit/server/said.h"

#define TURNS 5 /* more than any mail goes back and forth */

/* ---- Memory that is out when the test says so (--wrap of the linker) ---- */

static bool no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

char *__wrap_strdup(const char *text)
{
	return no_memory ? NULL : __real_strdup(text);
}

static struct {
	unsigned up, control, admin, open, usable, leaving, silent, gone;
} heard;

static void on_up(struct server_link *l, const struct control *hello)
{
	heard.up++;
}

static void on_control(struct server_link *l, struct control *message)
{
	heard.control++;
}

static struct stream *on_admin(struct server_link *l, enum frame_reset *reason_out)
{
	heard.admin++;
	*reason_out = FRAME_RESET_BUSY;
	return NULL;
}

static struct stream *on_open(struct server_link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	heard.open++;
	*reason_out = FRAME_RESET_NO_MEMORY;
	return NULL;
}

static void on_usable(struct server_link *l)
{
	heard.usable++;
}

static void on_leaving(struct server_link *l)
{
	heard.leaving++;
}

static void on_silent(struct server_link *l)
{
	heard.silent++;
}

static void on_gone(struct server_link *l)
{
	heard.gone++;
	link_mail_forget(l);
}

static const struct server_link_ops ops = {
	.up = on_up,
	.control = on_control,
	.admin = on_admin,
	.open = on_open,
	.usable = on_usable,
	.leaving = on_leaving,
	.silent = on_silent,
	.gone = on_gone,
};

static struct identity alice_identity = {.name = "alice", .max_streams = IDENTITY_STREAMS_ANY};
static struct credential alice = {.identity = &alice_identity};
static const struct address peer = {.family = ADDRESS_V4, .bytes = {192, 0, 2, 1}, .port = 4000};

struct scene {
	struct node node;
	struct worker worker;
	struct link_worker links;
	struct server_options options;
	struct session_base session;
	int peers[16]; /* the other ends of links, of which no test has more */
	size_t n_peers;
};

static int scene_open(void **state)
{
	static const uint8_t salt[TOKEN_SALT_SIZE];
	struct scene *s = calloc(1, sizeof(*s));
	assert_int_equal(crypto_start(), 0);
	memset(&heard, 0, sizeof(heard));
	s->options = (struct server_options){
		.base_window = 65536,
		.max_window = 1 << 20,
		.max_streams = 100,
		.max_handshakes = 4,
		.max_sessions = 6,
		.memory_budget = 1 << 20,
	};
	s->node = (struct node){.salt = salt,
		.link_ops = &ops,
		.workers = {&s->worker},
		.n_workers = 1};
	assert_int_equal(node_limits_init(&s->node, &s->options, link_worker_evict), 0);
	assert_int_equal(worker_init(&s->worker, &s->node, 0, &s->options), 0);
	s->worker.link = &s->links;
	link_worker_init(&s->links, &s->worker);
	snprintf(s->session.name, sizeof(s->session.name), "5f0c");
	assert_int_equal(session_base_init(&s->session, &alice_identity, 1), 0);
	*state = s;
	return 0;
}

static void settle(struct scene *s)
{
	for (int i = 0; i < TURNS; i++) {
		struct loop_task task;
		loop_task_init(&task, loop_task_cancel);
		loop_defer(s->worker.loop, LOOP_PHASE_READ, &task);
		loop_turn(s->worker.loop);
	}
}

/* Whatever the test left, nothing may be counted any more. */
static int scene_close(void **state)
{
	struct scene *s = *state;
	link_worker_deinit(&s->links);
	worker_deinit(&s->worker);
	loop_free(s->worker.loop);
	assert_int_equal(s->node.links[0], 0);
	assert_int_equal(limits_count(&s->node.limits, LIMITS_LINK), 0);
	assert_int_equal(half_open_count(&s->node.half_open), 0);
	node_limits_deinit(&s->node);
	session_base_deinit(&s->session);
	while (s->n_peers)
		close(s->peers[--s->n_peers]);
	free(s);
	return 0;
}

static struct session_shard *shard_of(struct scene *s)
{
	return &s->session.shards[0];
}

/* One whose handshake is under way. NULL: it was not admitted. */
static struct server_link *begin(struct scene *s)
{
	int fds[2];
	struct half_open_slot *slot = server_link_admit(&s->worker, 1, &peer);
	if (!slot)
		return NULL;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	s->peers[s->n_peers++] = fds[1];
	server_link_accept(&s->worker, 1, DETACHED_CONN_OF(fds[0]), slot, &peer, "", 0);
	settle(s);
	return container_of(s->links.links.prev, struct server_link, link);
}

static struct server_link *come_up(struct scene *s)
{
	struct server_link *l = begin(s);
	struct control hello = {.type = CONTROL_HELLO, .hello.version = "test"};
	assert_non_null(l);
	l->credential = &alice;
	l->io.link.handshake.state = HANDSHAKE_DONE;
	l->io.link.state = LINK_UP;
	l->io.link.ops->up(&l->io.link, &hello);
	return l;
}

static struct server_link *attach(struct scene *s)
{
	struct server_link *l = come_up(s);
	assert_int_equal(link_mail_attach(l, shard_of(s)), 0);
	settle(s);
	return l;
}

static size_t links(const struct scene *s)
{
	size_t n = 0;
	list_for_each (it, &s->links.links)
		n++;
	return n;
}

static void hang_up(struct scene *s, struct server_link *l)
{
	link_close(&l->io.link, LINK_END_LOCAL, "the test ends it");
	settle(s);
}

static void it_comes_up_and_serves(void **state)
{
	struct scene *s = *state;
	struct server_link *l = come_up(s);
	assert_int_equal(heard.up, 1);
	assert_int_equal(half_open_count(&s->node.half_open), 0);
	assert_null(server_link_pick(shard_of(s)));
	assert_false(session_shard_usable(shard_of(s)));
	assert_int_equal(link_mail_attach(l, shard_of(s)), 0);
	assert_true(session_shard_usable(shard_of(s)));
	settle(s);
	assert_int_equal(heard.usable, 1);
	assert_ptr_equal(server_link_pick(shard_of(s)), l);
	server_link_began(l);
	assert_int_equal(session_shard_load(shard_of(s)), 1);
	server_link_finished(l);
	assert_int_equal(session_shard_load(shard_of(s)), 0);
	hang_up(s, l);
	assert_int_equal(heard.gone, 1);
	assert_int_equal(links(s), 0);
	assert_false(session_shard_usable(shard_of(s)));
}

static void what_a_client_may_say_is_passed_on(void **state)
{
	static const struct {
		enum control_type type;
		bool legal;
	} rows[] = {
		{CONTROL_PUBLISH, true},
		{CONTROL_WITHDRAW, true},
		{CONTROL_NOTICE, true},
		{CONTROL_JOIN, true},
		{CONTROL_GRANTED, false},
		{CONTROL_REFUSED, false},
		{CONTROL_SESSION_GRANT, false},
		{CONTROL_ATTACHED, false},
		{CONTROL_DECLINED, false},
		{CONTROL_PENDING, false},
		{CONTROL_HEALTH, true},
		{CONTROL_HELLO, false},
	};
	struct scene *s = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct server_link *l = come_up(s);
		struct control m = {.type = rows[i].type};
		unsigned before = heard.control;
		l->io.link.ops->control(&l->io.link, &m);
		assert_int_equal(heard.control - before, rows[i].legal);
		assert_int_equal(l->io.link.state == LINK_CLOSED, !rows[i].legal);
		hang_up(s, l);
	}
}

/* To private services alone where it belongs to a session, and to the admin API in any case. */
static void what_a_client_may_open(void **state)
{
	static const struct {
		uint8_t kind;
		uint32_t service;
		enum frame_reset with, without; /* a session */
	} rows[] = {
		/* As on_open() says */
		{FRAME_KIND_TCP, 0, FRAME_RESET_NO_MEMORY, FRAME_RESET_DENIED},
		{FRAME_KIND_UDP, 7, FRAME_RESET_NO_MEMORY, FRAME_RESET_DENIED},
		{FRAME_KIND_HTTP, 0, FRAME_RESET_DENIED, FRAME_RESET_DENIED},
		{FRAME_KIND_ADMIN + 1, 0, FRAME_RESET_DENIED, FRAME_RESET_DENIED},
		{0, 0, FRAME_RESET_DENIED, FRAME_RESET_DENIED},
		{FRAME_KIND_ADMIN, 1, FRAME_RESET_UNKNOWN_SERVICE, FRAME_RESET_UNKNOWN_SERVICE},
		/* As on_admin() says */
		{FRAME_KIND_ADMIN, 0, FRAME_RESET_BUSY, FRAME_RESET_BUSY},
	};
	struct scene *s = *state;
	struct server_link *without = come_up(s), *with = attach(s);
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
		struct server_link *l = i % 2 ? with : without;
		enum frame_reset reason = FRAME_RESET_NONE;
		struct frame_open open = {.kind = rows[i / 2].kind, .service = rows[i / 2].service};
		assert_null(l->io.link.ops->open(&l->io.link, &open, &reason));
		assert_int_equal(reason, i % 2 ? rows[i / 2].with : rows[i / 2].without);
	}
	assert_int_equal(heard.admin, 2);
	assert_int_equal(heard.open, 2);
	hang_up(s, without);
}

static void a_client_that_leaves_gets_nothing_more(void **state)
{
	struct scene *s = *state;
	struct server_link *l = attach(s);
	l->io.link.ops->goaway(&l->io.link, FRAME_GOAWAY_SHUTDOWN);
	assert_int_equal(heard.leaving, 1);
	assert_int_equal(l->state, SERVER_LINK_DRAINING);
	assert_true(l->leaving);
	assert_false(server_link_usable(l));
	assert_false(session_shard_usable(shard_of(s)));
	hang_up(s, l);
	assert_int_equal(heard.gone, 1);
}

static void go_silent(struct server_link *l, bool silent)
{
	l->io.link.silent = silent;
	l->io.link.ops->silent(&l->io.link);
}

static void a_silent_link_comes_last(void **state)
{
	struct scene *s = *state;
	struct server_link *a = attach(s), *b = attach(s);
	server_link_began(b);
	assert_ptr_equal(server_link_pick(shard_of(s)), a); /* the less busy one */
	go_silent(a, true);
	assert_int_equal(heard.silent, 0); /* nothing is under way on it */
	assert_ptr_equal(server_link_pick(shard_of(s)), b);
	assert_false(session_shard_silent(shard_of(s)));
	go_silent(b, true);
	assert_int_equal(heard.silent, 1);
	assert_true(session_shard_silent(shard_of(s)));
	go_silent(a, false);
	assert_false(session_shard_silent(shard_of(s)));
	assert_ptr_equal(server_link_pick(shard_of(s)), a);
	server_link_finished(b);
	/* A silent one that ends is counted no longer. */
	hang_up(s, b);
	hang_up(s, a);
	assert_int_equal(shard_of(s)->silent, 0);
	assert_int_equal(shard_of(s)->usable, 0);
}

/* Rule 28: another session claims the name, and the link has to show that it lives. */
static void a_suspect_that_does_not_answer_ends(void **state)
{
	struct scene *s = *state;
	struct server_link *l = attach(s);
	link_mail_suspect(l);
	settle(s);
	assert_false(server_link_usable(l));
	assert_null(server_link_pick(shard_of(s)));
	l->suspect.fired(&l->suspect);
	settle(s);
	assert_int_equal(heard.gone, 1);
}

static void a_suspect_that_answers_stays(void **state)
{
	struct scene *s = *state;
	struct server_link *l = attach(s);
	link_mail_suspect(l);
	settle(s);
	uint64_t since = l->suspected_at;
	link_mail_suspect(l); /* once is enough */
	settle(s);
	assert_int_equal(l->suspected_at, since);
	l->io.link.last_heard = since + 1;
	assert_true(server_link_usable(l));
	l->suspect.fired(&l->suspect);
	settle(s);
	assert_int_equal(l->suspected_at, 0);
	assert_int_equal(heard.usable, 2);
	assert_int_equal(heard.gone, 0);
}

/* It closes while the registrar's mail is on its way. */
static void mail_to_a_closed_link_does_nothing(void **state)
{
	struct scene *s = *state;
	struct server_link *l = come_up(s);
	struct control m = {.type = CONTROL_NOTICE, .notice.sentence = "too late"};
	link_close(&l->io.link, LINK_END_LOCAL, "the test ends it");
	link_mail_attach(l, shard_of(s));
	link_mail_send(l, &m);
	link_mail_suspect(l);
	link_mail_close(l, "it is closed already");
	settle(s);
	assert_int_equal(heard.gone, 1);
	assert_int_equal(shard_of(s)->usable, 0);
	assert_true(list_empty(&shard_of(s)->links));
}

/* Whatever becomes of who sent it meanwhile. */
static void mail_has_texts_of_its_own(void **state)
{
	struct scene *s = *state;
	struct server_link *l = come_up(s);
	char id[] = "web.7f3a9c2e41d05b68", message[] = "please";
	l->io.link.send_confirmed = true; /* not sealed: to be read here */
	struct control m = {.type = CONTROL_PENDING,
		.pending = {.id = id, .service = "redis", .consumer = "web", .message = message}};
	link_mail_send(l, &m);
	memset(id, 'x', strlen(id));
	memset(message, 'x', strlen(message));
	settle(s);
	char said[1024];
	ssize_t n = read(s->peers[0], said, sizeof(said));
	static const char wanted[] = "\"id\":\"web.7f3a9c2e41d05b68\",\"service\":\"redis\","
				     "\"consumer\":\"web\",\"message\":\"please\"}";
	assert_true(n > 0);
	assert_non_null(memmem(said, (size_t)n, wanted, strlen(wanted)));
}

static void the_registrar_closes_it(void **state)
{
	struct scene *s = *state;
	struct server_link *l = attach(s);
	link_mail_close(l, "replaced by a newer link of its client");
	settle(s);
	assert_int_equal(heard.gone, 1);
	assert_int_equal(links(s), 0);
}

/* A token is revoked while memory is out: its links must not live on. */
static void its_end_needs_no_memory(void **state)
{
	struct scene *s = *state;
	struct server_link *denied = attach(s), *closed = attach(s);
	no_memory = true;
	link_mail_deny(denied, "its token is not valid any more");
	link_mail_close(closed, "replaced by a newer link of its client");
	no_memory = false;
	settle(s);
	assert_int_equal(heard.gone, 2);
	assert_int_equal(links(s), 0);
}

/* One end is enough: the order is part of the link, and could not be in the mailbox twice. */
static void it_is_ended_twice(void **state)
{
	struct scene *s = *state;
	struct server_link *l = attach(s);
	link_mail_close(l, "replaced by a newer link of its client");
	link_mail_deny(l, "its token is not valid any more");
	settle(s);
	assert_int_equal(heard.gone, 1);
	assert_int_equal(links(s), 0);
}

/* The end of a link that never proved its key concerns nobody above. */
static void a_stranger_ends_unheard(void **state)
{
	struct scene *s = *state;
	struct said said;
	struct server_link *l = begin(s);
	said_begin(&said);
	hang_up(s, l);
	assert_non_null(strstr(said_end(&said), "failed the handshake"));
	assert_int_equal(heard.gone, 0);
	assert_int_equal(links(s), 0);
	l = begin(s);
	server_link_evict(l);
	settle(s);
	assert_int_equal(heard.gone, 0);
	assert_int_equal(half_open_count(&s->node.half_open), 0);
}

static void no_more_than_max_sessions(void **state)
{
	struct scene *s = *state;
	for (size_t i = 0; i < s->options.max_sessions; i++)
		come_up(s);
	assert_null(begin(s));
	hang_up(s, container_of(s->links.links.next, struct server_link, link));
	assert_non_null(begin(s));
}

/* The oldest half-open link makes room for the next. */
static void no_more_than_max_handshakes(void **state)
{
	struct scene *s = *state;
	char byte;
	for (size_t i = 0; i <= s->options.max_handshakes; i++)
		assert_non_null(begin(s));
	settle(s);
	assert_true(half_open_count(&s->node.half_open) <= s->options.max_handshakes);
	assert_int_equal(links(s), half_open_count(&s->node.half_open));
	/* Its client reads the hello, a close frame, and the end. */
	int first = s->peers[0];
	while (recv(first, &byte, 1, 0) == 1)
		;
	assert_int_equal(recv(first, &byte, 1, 0), 0);
	assert_int_equal(recv(s->peers[s->n_peers - 1], &byte, 1, 0), 1);
}

static void when_the_server_ends_clients_hear_of_it(void **state)
{
	struct scene *s = *state;
	struct server_link *up = attach(s), *half = begin(s);
	s->worker.draining = true;
	link_worker_drain(&s->links);
	assert_int_equal(half->io.link.state, LINK_CLOSED);
	assert_int_equal(up->io.link.state, LINK_UP);
	settle(s);
	assert_int_equal(links(s), 1);
}

static void behind_a_proxy_there_is_no_port(void **state)
{
	char text[ADDRESS_TEXT_SIZE];
	struct server_link l = {.peer = peer};
	server_link_peer(&l, text);
	assert_string_equal(text, "192.0.2.1:4000");
	l.peer.port = 0;
	server_link_peer(&l, text);
	assert_string_equal(text, "192.0.2.1");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scene_open, scene_close)
	const struct CMUnitTest tests[] = {
		TEST(it_comes_up_and_serves),
		TEST(what_a_client_may_say_is_passed_on),
		TEST(what_a_client_may_open),
		TEST(a_client_that_leaves_gets_nothing_more),
		TEST(a_silent_link_comes_last),
		TEST(a_suspect_that_does_not_answer_ends),
		TEST(a_suspect_that_answers_stays),
		TEST(mail_to_a_closed_link_does_nothing),
		TEST(mail_has_texts_of_its_own),
		TEST(the_registrar_closes_it),
		TEST(its_end_needs_no_memory),
		TEST(it_is_ended_twice),
		TEST(a_stranger_ends_unheard),
		TEST(no_more_than_max_sessions),
		TEST(no_more_than_max_handshakes),
		TEST(when_the_server_ends_clients_hear_of_it),
		TEST(behind_a_proxy_there_is_no_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
