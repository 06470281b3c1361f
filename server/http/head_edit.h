/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Changes of a head's fields, made without a copy of it: fields that go are marked as a hop's are, and the lines
 * that come are written apart, to stand behind the others. What passes the head on (forward.h) does both.
 */
#include "base/buf.h"
#include "wire/http1_head.h"

struct head_change {
	struct str name, value;
	bool removes; /* those of this name go, before any comes */
	bool adds;
};

/* Room for changes and for what they make, which is used again and again. Zeroed memory is one. */
struct head_edit {
	struct head_change *changes; /* owned: head_edit_changes() */
	size_t changes_room;
	struct buf lines;
};

/* Room for that many changes, until the next call. NULL: memory is out. */
struct head_change *head_edit_changes(struct head_edit *e, size_t n);

/*
 * Makes the first `n` of the changes in their order. A hyphen in a name stands for an underscore as well, since many
 * upstreams cannot tell them apart, and a visitor could write one beside a field that is set. Whether a field of `h`
 * went, or -ENOMEM with the head as it was.
 */
int head_edit(struct head_edit *e, struct http1_head *h, size_t n);
/* The lines that come, each with its end, until the next edit. */
static inline struct str head_edit_lines(const struct head_edit *e)
{
	return (struct str){(const char *)buf_head(&e->lines), buf_len(&e->lines)};
}
void head_edit_deinit(struct head_edit *e);
