/* SPDX-License-Identifier: MIT */
#include "client/files/file_server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/state.h"
#include "client/files/file_answer.h"
#include "client/files/file_open.h"
#include "net/conn.h"
#include "wire/http1_chunks.h"

/* Requests, or chunks of a file, that one connection may have answered before others have their turn. */
#define STEPS_MAX 8

/* What is read of a request at a time. */
#define INPUT_STEP 4096

/* One request after another: its head, its answer, and what body it has is passed over. */
enum file_conn_state { FILE_CONN_HEAD, FILE_CONN_ANSWER, FILE_CONN_BODY, FILE_CONN_OVER };

struct file_conn {
	struct conn conn;
	struct list link; /* file_server::conns */
	struct file_server *server;
	struct file_folder *folder; /* counted */
	uint64_t connection;        /* log_new_connection() */
	struct loop_task work, reap;
	enum file_conn_state state;
	struct buf in;
	size_t scanned; /* the parser's */
	enum http1_body body;
	uint64_t body_left;         /* with HTTP1_BODY_LENGTH */
	struct http1_chunks chunks; /* with HTTP1_BODY_CHUNKED */
	struct file_answer answer;
	size_t made; /* counted in file_server::made */
};

/* Every legal transition; anything else is a bug of ours. */
static void file_conn_set_state(struct file_conn *c, enum file_conn_state state)
{
	static const char *const names[] = {"head", "answer", "body", "over"};
	static const uint8_t legal[] = {
		[FILE_CONN_HEAD] = 1 << FILE_CONN_ANSWER | 1 << FILE_CONN_OVER,
		[FILE_CONN_ANSWER] = 1 << FILE_CONN_BODY | 1 << FILE_CONN_OVER,
		[FILE_CONN_BODY] = 1 << FILE_CONN_HEAD | 1 << FILE_CONN_OVER,
		[FILE_CONN_OVER] = 0,
	};
	static const struct state_table table = {"connection to a folder", names, legal};
	state_step(&table, c->state, state);
	c->state = state;
}

static void file_conn_reap(struct loop_task *task)
{
	struct file_conn *c = container_of(task, struct file_conn, reap);
	file_folder_unref(c->folder);
	free(c);
}

static void drop_answer(struct file_conn *c)
{
	file_answer_deinit(&c->answer);
	c->server->made -= c->made;
	c->made = 0;
}

/* Behind half an answer this is no end in order: the length in its head tells. */
static void file_conn_close(struct file_conn *c)
{
	file_conn_set_state(c, FILE_CONN_OVER);
	drop_answer(c);
	conn_close(&c->conn);
	buf_deinit(&c->in);
	loop_task_cancel(&c->work);
	list_unlink(&c->link);
	loop_defer(c->server->loop, LOOP_PHASE_REAP, &c->reap);
}

/* ---- One request ---- */

static void begin_answer(struct file_conn *c, int parsed)
{
	struct file_server *s = c->server;
	const struct http1_head *h = &s->head;
	int64_t now = time(NULL);
	int r = parsed ? file_answer_malformed(&c->answer, parsed, now)
		       : file_answer_make(&c->answer, c->folder, h, now,
				 s->made > FILE_SERVER_MADE_MAX);
	if (r) {
		/* Unanswered, so that the exit node asks anew, and hears that there is no folder. */
		file_conn_close(c);
		return;
	}
	c->made = c->answer.text.cap;
	s->made += c->made;
	c->body = parsed ? HTTP1_BODY_NONE : (enum http1_body)h->body;
	c->body_left = h->length;
	http1_chunks_init(&c->chunks);
	buf_consume(&c->in, parsed ? buf_len(&c->in) : h->size);
	file_conn_set_state(c, FILE_CONN_ANSWER);
}

/* 0, or -EAGAIN; other errors are final, as is the peer's end. */
static int read_more(struct file_conn *c)
{
	if (!c->conn.readable)
		return -EAGAIN;
	int r = buf_reserve(&c->in, INPUT_STEP);
	if (r)
		return r;
	ssize_t n = conn_read(&c->conn, buf_tail(&c->in), INPUT_STEP);
	if (n <= 0)
		return n ? (int)n : -ECONNRESET;
	buf_commit(&c->in, (size_t)n);
	return 0;
}

static int read_head(struct file_conn *c)
{
	struct file_server *s = c->server;
	int parsed = HTTP1_MORE;
	if (buf_len(&c->in))
		parsed = http1_parse_request(&s->head, buf_head(&c->in), buf_len(&c->in),
			FILE_SERVER_HEAD_MAX, &c->scanned);
	if (parsed == HTTP1_MORE)
		return read_more(c);
	c->scanned = 0;
	begin_answer(c, parsed);
	return 0;
}

static int pass_over(struct file_conn *c, size_t *used_out)
{
	const uint8_t *p = buf_head(&c->in);
	size_t n = buf_len(&c->in);
	struct str run;
	if (c->body == HTTP1_BODY_CHUNKED)
		return http1_chunks_next(&c->chunks, p, n, used_out, &run);
	*used_out = (size_t)MIN(n, c->body_left);
	c->body_left -= *used_out;
	return c->body_left ? HTTP1_MORE : HTTP1_OK;
}

static int read_body(struct file_conn *c)
{
	size_t used = 0;
	int r = c->body == HTTP1_BODY_NONE ? HTTP1_OK : HTTP1_MORE;
	if (r == HTTP1_MORE && buf_len(&c->in))
		r = pass_over(c, &used);
	buf_consume(&c->in, used);
	if (r > HTTP1_MORE)
		return -EPROTO;
	if (r == HTTP1_MORE)
		return buf_len(&c->in) ? 0 : read_more(c);
	/* Between requests a connection holds no memory for input. */
	if (!buf_len(&c->in))
		buf_deinit(&c->in);
	file_conn_set_state(c, FILE_CONN_HEAD);
	return 0;
}

/* ---- Its answer ---- */

/* Said at once, then counted for a while: who asks for a file that is written to all the time asks again. */
static int cut_short(struct file_conn *c, const char *why)
{
	struct file_server *s = c->server;
	char more[LOG_LIMIT_MORE], place[PATH_MAX];
	struct str path = file_place(c->answer.fd, place);
	if (!path.n)
		path = str_from(c->folder->text);
	if (log_limit_pass(&s->log_cut, loop_now(s->loop), FILE_SERVER_LOG_EVERY, 1, more))
		log_warn_of(c->connection,
			"%.*s %s; the connection of the visitor who got it was closed%s",
			STR_ARG(path), why, more);
	return -EIO;
}

/* Bytes of the file to send now; 0: there are none; -EIO: they are not what was promised. */
static ssize_t read_chunk(struct file_conn *c)
{
	struct file_answer *a = &c->answer;
	size_t want = (size_t)MIN(a->left, FILE_SERVER_CHUNK);
	ssize_t n = 0;
	while (want) {
		n = pread(a->fd, c->server->chunk, want, (off_t)a->offset);
		if (n >= 0 || errno != EINTR)
			break;
	}
	if (n < 0)
		return cut_short(c, "could not be read to its end");
	/* Two halves of different files would pass for one. */
	if ((size_t)n < want || (want && (uint64_t)n == a->left && !file_answer_holds(a)))
		return cut_short(c, "was written to while it was sent");
	return n;
}

static int send_some(struct file_conn *c)
{
	struct file_answer *a = &c->answer;
	if (!c->conn.writable)
		return -EAGAIN;
	ssize_t n = read_chunk(c);
	if (n < 0)
		return (int)n;
	struct iovec iov[] = {
		{buf_head(&a->text), buf_len(&a->text)},
		{c->server->chunk, (size_t)n},
	};
	ssize_t sent = conn_writev(&c->conn, iov, ARRAY_LEN(iov));
	if (sent < 0)
		return (int)sent;
	size_t text = MIN((size_t)sent, buf_len(&a->text));
	buf_consume(&a->text, text);
	a->offset += (size_t)sent - text;
	a->left -= (size_t)sent - text;
	return 0;
}

static int send_answer(struct file_conn *c)
{
	struct file_answer *a = &c->answer;
	if (buf_len(&a->text) || a->left)
		return send_some(c);
	bool close = a->close;
	drop_answer(c);
	if (close)
		return -ECONNRESET; /* as agreed */
	file_conn_set_state(c, FILE_CONN_BODY);
	return 0;
}

static int step(struct file_conn *c)
{
	switch (c->state) {
	case FILE_CONN_HEAD:
		return read_head(c);
	case FILE_CONN_ANSWER:
		return send_answer(c);
	case FILE_CONN_BODY:
		return read_body(c);
	case FILE_CONN_OVER:
		break;
	}
	return -EAGAIN;
}

static void file_conn_work(struct loop_task *task)
{
	struct file_conn *c = container_of(task, struct file_conn, work);
	int r = 0;
	for (int i = 0; i < STEPS_MAX && r == 0; i++)
		r = step(c);
	if (c->state == FILE_CONN_OVER) /* within the last step, after which r is 0 */
		return;
	if (r == 0)
		loop_defer(c->server->loop, LOOP_PHASE_READ, &c->work);
	else if (r != -EAGAIN)
		file_conn_close(c);
}

static void file_conn_changed(struct conn *conn)
{
	struct file_conn *c = container_of(conn, struct file_conn, conn);
	loop_defer(c->server->loop, LOOP_PHASE_READ, &c->work);
}

/* ---- All of them ---- */

void file_server_init(struct file_server *s, struct loop *loop)
{
	*s = (struct file_server){.loop = loop};
	list_init(&s->conns);
}

void file_server_deinit(struct file_server *s)
{
	if (!s->loop)
		return;
	list_for_each_safe (it, &s->conns)
		file_conn_close(list_entry(it, struct file_conn, link));
	http1_head_deinit(&s->head);
	free(s->chunk);
	*s = (struct file_server){0};
}

static int prepare(struct file_server *s)
{
	if (!s->chunk)
		s->chunk = malloc(FILE_SERVER_CHUNK);
	if (!s->chunk)
		return -ENOMEM;
	return s->head.fields ? 0 : http1_head_init(&s->head, FILE_SERVER_FIELDS_MAX);
}

/* `fd` is owned. */
static int add_conn(struct file_server *s, struct file_folder *folder, int fd, uint64_t connection)
{
	struct file_conn *c = calloc(1, sizeof *c);
	if (!c) {
		close(fd);
		return -ENOMEM;
	}
	int r = conn_init(&c->conn, s->loop, fd, file_conn_changed);
	if (r) {
		free(c);
		return r;
	}
	c->server = s;
	c->folder = file_folder_ref(folder);
	c->connection = connection;
	c->answer = FILE_ANSWER_NULL;
	loop_task_init(&c->work, file_conn_work);
	loop_task_init(&c->reap, file_conn_reap);
	list_append(&s->conns, &c->link);
	return 0;
}

int file_server_connect(struct file_server *s, struct file_folder *folder, uint64_t connection)
{
	int ends[2], opened = file_open_folder(folder->path);
	int r = opened < 0 ? opened : prepare(s);
	if (opened >= 0)
		close(opened);
	if (r)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	const int unsent = FILE_SERVER_UNSENT;
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &unsent, sizeof unsent);
	r = add_conn(s, folder, ends[0], connection);
	if (r) {
		close(ends[1]);
		return r;
	}
	return ends[1];
}

const char *file_server_reason(int error)
{
	switch (-error) {
	case ENOENT:
		return "there is no such folder";
	case ENOTDIR:
		return "it is no folder";
	default:
		return strerror(-error);
	}
}
