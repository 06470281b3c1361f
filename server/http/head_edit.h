/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A head with other fields: a copy in which fields that go are marked as those of a hop are, and those that come
 * stand last. Whoever passes the head on, in whatever version of HTTP, does with it what he does with any.
 */
#include "base/buf.h"
#include "wire/http1_head.h"

struct head_change {
	struct str name, value;
	bool removes; /* those of this name go, before any comes */
	bool adds;
};

/* Zeroed memory is one. The head in it is good until the next edit, and as long as what it was made of. */
struct head_edit {
	struct http1_head head;
	struct buf text;
	struct http1_field *fields; /* owned */
	size_t room;
	struct head_change *changes; /* owned: head_edit_changes() */
	size_t changes_room;
};

/* Room for that many changes, until the next call. NULL: memory is out. */
struct head_change *head_edit_changes(struct head_edit *e, size_t n);

/*
 * The changes in their order. A hyphen in a name stands for an underscore as well, since many upstreams cannot tell
 * them apart, and a visitor could write one beside a field that is set. 0 or -ENOMEM.
 */
int head_edit(struct head_edit *e, const struct http1_head *h, const struct head_change *changes,
	size_t n);
void head_edit_deinit(struct head_edit *e);
