/*
 * A session of several links against an exit node of a few lines in the same loop: who says hello, who
 * joins and with what proof, and what the loss of one link or of all means (rules 28 and 29).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/macros.h"
#include "client/session/client_link.h"
#include "client/session/client_session.h"
#include "client/session/uplink.h"
#include "crypto/crypto.h"
#include "crypto/digest.h"
#include "net/link_io.h"
#include "net/listener.h"

#define NODE_LINKS 32

struct node;

/* The exit node's end of one link. */
struct node_link {
	struct link_io io;
	struct node *node;
	struct conn conn; /* until its request is whole */
	char request[UPGRADE_REQUEST_MAX];
	size_t n_request;
	bool begun, up, ended, resumed, joined;
	size_t publishes, withdrawals, messages;
};

struct node {
	struct loop *loop;
	struct listener listener;
	struct budget budget;
	struct random_pool random;
	struct token_key *key;
	uint8_t instance[CONTROL_INSTANCE];
	struct node_link links[NODE_LINKS];
	size_t n; /* that ever came */
	uint8_t id[CONTROL_SESSION], secret[CONTROL_SECRET];
	bool no_joins; /* closes who joins, as one does who does not know the session */
	bool no_session;
	struct tls_server *tls; /* NULL: plain text */
	bool in_between;        /* its exporter value is not the client's */
};

static struct node_link *node_link_of(struct link *l)
{
	return container_of(link_io_of(l), struct node_link, io);
}

static const struct token_key *on_find_key(struct link *l, const uint8_t id[TOKEN_ID_SIZE])
{
	return node_link_of(l)->node->key;
}

static void on_up(struct link *l, const struct control *hello)
{
	struct node_link *t = node_link_of(l);
	t->up = true;
	t->resumed = hello->hello.resume_given;
	if (t->resumed)
		assert_memory_equal(hello->hello.resume, t->node->secret, CONTROL_SECRET);
}

static void on_join(struct node_link *t, const struct control *m)
{
	struct link *l = &t->io.link;
	assert_memory_equal(m->join.session, t->node->id, CONTROL_SESSION);
	assert_true(mac_verify(t->node->secret, handshake_hash(&l->handshake), HANDSHAKE_HASH_SIZE,
		m->join.mac));
	t->joined = true;
	if (t->node->no_joins)
		link_close(l, LINK_END_REFUSED, "no such session");
}

static void on_publish(struct node_link *t, const struct control *m)
{
	struct node *node = t->node;
	struct link *l = &t->io.link;
	if (!t->publishes++ && !t->joined && !node->no_session) {
		struct control grant = {.type = CONTROL_SESSION_GRANT};
		memset(node->secret, (int)node->n, sizeof(node->secret));
		memset(node->id, (int)node->n, sizeof(node->id));
		memcpy(grant.session.session, node->id, sizeof(node->id));
		memcpy(grant.session.resume, node->secret, sizeof(node->secret));
		assert_int_equal(link_send(l, &grant), 0);
	}
	struct control granted = {.type = CONTROL_GRANTED,
		.granted = {.service = m->publish.service, .address = "http://here"}};
	assert_int_equal(link_send(l, &granted), 0);
}

static void on_control(struct link *l, struct control *m)
{
	struct node_link *t = node_link_of(l);
	if (m->type == CONTROL_JOIN) {
		assert_int_equal(t->messages, 0);
		on_join(t, m);
	} else if (m->type == CONTROL_PUBLISH) {
		on_publish(t, m);
	} else if (m->type == CONTROL_WITHDRAW) {
		t->withdrawals++;
	}
	t->messages++;
}

static struct stream *on_open(struct link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	return NULL;
}

static void on_goaway(struct link *l, uint8_t reason)
{
}

static const struct link_ops node_link_ops = {
	.find_key = on_find_key,
	.up = on_up,
	.control = on_control,
	.open = on_open,
	.goaway = on_goaway,
	.wake = link_io_wake,
};

static void on_ended(struct link_io *c)
{
	container_of(c, struct node_link, io)->ended = true;
}

static void on_changed(struct conn *conn)
{
}

static void on_accepted(struct listener *l, int fd, const struct address *peer)
{
	struct node *node = container_of(l, struct node, listener);
	assert_true(node->n < NODE_LINKS);
	struct node_link *t = &node->links[node->n++];
	*t = (struct node_link){.node = node};
	assert_int_equal(conn_init(&t->conn, node->loop, fd, on_changed), 0);
	if (node->tls)
		assert_int_equal(conn_start_tls(&t->conn, tls_accept(node->tls, true), NULL, 0), 0);
}

/* Answers a link request that is whole by now. */
static void node_link_begin(struct node_link *t)
{
	struct node *node = t->node;
	char answer[UPGRADE_RESPONSE_MAX];
	struct http1_head h = HTTP1_HEAD_OF(HTTP1_FIELDS_DEFAULT);
	size_t scanned = 0;
	if (!t->conn.readable)
		return;
	ssize_t got =
		conn_read(&t->conn, t->request + t->n_request, sizeof(t->request) - t->n_request);
	if (got <= 0)
		return;
	t->n_request += (size_t)got;
	if (http1_parse_request(&h, (uint8_t *)t->request, t->n_request, sizeof(t->request),
		    &scanned) != 0)
		return;
	struct link_config config = {
		.limits = {MUX_BASE_WINDOW, MUX_MAX_WINDOW, 10},
		.budget = &node->budget,
		.random = &node->random,
		.instance = node->instance,
		.version = "0-test",
		.preface = answer,
		.preface_size = upgrade_response(&h, 0, answer),
	};
	memset(config.salt, 0x5a, sizeof(config.salt));
	t->begun = true;
	struct detached_conn detached = conn_detach(&t->conn);
	if (detached.tls) {
		config.tls13 = tls_version(detached.tls) == TLS_1_3;
		config.cb_given = tls_exporter(detached.tls, config.cb);
		config.cb[0] ^= node->in_between;
	}
	assert_int_equal(link_io_start(&t->io, node->loop, detached, &node_link_ops, &config,
				 on_ended),
		0);
}

struct scene {
	struct loop *loop;
	struct offload *offload;
	struct resolver *resolver;
	struct node node;
	struct upstreams upstreams;
	struct client_options options;
	char authority[32];
	struct publications publications;
	struct upstream_conns upstream_conns;
	struct client_session session;
	int ended; /* -1, or enum client_session_end */
};

static void turn(struct scene *s)
{
	loop_turn(s->loop);
	for (size_t i = 0; i < s->node.n; i++)
		if (!s->node.links[i].begun)
			node_link_begin(&s->node.links[i]);
}

static void on_tick(struct loop_timer *timer)
{
	loop_timer_set(timer, loop_now(timer->loop) + CLOCK_MS);
}

/* Turns until the condition holds, for so long at most; whether it does. */
#define HOLDS(s, condition, time)                           \
	({                                                  \
		struct loop_timer tick;                     \
		loop_timer_init(&tick, (s)->loop, on_tick); \
		on_tick(&tick);                             \
		uint64_t end_ = clock_now() + (time);       \
		while (!(condition) && clock_now() < end_)  \
			turn(s);                            \
		loop_timer_cancel(&tick);                   \
		(condition);                                \
	})
#define UNTIL(s, condition) assert_true(HOLDS(s, condition, 5 * CLOCK_S))

static void on_client_session_ended(struct client_session *session, enum client_session_end end)
{
	container_of(session, struct scene, session)->ended = (int)end;
}

static const struct option_ranges no_ports;

static void prepare(struct scene *s, unsigned links)
{
	struct error err;
	static char upstream[] = "a.example=http://127.0.0.1:1", path[] = "/tunnel";
	struct service_options what = {.upstream = upstream};
	memset(s, 0, sizeof(*s));
	log_set_level(LOG_ERROR);
	s->ended = -1;
	s->loop = s->node.loop = loop_new();
	s->offload = offload_new(OFFLOAD_THREADS);
	s->resolver = resolver_new(s->loop, NULL);
	s->node.key = token_key_new();
	token_key_open_mode(s->node.key);
	budget_init(&s->node.budget, 1 << 20);
	random_pool_init(&s->node.random);
	assert_int_equal(listener_open(&s->node.listener, s->loop, "127.0.0.1", 0, on_accepted,
				 NULL, &err),
		0);
	snprintf(s->authority, sizeof(s->authority), "127.0.0.1:%u", s->node.listener.port);
	s->options = (struct client_options){.remote = s->authority,
		.control_path = path,
		.no_token = true,
		.links = links,
		.dial_timeout = CLOCK_S,
		.max_dials = 1,
		.max_dials_per_visitor = 1,
		.udp_idle = CLOCK_S,
		.base_window = MUX_BASE_WINDOW,
		.max_window = MUX_MAX_WINDOW,
		.max_streams = 10,
		.memory_budget = 1 << 20};
	assert_int_equal(url_parse_remote(str_from(s->authority), &s->options.remote_url, &err), 0);
	assert_int_equal(upstreams_add(&s->upstreams, &what, &no_ports, &err), 0);
	assert_int_equal(publications_set(&s->publications, &s->upstreams, &err, NULL), 0);
	assert_int_equal(upstream_conns_init(&s->upstream_conns, s->loop, s->resolver,
				 &s->publications, &s->options),
		0);
}

static void start(struct scene *s)
{
	struct error err;
	if (client_session_init(&s->session, s->loop, s->offload, &s->options, &s->publications,
		    &s->upstream_conns, &err))
		fail_msg("%s", err.text);
	s->session.ended = on_client_session_ended;
	client_session_start(&s->session);
}

static void begin(struct scene *s, unsigned links)
{
	prepare(s, links);
	start(s);
}

static void end(struct scene *s)
{
	client_session_deinit(&s->session);
	upstream_conns_deinit(&s->upstream_conns);
	publications_deinit(&s->publications);
	upstreams_deinit(&s->upstreams);
	for (size_t i = 0; i < s->node.n; i++) {
		if (s->node.links[i].begun)
			link_io_deinit(&s->node.links[i].io);
		else
			conn_close(&s->node.links[i].conn);
	}
	listener_close(&s->node.listener);
	random_pool_deinit(&s->node.random);
	token_key_free(s->node.key);
	resolver_free(s->resolver);
	offload_free(s->offload);
	loop_free(s->loop);
}

static size_t count_up(const struct scene *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->session.n; i++)
		n += s->session.uplinks[i].state == UPLINK_UP;
	return n;
}

static size_t count_joined(const struct scene *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->node.n; i++)
		n += s->node.links[i].joined;
	return n;
}

static size_t count_published(const struct scene *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->node.n; i++)
		n += s->node.links[i].publishes;
	return n;
}

/* The first link opens the session and offers; the others prove that they belong to it. */
static void test_joins(void **state)
{
	struct scene s;
	begin(&s, 3);
	UNTIL(&s, count_up(&s) == 3 && count_joined(&s) == 2);
	assert_int_equal(s.node.n, 3);
	assert_false(s.node.links[0].joined);
	for (size_t i = 0; i < 3; i++)
		assert_false(s.node.links[i].resumed);
	assert_int_equal(count_published(&s), 1);
	assert_int_equal(publications_count(&s.publications, PUBLICATION_GRANTED), 1);
	end(&s);
}

/* There is nothing to join before the exit node has named the session. */
static void test_waits_for_the_session(void **state)
{
	struct scene s;
	begin(&s, 3);
	s.node.no_session = true;
	UNTIL(&s, publications_count(&s.publications, PUBLICATION_GRANTED) == 1);
	assert_false(HOLDS(&s, s.node.n > 1, 100 * CLOCK_MS));
	end(&s);
}

/* A link of several that is lost comes back by joining, whichever it is; nothing is published anew. */
static void test_one_lost(void **state)
{
	for (size_t lost = 0; lost < 2; lost++) {
		struct scene s;
		begin(&s, 2);
		UNTIL(&s, count_joined(&s) == 1);
		link_close(&s.node.links[lost].io.link, LINK_END_LOCAL, "test");
		UNTIL(&s, count_joined(&s) == 2);
		assert_int_equal(s.node.n, 3);
		assert_true(s.node.links[2].joined);
		assert_false(s.node.links[2].resumed);
		assert_int_equal(count_published(&s), 1);
		assert_int_equal(publications_count(&s.publications, PUBLICATION_GRANTED), 1);
		end(&s);
	}
}

/* With the last link the session is lost: one goes on with it, and then the others join again. */
static void test_all_lost(void **state)
{
	struct scene s;
	begin(&s, 3);
	UNTIL(&s, count_joined(&s) == 2);
	for (size_t i = 0; i < 3; i++)
		link_close(&s.node.links[i].io.link, LINK_END_LOCAL, "test");
	UNTIL(&s, count_joined(&s) == 4 && count_up(&s) == 3);
	size_t resumed = 0;
	for (size_t i = 3; i < s.node.n; i++)
		resumed += s.node.links[i].resumed && !s.node.links[i].joined;
	assert_true(resumed >= 1);
	assert_int_equal(publications_count(&s.publications, PUBLICATION_GRANTED), 1);
	end(&s);
}

/* An exit node that is away sees one knocking, not three. */
static void test_one_dials(void **state)
{
	struct scene s;
	begin(&s, 3);
	UNTIL(&s, count_joined(&s) == 2);
	listener_close(&s.node.listener);
	for (size_t i = 0; i < 3; i++)
		link_close(&s.node.links[i].io.link, LINK_END_LOCAL, "test");
	UNTIL(&s, s.session.state == CLIENT_SESSION_DOWN);
	for (uint64_t until = clock_now() + 300 * CLOCK_MS; clock_now() < until;) {
		size_t trying = 0;
		for (size_t i = 0; i < 3; i++)
			trying += s.session.uplinks[i].state != UPLINK_IDLE;
		assert_int_equal(trying, 1);
		HOLDS(&s, false, 5 * CLOCK_MS);
	}
	assert_int_equal(publications_count(&s.publications, PUBLICATION_IDLE), 1);
	end(&s);
}

/* A link that may not join does the session no harm. */
static void test_join_refused(void **state)
{
	struct scene s;
	begin(&s, 2);
	s.node.no_joins = true;
	UNTIL(&s, count_joined(&s) >= 3);
	assert_int_equal(s.session.state, CLIENT_SESSION_OPEN);
	assert_false(s.node.links[0].ended);
	assert_int_equal(count_published(&s), 1);
	s.node.no_joins = false;
	UNTIL(&s, count_up(&s) == 2);
	end(&s);
}

static void test_drain(void **state)
{
	struct scene s;
	begin(&s, 3);
	UNTIL(&s, count_joined(&s) == 2);
	client_session_drain(&s.session, clock_now() + 5 * CLOCK_S);
	UNTIL(&s, s.ended >= 0);
	assert_int_equal(s.ended, CLIENT_SESSION_END_DRAINED);
	assert_int_equal(s.session.state, CLIENT_SESSION_OVER);
	end(&s);
}

/* Over TLS, with a certificate that nobody vouches for (rules 8, 9, 12 and 13). */
static void test_wss(void **state)
{
	static const struct {
		bool open_mode, in_between, strict, pin, wrong_pin;
		bool up, bound;
	} rows[] = {
		{.up = true, .bound = true},
		{.in_between = true},
		{.open_mode = true},
		{.strict = true}, /* --tls-ca is a demand, whatever the token proves */
		{.pin = true, .up = true, .bound = true},
		{.pin = true, .in_between = true, .up = true},
		{.pin = true, .open_mode = true, .up = true},
		{.pin = true, .wrong_pin = true},
	};
	char dir[] = "/tmp/test_bond.XXXXXX", other[] = "/tmp/test_bond.XXXXXX";
	char *cert, *key, *other_cert, *other_key, pin[TLS_PIN_TEXT];
	static char token[] = "a token of the test";
	uint8_t salt[TOKEN_SALT_SIZE];
	struct error err;
	assert_non_null(mkdtemp(dir));
	assert_non_null(mkdtemp(other));
	assert_int_equal(tls_auto_certificate(dir, &cert, &key, &err), 0);
	assert_int_equal(tls_auto_certificate(other, &other_cert, &other_key, &err), 0);
	struct tls_server_config config = {.certs = &cert, .n_certs = 1, .keys = &key, .n_keys = 1};
	memset(salt, 0x5a, sizeof(salt));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		prepare(&s, 1);
		s.node.tls = tls_server_new(&config, &err);
		assert_non_null(s.node.tls);
		s.node.in_between = rows[i].in_between;
		s.options.remote_url.scheme = URL_WSS;
		tls_server_pin(s.node.tls, pin);
		if (rows[i].wrong_pin)
			pin[10] = pin[10] == 'A' ? 'B' : 'A';
		if (rows[i].pin)
			s.options.tls_pin = pin;
		if (rows[i].strict)
			s.options.tls_ca = other_cert;
		if (!rows[i].open_mode) {
			s.options.no_token = false;
			s.options.token = token;
			assert_int_equal(token_key_derive((uint8_t *)token, strlen(token), salt,
						 s.node.key),
				0);
		}
		start(&s);
		UNTIL(&s, s.session.uplinks[0].state == UPLINK_UP ||
				  s.session.uplinks[0].state == UPLINK_BACKOFF);
		assert_int_equal(s.session.uplinks[0].state == UPLINK_UP, rows[i].up);
		if (rows[i].up) {
			const struct link *l = uplink_link(&s.session.uplinks[0]);
			assert_int_equal(l->bound, rows[i].bound);
			assert_int_equal(l->sealed, !rows[i].bound);
			UNTIL(&s, publications_count(&s.publications, PUBLICATION_GRANTED) == 1);
		} else {
			const char *why = s.session.uplinks[0].last_failure;
			if (!strstr(why, rows[i].wrong_pin ? "pin" : "certificate"))
				fail_msg("row %zu: %s", i, why);
			assert_int_equal(count_published(&s), 0);
		}
		end(&s);
		s.node.tls = tls_server_unref(s.node.tls);
	}
	unlink(cert);
	unlink(key);
	unlink(other_cert);
	unlink(other_key);
	rmdir(dir);
	rmdir(other);
	free(cert);
	free(key);
	free(other_cert);
	free(other_key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joins),
		cmocka_unit_test(test_waits_for_the_session),
		cmocka_unit_test(test_one_lost),
		cmocka_unit_test(test_all_lost),
		cmocka_unit_test(test_one_dials),
		cmocka_unit_test(test_join_refused),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_wss),
	};
	if (crypto_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
