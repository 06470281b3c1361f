/* SPDX-License-Identifier: MIT */
#include "client/local/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"
#include "loop/mailbox.h"

/* Bytes of one read: as much as a pipe holds. */
#define STDIO_PIECE (64u << 10)
/* Bytes of stack of each thread: the piece, and some. */
#define STDIO_STACK (256u << 10)

/* Freed by the last of those who hold it: the two threads, the owner, and the mail while it is under way. */
struct stdio_copy {
	atomic_uint holds;
	int in, out;
	int fd; /* our end of the pair, owned */
	struct mail mail;
	int error;

	pthread_mutex_t lock; /* over what the owner takes back */
	struct stdio *owner;  /* NULL: gone */
	struct loop *loop;
};

static void release(struct stdio_copy *c)
{
	if (atomic_fetch_sub(&c->holds, 1) != 1)
		return;
	close(c->fd);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* ---- The threads ---- */

/* Until `fd` may have something, or takes something. False: the pair's other end is closed. */
static bool wait_for(const struct stdio_copy *c, int fd, short events)
{
	struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = c->fd}};
	while (poll(fds, ARRAY_LEN(fds), -1) < 0)
		if (errno != EINTR)
			return false;
	return !(fds[1].revents & (POLLHUP | POLLERR | POLLNVAL));
}

static bool send_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
		if (sent < 0 && errno != EINTR)
			return false;
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
		}
	}
	return true;
}

static void copy_in(struct stdio_copy *c)
{
	uint8_t piece[STDIO_PIECE];
	while (wait_for(c, c->in, POLLIN)) {
		ssize_t n = read(c->in, piece, sizeof(piece));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0 || !send_all(c->fd, piece, (size_t)n))
			break;
	}
	shutdown(c->fd, SHUT_WR);
}

/* 0 or an errno. The other end may be closed by now: what came before that is written all the same. */
static int write_all(const struct stdio_copy *c, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t written = write(c->out, p, n);
		if (written < 0 && errno == EAGAIN)
			poll(&(struct pollfd){.fd = c->out, .events = POLLOUT}, 1, -1);
		else if (written < 0 && errno != EINTR)
			return errno;
		if (written > 0) {
			p += written;
			n -= (size_t)written;
		}
	}
	return 0;
}

static int copy_out(struct stdio_copy *c)
{
	uint8_t piece[STDIO_PIECE];
	for (;;) {
		ssize_t n = recv(c->fd, piece, sizeof(piece), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : 0;
		/* An end would pass for that of the input, which goes on: the owner resets the connection. */
		int error = write_all(c, piece, (size_t)n);
		if (error)
			return error;
	}
}

static void *run_in(void *arg)
{
	struct stdio_copy *c = arg;
	copy_in(c);
	release(c);
	return NULL;
}

static void delivered(struct mail *mail)
{
	struct stdio_copy *c = container_of(mail, struct stdio_copy, mail);
	pthread_mutex_lock(&c->lock);
	struct stdio *s = c->owner;
	pthread_mutex_unlock(&c->lock);
	if (s)
		s->written(s, c->error);
	release(c);
}

static void discarded(struct mail *mail)
{
	release(container_of(mail, struct stdio_copy, mail));
}

/*
 * Who reads the output learns of its end while the input goes on. The number stays taken, so that no file that is
 * opened later is somebody's standard output.
 */
static void end_output(int out)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null < 0)
		return;
	dup2(null, out);
	close(null);
}

static void *run_out(void *arg)
{
	struct stdio_copy *c = arg;
	c->error = copy_out(c);
	end_output(c->out);
	pthread_mutex_lock(&c->lock);
	if (c->owner) {
		atomic_fetch_add(&c->holds, 1);
		mailbox_post(loop_mailbox(c->loop), &c->mail);
	}
	pthread_mutex_unlock(&c->lock);
	release(c);
	return NULL;
}

/* ---- Beginning and end ---- */

/* Signals are the loop's: it inherits a mask that has them all blocked. 0 or -errno. */
static int start_thread(struct stdio_copy *c, void *(*run)(void *arg))
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STDIO_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	atomic_fetch_add(&c->holds, 1);
	int r = -pthread_create(&thread, &attr, run, c);
	if (r)
		atomic_fetch_sub(&c->holds, 1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return r;
}

int stdio_start(struct stdio *s, struct loop *loop, int in, int out,
	void (*written)(struct stdio *s, int error))
{
	int pair[2];
	*s = (struct stdio){.written = written};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	struct stdio_copy *c = calloc(1, sizeof(*c));
	if (!c) {
		close(pair[0]);
		close(pair[1]);
		return -ENOMEM;
	}
	atomic_init(&c->holds, 1);
	pthread_mutex_init(&c->lock, NULL);
	c->fd = pair[0];
	c->in = in;
	c->out = out;
	c->owner = s;
	c->loop = loop;
	c->mail = (struct mail){.deliver = delivered, .discard = discarded};
	s->copy = c;
	int r = fcntl(pair[1], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (!r)
		r = start_thread(c, run_in);
	if (!r)
		r = start_thread(c, run_out);
	if (r) {
		close(pair[1]);
		stdio_deinit(s);
		return r;
	}
	return pair[1];
}

void stdio_deinit(struct stdio *s)
{
	struct stdio_copy *c = s->copy;
	if (!c)
		return;
	s->copy = NULL;
	pthread_mutex_lock(&c->lock);
	c->owner = NULL;
	pthread_mutex_unlock(&c->lock);
	shutdown(c->fd, SHUT_RDWR);
	release(c);
}
