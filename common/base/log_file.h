/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where a sink's lines are written: standard error, or the file of an access log. Whole lines, whatever
 * was written in part before. Inside the room only, by the log thread alone.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LOG_FILE_LINE_MAX 4096 /* as log_sink.h's LOG_LINE_MAX */

struct log_file {
	const char *path; /* of the access log; NULL: standard error, which others share */
	int fd;
	bool is_socket; /* send() can be told not to wait, write() cannot */
	bool is_regular;
	bool is_journal;  /* base/journal.h, */
	bool has_entries; /* and it takes entries: `fd` is a socket of our own for them */
	size_t write_max; /* bytes of one write */
	size_t partial;   /* bytes of the first line that are written already, or held */
	off_t torn_size;  /* of the file, when a write failed behind `partial` */
	bool unsure;      /* whether the file ends with a whole line must be looked at */
	char held[LOG_FILE_LINE_MAX]; /* of a line that is to be an entry */
};

/* `path` NULL: standard error. The path stays the caller's. 0 or -errno. */
int log_file_open(struct log_file *f, const char *path);

/*
 * Opens the path anew; -errno: it stays with the file that was open. A line that the old file has in part
 * will be whole in the new one.
 */
int log_file_reopen(struct log_file *f);

/* Closes what is not standard error. */
void log_file_close(struct log_file *f);

/*
 * To be called before each write: finds out where a line begins whose last piece failed. It goes on where
 * it ended (`partial`), unless another process has changed the file: then it is written again. 0 or -errno.
 */
int log_file_resume(struct log_file *f);

/*
 * Writes up to `n` bytes, which begin `partial` bytes behind the start of a line, and of them whole lines
 * where there is one. 0, with how many bytes of lines are now done with, those of `partial` included; or
 * -errno.
 */
int log_file_write(struct log_file *f, const char *p, size_t n, size_t *done_out);
