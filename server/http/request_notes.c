/* SPDX-License-Identifier: MIT */
#include "server/http/request_notes.h"

#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "policy/timestamp.h"

struct request_notes *request_notes_new(void)
{
	/* 160 KiB, of which is touched what is used. */
	struct request_notes *notes = malloc(sizeof(*notes));
	if (!notes)
		return NULL;
	notes->n = 0;
	notes->missed = 0;
	return notes;
}

static void copy(char *to, size_t size, struct str from)
{
	size_t n = MIN(from.n, size - 1);
	if (n)
		memcpy(to, from.p, n);
	to[n] = 0;
}

static struct str without_query(struct str target)
{
	const char *query = target.n ? memchr(target.p, '?', target.n) : NULL;
	return query ? (struct str){target.p, (size_t)(query - target.p)} : target;
}

void request_notes_add(struct request_notes *to, const struct access_entry *a,
	const struct address *visitor)
{
	if (to->n == REQUEST_NOTES_MAX) {
		to->missed++;
		return;
	}
	struct request_note *note = &to->v[to->n++];
	note->ended = policy_now();
	note->duration = a->duration;
	note->bytes_in = a->bytes_in;
	note->bytes_out = a->bytes_out;
	note->connection = a->connection;
	note->status = a->status;
	note->visitor = *visitor;
	note->why = a->why;
	copy(note->session, sizeof(note->session), a->session);
	copy(note->method, sizeof(note->method), a->method);
	copy(note->host, sizeof(note->host), a->host);
	copy(note->path, sizeof(note->path), without_query(a->path));
}
