/* SPDX-License-Identifier: MIT */
#include "owner.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"

static char folder[] = "/tmp/test_panel.XXXXXX";
char path[64];
struct panel *panel;

/* ---- The owner ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t news;
	struct list waiting; /* of struct panel_request: not answered yet */
	unsigned n;
	bool holds; /* the test answers; else the request is answered at once with what it is */
} owner = {.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};

void answer(struct panel_request *rq, const char *text)
{
	rq->status = 200;
	rq->content_type = "text/plain";
	rq->answer = strdup(text);
	rq->answer_size = strlen(text);
	panel_answer(panel, rq);
}

static void echo(struct panel_request *rq)
{
	static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
	char *text;
	static const char *const who[] = {"socket", "token", "open"};
	if (strcmp(rq->target, "/big") == 0) {
		rq->status = 200;
		rq->answer = malloc(BIG);
		for (size_t i = 0; i < BIG; i++)
			rq->answer[i] = (char)('a' + i % 23);
		rq->answer_size = BIG;
		panel_answer(panel, rq);
		return;
	}
	assert_true(
		asprintf(&text, "%s %s match=%s body=%zu:%.40s who=%s uid=%u", methods[rq->method],
			rq->target, rq->if_match ? rq->if_match : "", rq->body_size,
			rq->body ? rq->body : "", who[rq->who], (unsigned)rq->peer.uid) > 0);
	answer(rq, text);
	free(text);
}

static void ask(void *arg, struct panel_request *rq)
{
	pthread_mutex_lock(&owner.lock);
	bool holds = owner.holds;
	if (holds) {
		list_append(&owner.waiting, &rq->link);
		owner.n++;
		pthread_cond_broadcast(&owner.news);
	}
	pthread_mutex_unlock(&owner.lock);
	if (!holds)
		echo(rq);
}

void hold(bool holds)
{
	pthread_mutex_lock(&owner.lock);
	owner.holds = holds;
	pthread_mutex_unlock(&owner.lock);
}

struct panel_request *asked(void)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE / 1000;
	pthread_mutex_lock(&owner.lock);
	while (list_empty(&owner.waiting))
		assert_int_equal(pthread_cond_timedwait(&owner.news, &owner.lock, &until), 0);
	struct panel_request *rq = list_first(&owner.waiting, struct panel_request, link);
	list_unlink(&rq->link);
	owner.n--;
	pthread_mutex_unlock(&owner.lock);
	return rq;
}

void wait_asked(unsigned n)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE / 1000;
	pthread_mutex_lock(&owner.lock);
	while (owner.n < n)
		assert_int_equal(pthread_cond_timedwait(&owner.news, &owner.lock, &until), 0);
	pthread_mutex_unlock(&owner.lock);
}

/* ---- The peer ---- */

int dial_tcp(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons(panel_port(panel)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

int dial(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	memcpy(a.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

void put(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* False: the connection has ended, or nothing came in `ms`. */
bool get_byte(int fd, char *out, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, ms) == 1 && recv(fd, out, 1, 0) == 1;
}

bool ended(int fd)
{
	char c;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, PATIENCE) == 1 && recv(fd, &c, 1, 0) <= 0;
}

void get_head(int fd, struct response *r)
{
	size_t n = 0;
	*r = (struct response){0};
	while (!strstr(r->head, "\r\n\r\n")) {
		assert_true(n < sizeof(r->head) - 1);
		assert_true(get_byte(fd, &r->head[n++], PATIENCE));
	}
	assert_int_equal(sscanf(r->head, "HTTP/1.1 %d", &r->status), 1);
}

void get(int fd, struct response *r)
{
	get_head(fd, r);
	const char *length = strstr(r->head, "Content-Length: ");
	r->n = length ? strtoul(length + 16, NULL, 10) : 0;
	r->body = calloc(1, r->n + 1);
	for (size_t at = 0; at < r->n;) {
		ssize_t k = recv(fd, r->body + at, r->n - at, 0);
		assert_true(k > 0);
		at += (size_t)k;
	}
}

/* The next answer is this. */
void expect(int fd, int status, const char *part)
{
	struct response r;
	get(fd, &r);
	if (r.status != status || (part && !strstr(r.body, part) && !strstr(r.head, part)))
		fail_msg("%d wanted with %s, got: %s%s", status, part, r.head, r.body);
	free(r.body);
}

/* ---- Each test has a panel ---- */

static int setup(bool tcp)
{
	static const char *const open[] = {"/healthz", NULL};
	static char name[] = "panel.example.org", *hosts[] = {name};
	static const struct panel_tcp_options by_tcp = {.address = "127.0.0.1",
		.token = TOKEN,
		.hosts = hosts,
		.n_hosts = 1,
		.open = open};
	const struct panel_owner asked_of = {.ask = ask};
	const struct panel_socket_options by_socket = {.path = path};
	struct error err;
	list_init(&owner.waiting);
	owner.n = 0;
	owner.holds = false;
	if (!mkdtemp(strcpy(folder, "/tmp/test_panel.XXXXXX")))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", folder);
	if (panel_new(&panel, &asked_of, &err) < 0 ||
		panel_open_socket(panel, &by_socket, &err) != 0 ||
		(tcp && panel_open_tcp(panel, &by_tcp, &err) < 0))
		return -1;
	return panel_start(panel, &err);
}

int owner_setup(void **state)
{
	return setup(false);
}

int owner_setup_tcp(void **state)
{
	return crypto_start() < 0 ? -1 : setup(true);
}

int owner_teardown(void **state)
{
	char lock[80];
	panel_stop(panel);
	while (!list_empty(&owner.waiting))
		answer(asked(), "too late");
	panel = panel_free(panel);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	unlink(lock);
	/* The socket is gone, or the folder would not go. */
	return rmdir(folder);
}

unsigned owner_n(void)
{
	pthread_mutex_lock(&owner.lock);
	unsigned n = owner.n;
	pthread_mutex_unlock(&owner.lock);
	return n;
}
