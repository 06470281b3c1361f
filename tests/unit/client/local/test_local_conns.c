/* SPDX-License-Identifier: MIT */
/* Connections of local programs: which stream each gets, when it waits, and how it ends. */
#include "local_scene.h"

#define PIECE (64u << 10)

static size_t read_some(int fd, void *to, size_t n)
{
	ssize_t got = recv(fd, to, n, MSG_DONTWAIT);
	return got > 0 ? (size_t)got : 0;
}

static bool at_end(int fd)
{
	char byte;
	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

/* OPEN goes out before the program has said anything, and names the attachment and the program's address. */
static void test_opened(void **state)
{
	struct scene s;
	begin(&s, "redis=0 other=0");
	offer(&s);
	attached(&s, 2, CONTROL_ENDPOINT_APPROVED, true, NULL);
	int fd = dial(&s, 2);
	struct sockaddr_in own;
	socklen_t n = sizeof(own);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &n), 0);
	UNTIL(&s, s.n_fars == 1);
	const struct frame_open *open = &s.fars[0].open;
	assert_int_equal(open->kind, FRAME_KIND_TCP);
	assert_int_equal(open->service, 2);
	assert_int_equal(open->link, 0);
	assert_int_equal(open->visitor.family, 4);
	assert_int_equal(open->visitor.port, ntohs(own.sin_port));
	assert_int_equal(open->local.family, 0);
	assert_int_equal(consumer_conns(&s.consumer), 1);
	close(fd);
	UNTIL(&s, s.fars[0].closed && consumer_conns(&s.consumer) == 0);
	assert_int_equal(s.fars[0].reason, FRAME_RESET_NONE);
	end(&s);
}

/* Bytes both ways, and the end of one direction before the other's. */
static void test_bytes_and_half_close(void **state)
{
	static uint8_t sent[PIECE], got[2 * PIECE];
	struct scene s;
	size_t n = 0, given = 0;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 + i / 251);
	begin(&s, "redis=0");
	use(&s, 1);
	int fd = dial(&s, 1);
	UNTIL(&s, ({
		ssize_t m = send(fd, sent + given, sizeof(sent) - given, MSG_DONTWAIT);
		given += m > 0 ? (size_t)m : 0;
		given == sizeof(sent);
	}));
	shutdown(fd, SHUT_WR);
	UNTIL(&s, (n += read_some(fd, got + n, sizeof(got) - n)) == sizeof(sent) && at_end(fd));
	assert_memory_equal(got, sent, sizeof(sent));
	assert_true(s.fars[0].got_end);
	close(fd);
	UNTIL(&s, s.fars[0].closed);
	assert_int_equal(s.fars[0].reason, FRAME_RESET_NONE);
	end(&s);
}

static void test_unix_socket(void **state)
{
	struct scene s;
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "./local_conns.sock"};
	struct stat st;
	char got[4];
	begin(&s, "redis=unix:./local_conns.sock");
	use(&s, 1);
	assert_int_equal(stat(to.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, "ping", 4, 0), 4);
	UNTIL(&s, read_some(fd, got, sizeof(got)) == sizeof(got));
	assert_memory_equal(got, "ping", 4);
	assert_int_equal(s.fars[0].open.visitor.family, 0);
	close(fd);
	UNTIL(&s, s.fars[0].closed);
	end(&s);
	assert_int_not_equal(stat(to.sun_path, &st), 0);
}

/* A program is told by RST: what it got must not pass for all. */
static void test_cut(void **state)
{
	struct scene s;
	begin(&s, "redis=0");
	use(&s, 1);
	int fd = dial(&s, 1);
	UNTIL(&s, s.n_fars == 1);
	stream_reset(&s.fars[0].stream, FRAME_RESET_DENIED);
	UNTIL(&s, is_reset(fd));
	assert_int_equal(consumer_conns(&s.consumer), 0);
	close(fd);
	end(&s);
}

static void test_program_dies(void **state)
{
	struct scene s;
	begin(&s, "redis=0");
	s.mute = true;
	use(&s, 1);
	int fd = dial(&s, 1);
	UNTIL(&s, s.n_fars == 1);
	struct linger hard = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	UNTIL(&s, s.fars[0].closed);
	assert_int_equal(s.fars[0].reason, FRAME_RESET_ABORTED);
	end(&s);
}

/* What may not be used now is reset at once, and no stream is opened for it. */
static void test_barred(void **state)
{
	struct scene s;
	begin(&s, "redis=0");
	use(&s, 1);
	attached(&s, 1, CONTROL_ENDPOINT_APPROVED, false, "an intention denies it");
	int fd = dial(&s, 1);
	UNTIL(&s, is_reset(fd));
	close(fd);
	/* And works again, with nothing started anew. */
	attached(&s, 1, CONTROL_ENDPOINT_APPROVED, true, NULL);
	fd = dial(&s, 1);
	UNTIL(&s, s.n_fars == 1);
	close(fd);
	end(&s);
}

/* While no link is there, and until the exit node has answered, a connection waits and loses nothing. */
static void test_waits(void **state)
{
	struct scene s;
	char got[4];
	begin(&s, "redis=0");
	use(&s, 1);
	s.away = true;
	int fd = dial(&s, 1);
	assert_int_equal(send(fd, "ping", 4, 0), 4);
	UNTIL(&s, s.consumer.conns.n_held == 1);
	consumer_lost(&s.consumer);
	s.away = false;
	consumer_link_ready(&s.consumer);
	offer(&s);
	assert_int_equal(s.consumer.conns.n_held, 1);
	assert_int_equal(s.n_fars, 0);
	attached(&s, 1, CONTROL_ENDPOINT_APPROVED, true, NULL);
	UNTIL(&s, read_some(fd, got, sizeof(got)) == sizeof(got));
	assert_memory_equal(got, "ping", 4);
	close(fd);
	end(&s);
}

/* And goes on as soon as a link is there, if all else is. */
static void test_waits_for_a_link(void **state)
{
	struct scene s;
	begin(&s, "redis=0");
	use(&s, 1);
	s.away = true;
	int fd = dial(&s, 1);
	UNTIL(&s, s.consumer.conns.n_held == 1);
	s.away = false;
	consumer_link_ready(&s.consumer);
	UNTIL(&s, s.n_fars == 1);
	close(fd);
	end(&s);
}

static void test_waits_in_vain(void **state)
{
	struct scene s;
	begin_with(&s, "redis=0", (struct client_options){.dial_timeout = 50 * CLOCK_MS});
	use(&s, 1);
	s.away = true;
	int fd = dial(&s, 1);
	UNTIL(&s, is_reset(fd));
	assert_int_equal(consumer_conns(&s.consumer), 0);
	close(fd);
	end(&s);
}

/* Whoever waits is told at once of an answer that says no. */
static void test_waits_for_a_no(void **state)
{
	struct scene s;
	begin(&s, "redis=0");
	use(&s, 1);
	consumer_lost(&s.consumer);
	int fd = dial(&s, 1);
	UNTIL(&s, s.consumer.conns.n_held == 1);
	offer(&s);
	attached(&s, 1, CONTROL_ENDPOINT_REJECTED, false, NULL);
	UNTIL(&s, is_reset(fd));
	close(fd);
	end(&s);
}

/* The exit node takes so many streams: the next connection goes on when one ends. */
static void test_full(void **state)
{
	struct scene s;
	int fds[FARS + 1];
	begin(&s, "redis=0");
	use(&s, 1);
	mux_set_peer(&s.link.mux, MUX_BASE_WINDOW, 3);
	for (size_t i = 0; i < 4; i++)
		fds[i] = dial(&s, 1);
	UNTIL(&s, s.n_fars == 3 && s.consumer.conns.n_held == 1);
	stream_reset(&s.fars[1].stream, FRAME_RESET_CANCELLED);
	UNTIL(&s, s.n_fars == 4 && s.consumer.conns.n_held == 0);
	for (size_t i = 0; i < 4; i++)
		close(fds[i]);
	end(&s);
}

/* A connection goes on when its service is not in the configuration any more; and none begins. */
static void test_outlives_its_service(void **state)
{
	struct scene s;
	char got[4];
	begin(&s, "redis=0");
	use(&s, 1);
	int fd = dial(&s, 1);
	UNTIL(&s, s.n_fars == 1);
	set(&s, "");
	offer(&s);
	assert_int_equal(s.n_asked, 1);
	assert_int_equal(send(fd, "ping", 4, 0), 4);
	UNTIL(&s, read_some(fd, got, sizeof(got)) == sizeof(got));
	close(fd);
	UNTIL(&s, s.fars[0].closed);
	/* With its end the exit node may forget the attachment, with which it would have been cut. */
	UNTIL(&s, s.n_asked == 2);
	expect(&s, 1, CONTROL_DETACH, 1);
	assert_int_equal(s.consumer.endpoints.n, 0);
	end(&s);
}

/* The client ends: what waits is reset, what is open goes on, and nobody is let in. */
static void test_drain(void **state)
{
	struct scene s;
	char got[4];
	begin(&s, "redis=0");
	use(&s, 1);
	int open = dial(&s, 1);
	UNTIL(&s, s.n_fars == 1);
	s.away = true;
	int waiting = dial(&s, 1);
	UNTIL(&s, s.consumer.conns.n_held == 1);
	uint16_t port = local_port_number(&endpoint(&s, 1)->port);
	consumer_drain(&s.consumer);
	UNTIL(&s, is_reset(waiting));
	assert_true(is_refused("127.0.0.1", port));
	assert_int_equal(send(open, "ping", 4, 0), 4);
	UNTIL(&s, read_some(open, got, sizeof(got)) == sizeof(got));
	/* An answer that comes now opens nothing. */
	attached(&s, 1, CONTROL_ENDPOINT_APPROVED, true, NULL);
	assert_false(endpoint(&s, 1)->port.open);
	close(open);
	close(waiting);
	end(&s);
}

/* A port that another program has is told at the start, and tried again where it comes up later. */
static void test_taken(void **state)
{
	struct scene s, other;
	struct error err;
	char text[32];
	begin(&other, "a=0");
	use(&other, 1);
	snprintf(text, sizeof(text), "redis=%u", local_port_number(&endpoint(&other, 1)->port));
	begin(&s, text);
	assert_int_equal(consumer_probe(&s.consumer, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "--service redis: "));
	use(&s, 1);
	assert_false(endpoint(&s, 1)->port.open);
	assert_true(endpoint(&s, 1)->listen_at > 0);
	end(&other);
	assert_int_equal(consumer_probe(&s.consumer, &err), 0);
	assert_false(endpoint(&s, 1)->port.open);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opened),
		cmocka_unit_test(test_bytes_and_half_close),
		cmocka_unit_test(test_unix_socket),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_program_dies),
		cmocka_unit_test(test_barred),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_waits_for_a_link),
		cmocka_unit_test(test_waits_in_vain),
		cmocka_unit_test(test_waits_for_a_no),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_outlives_its_service),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_taken),
	};
	return cmocka_run_group_tests(tests, in_own_folder, leave_folder);
}
