/* SPDX-License-Identifier: MIT */
/*
 * Connections of which it is not known yet whose they are: by the first bytes they become a request of the
 * HTTP front, a TCP service's, or nobody's; in an exit node on one thread, with made-up clients.
 */
#include "visitor.h"

#include <sys/socket.h>
#include <unistd.h>

#define HEADER "PROXY TCP4 203.0.113.9 192.0.2.1 1111 443\r\n"

static const struct listener_config front = {.visits = true, .links = true, .port = 443};

static void trust_balancer(struct exit_node *n)
{
	struct error err;
	assert_int_equal(cidr_list_add(&n->options.proxied, STR("192.0.2.0/24"), &err), 0);
}

/* ---- What needs no look ---- */

static void nobody_looks_without_a_reason(void **state)
{
	static const struct listener_config port = {.visits = true, .place = "tcp:1"};
	static const struct listener_config tls_port = {.visits = true,
		.tls = true,
		.place = "tcp:1"};
	static const struct listener_config control = {.links = true, .control = true};
	struct exit_node *n = *state;
	struct worker *w = n->node.workers[0];
	assert_false(preread_due(w, &front, &visitor));
	assert_false(preread_due(w, &port, &visitor));
	assert_true(preread_due(w, &tls_port, &visitor));
	int fd = visit(n, &front);
	assert_null(preread_at(n));
	send_text(n, fd, REQUEST);
	assert_true(answered(n, fd));
	close(fd);
	/* A name that is asked for by TLS is looked for where visitors come. */
	w->routing->n_named = 1;
	assert_true(preread_due(w, &front, &visitor));
	assert_false(preread_due(w, &port, &visitor));
	assert_false(preread_due(w, &control, &visitor));
	w->routing->n_named = 0;
	/* Balancers of visitors, and of links. */
	trust_balancer(n);
	assert_true(preread_due(w, &front, &visitor));
	assert_true(preread_due(w, &port, &visitor));
	assert_false(preread_due(w, &control, &visitor));
	exit_node_tls(n);
	assert_true(preread_due(w, &control, &visitor));
	assert_true(preread_due(w, &front, &(struct address){.family = ADDRESS_V4}));
	assert_false(preread_due(w, &port, &(struct address){.family = ADDRESS_V4}));
}

/* ---- The balancer's header ---- */

static void a_header_says_who_comes(void **state)
{
	struct exit_node *n = *state;
	trust_balancer(n);
	int fd = visit(n, &front);
	assert_non_null(preread_at(n));
	assert_false(preread_at(n)->counted);
	send_text(n, fd, "PROXY TCP4 203.0");
	assert_non_null(preread_at(n));
	send_text(n, fd, ".113.9 192.0.2.1 1111 443\r\n");
	settle(n);
	assert_null(preread_at(n));
	assert_int_equal(visitors(n), 1);
	send_text(n, fd, REQUEST);
	assert_true(answered(n, fd));
	/* The visitor's own place is taken, not the balancer's. */
	n->options.max_visitors_per_address = 1;
	int other = visit(n, &front);
	send_text(n, other, HEADER);
	assert_true(is_closed(other));
	close(other);
	other = visit(n, &front);
	send_text(n, other, "PROXY TCP4 203.0.113.10 192.0.2.1 1111 443\r\n");
	assert_false(is_closed(other));
	assert_int_equal(visitors(n), 2);
	close(fd);
	close(other);
	settle_until(n, visitors(n) == 0);
}

static void without_its_header_it_is_closed(void **state)
{
	struct exit_node *n = *state;
	trust_balancer(n);
	int fd = visit(n, &front);
	send_text(n, fd, REQUEST);
	assert_true(is_closed(fd));
	assert_int_equal(visitors(n), 0);
	close(fd);
	/* It ends within its header, or before: then it was a health check. */
	for (int i = 0; i < 2; i++) {
		struct log_limit *log = &n->node.workers[0]->accept->log_rejected;
		*log = (struct log_limit){0};
		struct log_limit quiet = *log;
		fd = visit(n, &front);
		if (i)
			send_text(n, fd, "PROXY");
		shutdown(fd, SHUT_WR);
		settle_until(n, preread_at(n) == NULL);
		assert_true(is_closed(fd));
		assert_int_equal(memcmp(log, &quiet, sizeof(quiet)) != 0, i);
		close(fd);
	}
}

static void a_header_has_to_come_soon(void **state)
{
	struct exit_node *n = *state;
	trust_balancer(n);
	struct accept_worker *a = n->node.workers[0]->accept;
	int fd = visit(n, &front);
	assert_ptr_equal(list_first(&a->header.entries, struct timeout, link),
		&preread_at(n)->timeout);
	struct timeout *timeout = &preread_at(n)->timeout;
	timeout_cancel(timeout);
	a->header.expired(&a->header, timeout);
	assert_true(is_closed(fd));
	close(fd);
}

/* ---- TLS or plain text ---- */

static void with_a_certificate_both_are_served(void **state)
{
	struct exit_node *n = *state;
	struct tls_visitor v;
	exit_node_tls(n);
	int fd = visit(n, &front);
	assert_non_null(preread_at(n));
	send_text(n, fd, REQUEST);
	assert_null(preread_at(n));
	assert_true(answered(n, fd));
	close(fd);
	for (int alpn = 0; alpn < 2; alpn++) {
		tls_visit(n, &v, &front, "nobody.example", alpn);
		tls_send(n, &v, REQUEST);
		assert_true(tls_answered(n, &v));
		assert_int_equal(tls_alpn(v.conn.tls).n, alpn ? strlen("http/1.1") : 0);
		tls_gone(&v);
	}
	settle_until(n, visitors(n) == 0);
}

/* A browser may connect long before it asks; who has begun must go on. */
static void a_quiet_one_has_more_time(void **state)
{
	struct exit_node *n = *state;
	exit_node_tls(n);
	struct accept_worker *a = n->node.workers[0]->accept;
	int fd = visit(n, &front);
	struct timeout *timeout = &preread_at(n)->timeout;
	assert_ptr_equal(list_first(&a->quiet.entries, struct timeout, link), timeout);
	send_text(n, fd, "\x16\x03\x01");
	assert_ptr_equal(list_first(&a->securing.entries, struct timeout, link), timeout);
	assert_true(list_empty(&a->quiet.entries));
	assert_true(preread_at(n)->charge.bytes >= 3);
	timeout_cancel(timeout);
	a->securing.expired(&a->securing, timeout);
	assert_true(is_closed(fd));
	close(fd);
	fd = visit(n, &front);
	timeout = &preread_at(n)->timeout;
	timeout_cancel(timeout);
	a->quiet.expired(&a->quiet, timeout);
	assert_true(is_closed(fd));
	close(fd);
}

static void what_is_no_hello_is_told_so(void **state)
{
	struct exit_node *n = *state;
	serve(n, 1, "a.example", 0, CONTROL_TLS_PASS, NULL);
	int fd = visit(n, &front);
	assert_int_equal(write(fd, "\x16\x03\x01\x00\x05\x02\x00\x00\x01x", 10), 10);
	settle(n);
	assert_true(got_alert(fd, 50));
	assert_true(is_closed(fd));
	close(fd);
}

/* ---- By name ---- */

static void a_name_is_passed_on(void **state)
{
	struct exit_node *n = *state;
	struct tls_visitor v;
	struct server_link *l = serve(n, 7, "a.example", 0, CONTROL_TLS_PASS, NULL);
	tls_visit(n, &v, &front, "a.example", false);
	settle_until(n, client_of(n, l)->n_opens == 1 && buf_len(&client_of(n, l)->got) > 100);
	struct fake_client *c = client_of(n, l);
	assert_memory_equal(buf_head(&c->got), "\x16\x03\x01", 3); /* its ClientHello */
	assert_int_equal(c->open.service, 7);
	assert_int_equal(c->open.tls, FRAME_TLS_NONE);
	assert_int_equal(c->open.visitor.port, 5000);
	tls_gone(&v);
	stream_over(n, l);
	/* Another name is nobody's, and there is no certificate for it. */
	int before = (int)visitors(n);
	tls_visit(n, &v, &front, "b.example", false);
	settle_until(n, v.conn.error != 0);
	assert_int_equal(visitors(n), before);
	tls_gone(&v);
	/* Plain text is the front's. */
	int fd = visit(n, &front);
	send_text(n, fd, REQUEST);
	assert_true(answered(n, fd));
	close(fd);
}

static void a_name_that_nobody_has_is_told_so(void **state)
{
	struct exit_node *n = *state;
	struct tls_visitor v, copy;
	uint8_t hello[4096];
	int fds[2];
	struct server_link *l = serve(n, 7, "a.example", 0, CONTROL_TLS_PASS, NULL);
	/* The ClientHello of one, sent by another. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	static const struct tls_client_config config = {.insecure = true};
	struct error err;
	copy.tls = tls_client_new(&config, &err);
	assert_int_equal(conn_init(&copy.conn, n->node.workers[1]->loop, fds[0], on_changed), 0);
	conn_start_tls(&copy.conn, tls_connect(copy.tls, "b.example", TLS_OFFER_NONE), NULL, 0);
	settle(n);
	ssize_t size = recv(fds[1], hello, sizeof(hello), 0);
	assert_true(size > 0);
	int fd = visit(n, &front);
	assert_int_equal(write(fd, hello, (size_t)size), size);
	settle(n);
	assert_true(got_alert(fd, 112));
	assert_true(is_closed(fd));
	close(fd);
	close(fds[1]);
	tls_gone(&copy);
	/* With a certificate it is the front's. */
	exit_node_tls(n);
	tls_visit(n, &v, &front, "nobody.example", false);
	tls_send(n, &v, REQUEST);
	assert_true(tls_answered(n, &v));
	tls_gone(&v);
	/* And the service keeps its name. */
	tls_visit(n, &v, &front, "a.example", false);
	settle(n);
	assert_false(conn_established(&v.conn));
	assert_int_equal(client_of(n, l)->n_opens, 1);
	tls_gone(&v);
	stream_over(n, l);
}

static void tls_is_ended_for_a_name(void **state)
{
	static const struct {
		const char *protocols; /* of the service */
		bool offered;          /* http/1.1, by the visitor */
		bool served;
		uint8_t alpn;
	} rows[] = {
		{NULL, false, true, FRAME_ALPN_NONE},
		{NULL, true, true, FRAME_ALPN_HTTP11},
		{"x,http/1.1", true, true, FRAME_ALPN_LISTED + 1},
		{"http/1.1", true, true, FRAME_ALPN_LISTED},
		{"h2", false, true, FRAME_ALPN_NONE},
		{"h2", true, false, 0},
	};
	struct exit_node *n = *state;
	exit_node_tls(n);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tls_visitor v;
		struct server_link *l =
			serve(n, 7, "a.example", 0, CONTROL_TLS_TERMINATE, rows[i].protocols);
		tls_visit(n, &v, &front, "a.example", rows[i].offered);
		if (rows[i].served) {
			tls_send(n, &v, "hello");
			settle_until(n, buf_len(&client_of(n, l)->got) == 5);
			struct fake_client *c = client_of(n, l);
			assert_memory_equal(buf_head(&c->got), "hello", 5);
			assert_int_equal(c->open.tls, FRAME_TLS_1_3);
			if (!rows[i].protocols && rows[i].offered)
				assert_true(c->open.alpn == FRAME_ALPN_HTTP11 ||
					    c->open.alpn == FRAME_ALPN_NONE);
			else if (c->open.alpn != rows[i].alpn)
				fail_msg("row %zu: %u", i, c->open.alpn);
		} else {
			settle_until(n, v.conn.error != 0);
			assert_int_equal(client_of(n, l)->n_opens, 0);
		}
		tls_gone(&v);
		if (rows[i].served)
			stream_over(n, l);
		settle_until(n, visitors(n) == 0);
		withdraw(l, 7);
		hang_up(l);
		settle(n);
	}
}

/* The service went, or another one came, while the handshake was under way. */
static void the_service_changes_meanwhile(void **state)
{
	struct exit_node *n = *state;
	struct tls_visitor v;
	exit_node_tls(n);
	struct server_link *l = serve(n, 7, "a.example", 0, CONTROL_TLS_TERMINATE, "http/1.1");
	tls_visit(n, &v, &front, "a.example", true);
	for (int i = 0; i < 100 && !(preread_at(n) && preread_at(n)->state == PREREAD_SECURING);
		i++) {
		turn(n, 1);
		turn(n, 0);
	}
	assert_non_null(preread_at(n));
	assert_int_equal(preread_at(n)->state, PREREAD_SECURING);
	struct service *service = service_shard_at(n, 0, "a.example")->service;
	free(service->alpn);
	service->alpn = strdup("h2");
	settle_until(n, preread_at(n) == NULL);
	assert_int_equal(visitors(n), 0);
	assert_int_equal(client_of(n, l)->n_opens, 0);
	tls_gone(&v);
}

/* ---- At a service's port ---- */

static void tls_is_ended_for_a_port(void **state)
{
	struct exit_node *n = *state;
	struct tls_visitor v;
	exit_node_tls(n);
	uint16_t port = exit_node_ports(n);
	struct server_link *l = serve(n, 7, NULL, port, CONTROL_TLS_TERMINATE, NULL);
	struct listener_config by = {.visits = true, .tls = true, .port = port};
	snprintf(by.place, sizeof(by.place), "tcp:%u", port);
	tls_visit(n, &v, &by, "whatever.example", false);
	tls_send(n, &v, "hello");
	settle_until(n, buf_len(&client_of(n, l)->got) == 5);
	assert_int_equal(client_of(n, l)->open.tls, FRAME_TLS_1_3);
	tls_gone(&v);
	stream_over(n, l);
	/* Plain text has no way there, and no time to wait. */
	int fd = visit(n, &by);
	assert_ptr_equal(list_first(&n->node.workers[0]->accept->securing.entries, struct timeout,
				 link),
		&preread_at(n)->timeout);
	send_text(n, fd, REQUEST);
	settle_until(n, preread_at(n) == NULL);
	assert_int_equal(client_of(n, l)->n_opens, 1);
	close(fd);
}

static void a_port_without_tls_is_handed_on(void **state)
{
	struct exit_node *n = *state;
	exit_node_tls(n);
	trust_balancer(n);
	uint16_t port = exit_node_ports(n);
	struct server_link *l = serve(n, 7, NULL, port, CONTROL_TLS_NONE, NULL);
	struct listener_config by = {.visits = true, .port = port};
	snprintf(by.place, sizeof(by.place), "tcp:%u", port);
	int fd = visit(n, &by);
	send_text(n, fd, HEADER "hello");
	settle_until(n, buf_len(&client_of(n, l)->got) == 5);
	assert_memory_equal(buf_head(&client_of(n, l)->got), "hello", 5);
	assert_int_equal(client_of(n, l)->open.visitor.port, 1111);
	assert_int_equal(client_of(n, l)->open.local.port, 443);
	close(fd);
	stream_over(n, l);
}

/* ---- Limits and the end ---- */

static void there_are_so_many_visitors(void **state)
{
	struct exit_node *n = *state;
	exit_node_tls(n);
	n->options.max_visitors_per_address = 1;
	int fd = visit(n, &front), other = visit(n, &front);
	assert_int_equal(visitors(n), 1);
	assert_false(is_closed(fd));
	assert_true(is_closed(other));
	close(fd);
	close(other);
}

static void it_goes_when_memory_is_short(void **state)
{
	struct exit_node *n = *state;
	exit_node_tls(n);
	int fd = visit(n, &front);
	send_text(n, fd, "\x16\x03\x01");
	struct preread *p = preread_at(n);
	p->charge.evict(&p->charge);
	assert_true(is_closed(fd));
	preread_close(p); /* without effect */
	close(fd);
}

static void the_process_ends(void **state)
{
	struct exit_node *n = *state;
	exit_node_tls(n);
	int fd = visit(n, &front);
	accept_worker_drain(n->node.workers[0]->accept);
	assert_true(is_closed(fd));
	close(fd);
	n->node.workers[0]->draining = true;
	fd = visit(n, &front);
	assert_true(is_closed(fd));
	assert_int_equal(visitors(n), 0);
	close(fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, exit_node_open, exit_node_close)
	const struct CMUnitTest tests[] = {
		TEST(nobody_looks_without_a_reason),
		TEST(a_header_says_who_comes),
		TEST(without_its_header_it_is_closed),
		TEST(a_header_has_to_come_soon),
		TEST(with_a_certificate_both_are_served),
		TEST(a_quiet_one_has_more_time),
		TEST(what_is_no_hello_is_told_so),
		TEST(a_name_is_passed_on),
		TEST(a_name_that_nobody_has_is_told_so),
		TEST(tls_is_ended_for_a_name),
		TEST(the_service_changes_meanwhile),
		TEST(tls_is_ended_for_a_port),
		TEST(a_port_without_tls_is_handed_on),
		TEST(there_are_so_many_visitors),
		TEST(it_goes_when_memory_is_short),
		TEST(the_process_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
