/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The upstream of a `file://` service, within this process: it speaks HTTP/1.1 on one end of a pair of sockets,
 * and an upstream_conn relays to the other end as to any upstream. So back-pressure, half-close and resets are
 * those of sockets.
 *
 * A connection that sends holds no bytes of its file: what the socket did not take is read again when it
 * takes more, from the page cache then.
 */
#include "base/list.h"
#include "base/log_limit.h"
#include "client/files/file_folder.h"
#include "loop/loop.h"
#include "wire/http1.h"

/*
 * Bytes that wait in the socket, whose other end this process reads: as much as a record carries, so that a slow
 * visitor costs little. The kernel doubles it for what it needs beside.
 */
#define FILE_SERVER_UNSENT (64 * 1024)

/* Bytes read of a file at a time: while the disk is waited for, all else waits. */
#define FILE_SERVER_CHUNK (64 * 1024)

/* A head as the exit node passes it on: its default limit, and as much again for one that has been raised. */
#define FILE_SERVER_HEAD_MAX (2 * HTTP1_REQUEST_MAX)

/* Likewise. 40 bytes each, once for all connections. */
#define FILE_SERVER_FIELDS_MAX (2 * HTTP1_FIELDS_DEFAULT)

/* Bytes of answers made in memory, above all listings (8 MB for the largest that there can be); beyond it 503. */
#define FILE_SERVER_MADE_MAX (32u << 20)

#define FILE_SERVER_LOG_EVERY (10 * CLOCK_S) /* between two lines about files that changed */

struct file_server {
	struct loop *loop;
	struct list conns;
	size_t made;              /* bytes of answers that wait to be sent */
	struct log_limit log_cut; /* files that changed while they were sent */
	struct http1_head head;   /* no memory before the first connection; used within one call */
	uint8_t *chunk;           /* likewise */
};

void file_server_init(struct file_server *s, struct loop *loop);

/* Ends all connections. Accepts zeroed memory. */
void file_server_deinit(struct file_server *s);

/*
 * Another connection to the folder, which it counts, and which the log calls `connection`: the descriptor of its other end, non-blocking; or
 * -errno, -ENOENT and the like when there is no such folder.
 */
int file_server_connect(struct file_server *s, struct file_folder *folder, uint64_t connection);

/* Why not, as a part of a sentence. */
const char *file_server_reason(int error);
