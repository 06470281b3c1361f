/* SPDX-License-Identifier: MIT */
/* Private services and origins of groups toward the exit node: what is said of them, and to which one nothing is. */
#include <stdlib.h>
#include <unistd.h>

#include "publications_scene.h"

static const struct option_ranges no_ports;

static void begin_with(struct scene *s, struct service_options what)
{
	struct error err;
	begin(s, "");
	what.upstream = (char *)"http://127.0.0.1:8080";
	if (upstreams_add(&s->upstreams, &what, &no_ports, &err))
		fail_msg("%s", err.text);
	assert_int_equal(publications_set(&s->publications, &s->upstreams, &err, NULL), 0);
}

static void said(void **state)
{
	char *names[] = {(char *)"web", (char *)"batch"};
	struct scene s;
	struct control m;
	begin_with(&s, (struct service_options){.private_name = (char *)"super-api",
			       .proxy_protocol = UPSTREAM_PROXY_V2,
			       .visibility = {names, 2},
			       .auto_approve = {names, 1},
			       .fqdns = {names + 1, 1}});
	s.publications.features.private = true;
	publications_offer(&s.publications, &s.link);
	assert_true(sent(&s, &m));
	assert_int_equal(m.publish.kind, CONTROL_TCP);
	assert_string_equal(m.publish.host, "");
	assert_false(m.publish.port_given);
	assert_string_equal(m.publish.private_name, "super-api");
	assert_string_equal(m.publish.visibility, "web,batch");
	assert_string_equal(m.publish.auto_approve, "web");
	assert_string_equal(m.publish.fqdns, "batch");
	assert_string_equal(m.publish.upstream, "tcp://127.0.0.1:8080");
	assert_false(m.publish.per_visitor);
	control_deinit(&m);
	grant(&s, 1);
	assert_int_equal(state_of(&s, 1), PUBLICATION_GRANTED);
	assert_non_null(publications_find_private(&s.publications, "super-api"));
	assert_null(publications_find_private(&s.publications, "api"));
	end(&s);
}

/* It would publish all the rest of it; and a newer one may come. */
static void an_exit_node_without(void **state)
{
	struct scene s;
	begin_with(&s, (struct service_options){.private_name = (char *)"a"});
	for (int i = 0; i < 3; i++) {
		publications_offer(&s.publications, &s.link);
		assert_int_equal(count_sent(&s), 0);
		assert_int_equal(state_of(&s, 1), PUBLICATION_REFUSED);
		assert_string_equal(publications_find(&s.publications, 1)->answer,
			"it has no private services");
		assert_true(publications_find(&s.publications, 1)->answer_logged);
		assert_false(publications_refused_for_good(&s.publications));
		publications_retry(&s.publications, CLOCK_S);
	}
	s.publications.features.private = true;
	publications_withdrawn(&s.publications);
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 1);
	end(&s);
}

static void an_origin(void **state)
{
	struct scene s;
	struct control m;
	begin_with(&s, (struct service_options){.group = (char *)"web",
			       .origin = (char *)"blue",
			       .priority = 2,
			       .weight = 7,
			       .disabled = 1});
	/* One that does not know groups would publish it for every host. */
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 0);
	assert_string_equal(publications_find(&s.publications, 1)->answer,
		"it is an older version without origin groups");
	s.publications.features.groups = true;
	publications_withdrawn(&s.publications);
	publications_offer(&s.publications, &s.link);
	assert_true(sent(&s, &m));
	assert_string_equal(m.publish.host, "");
	assert_string_equal(m.publish.group, "web");
	assert_string_equal(m.publish.origin, "blue");
	assert_int_equal(m.publish.priority, 2);
	assert_int_equal(m.publish.weight, 7);
	assert_true(m.publish.enabled_given);
	assert_false(m.publish.enabled);
	control_deinit(&m);
	end(&s);
}

/* Of a host it gets a share there, if not the one that it asks for; one that takes nobody is not published. */
static void an_origin_of_a_host(void **state)
{
	struct scene s;
	for (int disabled = 0; disabled < 2; disabled++) {
		begin_with(&s, (struct service_options){.weight = 7, .disabled = disabled});
		publications_offer(&s.publications, &s.link);
		assert_int_equal(count_sent(&s), !disabled);
		assert_int_equal(publications_find(&s.publications, 1)->not_graded, !disabled);
		end(&s);
	}
}

/* Each change once, and all of it anew to a session that knows nothing. */
static void health(void **state)
{
	struct scene s;
	struct control m;
	begin_with(&s, (struct service_options){.probe = (char *)"/healthz"});
	s.publications.features.groups = true;
	struct publication *pub = publications_find(&s.publications, 1);
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 1);
	pub->health.down = true;
	publications_offer(&s.publications, &s.link);
	assert_true(sent(&s, &m));
	assert_int_equal(m.type, CONTROL_HEALTH);
	assert_int_equal(m.health.service, 1);
	assert_int_equal(m.health.state, CONTROL_HEALTH_DOWN);
	control_deinit(&m);
	grant(&s, 1);
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 0);
	publications_withdrawn(&s.publications);
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 2);
	pub->health.down = false;
	pub->health.latency = 1800;
	publications_offer(&s.publications, &s.link);
	assert_true(sent(&s, &m));
	assert_int_equal(m.health.state, CONTROL_HEALTH_UP);
	assert_int_equal(m.health.latency_us, 1800);
	control_deinit(&m);
	/* An exit node without groups would not know the message. */
	s.publications.features.groups = false;
	pub->health.down = true;
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 0);
	end(&s);
}

/* It would publish it without its rules; and so that the rules are not lost, they are sent with it. */
static void an_exit_node_without_rules(void **state)
{
	char path[] = "/tmp/rules-XXXXXX";
	int fd = mkstemp(path);
	struct service_options what = {.upstream = (char *)"a.example.org=http://127.0.0.1:8080",
		.rules = path};
	struct scene s;
	struct error err;
	struct control m;
	begin(&s, "");
	assert_int_equal(write(fd, "- deny: 403\n", 12), 12);
	close(fd);
	if (upstreams_add(&s.upstreams, &what, &no_ports, &err))
		fail_msg("%s", err.text);
	unlink(path);
	assert_int_equal(publications_set(&s.publications, &s.upstreams, &err, NULL), 0);
	publications_offer(&s.publications, &s.link);
	assert_int_equal(count_sent(&s), 0);
	assert_int_equal(state_of(&s, 1), PUBLICATION_REFUSED);
	s.publications.features.rules = true;
	publications_withdrawn(&s.publications);
	publications_offer(&s.publications, &s.link);
	assert_true(sent(&s, &m));
	assert_string_equal(m.publish.rules, "- deny: 403\n");
	control_deinit(&m);
	end(&s);
}

/* A source address that this machine does not have is found before anything is published. */
static void sources_that_are_not_here(void **state)
{
	char *names[] = {(char *)"127.0.0.2", (char *)"192.0.2.77"};
	struct service_options what = {.upstream = (char *)"tcp://127.0.0.1:1",
		.private_name = (char *)"a",
		.source_addresses = {names, 2}};
	struct scene s;
	struct error err;
	begin(&s, "");
	assert_int_equal(upstreams_add(&s.upstreams, &what, &no_ports, &err), 0);
	assert_int_not_equal(publications_set(&s.publications, &s.upstreams, &err, NULL), 0);
	assert_string_equal(err.text,
		"--source-addresses of a: this machine has no address 192.0.2.77");
	assert_int_equal(s.publications.n, 0);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(said),
		cmocka_unit_test(an_exit_node_without),
		cmocka_unit_test(an_exit_node_without_rules),
		cmocka_unit_test(an_origin),
		cmocka_unit_test(an_origin_of_a_host),
		cmocka_unit_test(health),
		cmocka_unit_test(sources_that_are_not_here),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
