/* SPDX-License-Identifier: MIT */
#include "visitor.h"

#include <errno.h>
#include <sys/socket.h>

#include "server/accept/handoff.h"

const struct address visitor = {.family = ADDRESS_V4, .bytes = {192, 0, 2, 7}, .port = 5000};

int visit(struct exit_node *n, const struct listener_config *by)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	handoff_send(by, n->node.workers[0], fds[0], &visitor, NULL);
	return fds[1];
}

void send_text(struct exit_node *n, int fd, const char *text)
{
	ssize_t size = (ssize_t)strlen(text);
	assert_int_equal(send(fd, text, (size_t)size, MSG_NOSIGNAL), size);
	settle(n);
}

struct preread *preread_at(struct exit_node *n)
{
	return list_first(&n->node.workers[0]->accept->prereads, struct preread, link);
}

unsigned visitors(struct exit_node *n)
{
	return limits_count(&n->node.limits, LIMITS_VISITOR);
}

bool is_closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

bool answered(struct exit_node *n, int fd)
{
	char text[4096];
	ssize_t size = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	return size > 12 && memcmp(text, "HTTP/1.1 503", 12) == 0;
}

bool got_alert(int fd, uint8_t what)
{
	uint8_t alert[8] = {0};
	return recv(fd, alert, sizeof(alert), MSG_DONTWAIT) == 7 && alert[0] == 21 &&
	       alert[5] == 2 && alert[6] == what;
}

struct server_link *serve(struct exit_node *n, uint32_t number, const char *name, uint16_t port,
	enum control_tls tls, const char *alpn)
{
	struct server_link *l = dial(n, &alice, "one", NULL);
	struct control m =
		name ? publish_http(number, name) : publish_port(number, CONTROL_TCP, port);
	m.publish.kind = CONTROL_TCP;
	m.publish.tls = tls;
	m.publish.alpn = alpn;
	assert_int_equal(ask(n, l, m)->type, CONTROL_GRANTED);
	return l;
}

void stream_over(struct exit_node *n, const struct server_link *l)
{
	settle_until(n, client_of(n, l)->n_fins + client_of(n, l)->n_resets > 0);
	if (!client_of(n, l)->n_resets)
		client_reset(client_of(n, l), client_of(n, l)->stream, FRAME_RESET_ABORTED);
	settle_until(n, visitors(n) == 0);
}

/* ---- TLS from the other end ---- */

void on_changed(struct conn *conn)
{
}

void tls_visit(struct exit_node *n, struct tls_visitor *v, const struct listener_config *by,
	const char *name, bool alpn)
{
	static const struct tls_client_config config = {.insecure = true};
	struct error err;
	v->tls = tls_client_new(&config, &err);
	assert_non_null(v->tls);
	assert_int_equal(conn_init(&v->conn, n->node.workers[1]->loop, visit(n, by), on_changed),
		0);
	assert_int_equal(conn_start_tls(&v->conn, tls_connect(v->tls, name, alpn), NULL, 0), 0);
}

void tls_gone(struct tls_visitor *v)
{
	conn_close(&v->conn);
	tls_client_unref(v->tls);
}

void tls_send(struct exit_node *n, struct tls_visitor *v, const char *text)
{
	settle_until(n, conn_established(&v->conn) && v->conn.writable);
	assert_int_equal(conn_write(&v->conn, text, strlen(text)), strlen(text));
	settle(n);
}

bool tls_answered(struct exit_node *n, struct tls_visitor *v)
{
	char text[4096];
	ssize_t size = conn_read(&v->conn, text, sizeof(text));
	/* Session tickets may come first. */
	for (int tries = 0; size == -EAGAIN && tries < 10; tries++) {
		settle_until(n, v->conn.readable);
		size = conn_read(&v->conn, text, sizeof(text));
	}
	return size > 12 && memcmp(text, "HTTP/1.1 503", 12) == 0;
}
