/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What is told of requests that are over, to an operator who looks at them: a summary of each, without its query, its
 * fields and its body, which are other people's. A worker writes them into its notes as long as it has some, which is
 * while somebody looks.
 */
#include "base/str.h"
#include "server/base/access_log.h"
#include "server/link/session_shard.h"
#include "wire/address.h"
#include "wire/hostname.h"

#define REQUEST_NOTE_METHOD 24  /* bytes that are shown: registered methods have 17 at most */
#define REQUEST_NOTE_PATH   384 /* of a path likewise */

/* Of one worker, between two collections: those beyond it are counted alone. Of 100 ms a page shows fewer. */
#define REQUEST_NOTES_MAX 200

struct request_note {
	uint64_t ended;    /* µs since 1970 */
	uint64_t duration; /* µs */
	uint64_t bytes_in, bytes_out;
	uint64_t connection; /* log_new_connection() */
	unsigned status;     /* 0: the visitor left before an answer */
	struct address visitor;
	const char *why; /* error_page::why, a constant; NULL: nothing went wrong */
	char session[SESSION_NAME_SIZE];
	char method[REQUEST_NOTE_METHOD], host[HOSTNAME_SIZE], path[REQUEST_NOTE_PATH];
};

struct request_notes {
	unsigned n;
	uint64_t missed; /* for which there was no room */
	struct request_note v[REQUEST_NOTES_MAX];
};

/* Empty; the caller's to free(). NULL: memory is out. */
struct request_notes *request_notes_new(void);

void request_notes_add(struct request_notes *to, const struct access_entry *a,
	const struct address *visitor);
