/* SPDX-License-Identifier: MIT */
/* Private services that a session uses: when they are asked for, and by which link local programs reach them. */
#include "session_scene.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define PROGRAMS 8

struct programs {
	int fds[PROGRAMS];
	size_t n;
};

static void begin_private(struct scene *s, unsigned links, bool publishes)
{
	struct error err;
	static char service[] = "redis=0";
	const struct local_options what = {.service = service};
	prepare(s, links);
	s->node.private = true;
	assert_int_equal(local_services_add(&s->options.local_services, &what, false, &err), 0);
	if (!publishes) {
		const struct upstreams none = UPSTREAMS_NULL;
		assert_int_equal(publications_set(&s->publications, &none, &err, NULL), 0);
		publications_withdrawn(&s->publications);
	}
	start(s);
}

static void end_private(struct scene *s, struct programs *p)
{
	for (size_t i = 0; i < p->n; i++)
		close(p->fds[i]);
	end(s);
}

static const struct client_endpoint *redis(const struct scene *s)
{
	return s->consumer.endpoints.v[0];
}

static bool usable(const struct scene *s)
{
	return redis(s)->state == CLIENT_ENDPOINT_USABLE && redis(s)->port.open;
}

static void dial(struct scene *s, struct programs *p)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(local_port_number(&redis(s)->port)),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	p->fds[p->n++] = fd;
}

static size_t opens(const struct scene *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->node.n; i++)
		n += s->node.links[i].opens;
	return n;
}

/* A session that publishes nothing is opened by what it asks for. */
static void test_asked(void **state)
{
	struct scene s;
	struct programs p = {.n = 0};
	begin_private(&s, 1, false);
	UNTIL(&s, usable(&s));
	assert_string_equal(s.node.links[0].features, CONTROL_FEATURE_PRIVATE);
	assert_int_equal(s.node.links[0].attaches, 1);
	assert_int_equal(s.session.state, CLIENT_SESSION_OPEN);
	dial(&s, &p);
	UNTIL(&s, opens(&s) == 1);
	end_private(&s, &p);
}

/* One that has none is asked for nothing, and the client goes on with what it publishes. */
static void test_older(void **state)
{
	struct scene s;
	struct programs p = {.n = 0};
	begin_private(&s, 1, true);
	s.node.private = false;
	UNTIL(&s, publications_count(&s.publications, PUBLICATION_GRANTED) == 1);
	assert_int_equal(s.node.links[0].attaches, 0);
	assert_int_equal(redis(&s)->state, CLIENT_ENDPOINT_IDLE);
	/* A newer one, by the next link. */
	s.node.private = true;
	link_close(&s.node.links[0].io.link, LINK_END_LOCAL, "test");
	UNTIL(&s, usable(&s));
	end_private(&s, &p);
}

/* A link that joined carries no stream of ours before the exit node has said whose it is. */
static void test_joined_link(void **state)
{
	struct scene s;
	struct programs p = {.n = 0};
	begin_private(&s, 2, false);
	UNTIL(&s, usable(&s) && count_up(&s) == 2 && count_joined(&s) == 1);
	for (size_t i = 0; i < 3; i++)
		dial(&s, &p);
	UNTIL(&s, opens(&s) == 3);
	struct node_link *joined = &s.node.links[1];
	assert_true(joined->joined);
	assert_int_equal(joined->opens, 0);
	name_session(joined);
	UNTIL(&s, s.session.uplinks[1].link->may_open);
	/* From here on the one with fewer streams. */
	for (size_t i = 0; i < 4; i++) {
		dial(&s, &p);
		UNTIL(&s, opens(&s) == 4 + i);
	}
	assert_int_equal(joined->opens, 3);
	assert_int_equal(s.node.links[0].opens, 4);
	end_private(&s, &p);
}

/* A link that the exit node leaves takes no stream; those that it has go on. */
static void test_leaving_link(void **state)
{
	struct scene s;
	struct programs p = {.n = 0};
	begin_private(&s, 1, false);
	UNTIL(&s, usable(&s));
	dial(&s, &p);
	UNTIL(&s, opens(&s) == 1);
	mux_goaway(&s.node.links[0].io.link.mux, FRAME_GOAWAY_SHUTDOWN);
	UNTIL(&s, s.node.n == 2 && usable(&s));
	dial(&s, &p);
	UNTIL(&s, opens(&s) == 2);
	assert_int_equal(s.node.links[0].opens, 1);
	assert_true(stream_alive(&s.node.streams[0]));
	end_private(&s, &p);
}

/* What the client gets back to it asks for anew; a connection that came meanwhile has waited. */
static void test_session_lost(void **state)
{
	struct scene s;
	struct programs p = {.n = 0};
	begin_private(&s, 2, true);
	s.node.names_joins = true;
	UNTIL(&s, usable(&s) && count_joined(&s) == 1);
	link_close(&s.node.links[0].io.link, LINK_END_LOCAL, "test");
	link_close(&s.node.links[1].io.link, LINK_END_LOCAL, "test");
	UNTIL(&s, s.session.state == CLIENT_SESSION_DOWN);
	dial(&s, &p);
	UNTIL(&s, s.consumer.conns.n_held == 1 || opens(&s) == 1);
	UNTIL(&s, opens(&s) == 1);
	assert_int_equal(s.node.links[0].attaches, 1);
	assert_int_equal(s.node.links[1].attaches, 0);
	UNTIL(&s, usable(&s));
	end_private(&s, &p);
}

static void test_drain(void **state)
{
	struct scene s;
	struct programs p = {.n = 0};
	begin_private(&s, 1, false);
	UNTIL(&s, usable(&s));
	dial(&s, &p);
	UNTIL(&s, opens(&s) == 1);
	client_session_drain(&s.session, clock_now() + 60 * CLOCK_S);
	assert_false(redis(&s)->port.open);
	assert_false(HOLDS(&s, s.ended >= 0, 50 * CLOCK_MS));
	stream_reset(&s.node.streams[0], FRAME_RESET_NONE);
	UNTIL(&s, s.ended == CLIENT_SESSION_END_DRAINED);
	end_private(&s, &p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_older),
		cmocka_unit_test(test_joined_link),
		cmocka_unit_test(test_leaving_link),
		cmocka_unit_test(test_session_lost),
		cmocka_unit_test(test_drain),
	};
	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
