/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Intrusive doubly linked ring. A head points at itself when empty, and so does an entry that is on
 * no list: unlinking twice is legal, which is what lets a destructor unlink without asking.
 */
#include <stdbool.h>

#include "base/macros.h"

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

/* Whether an entry is on some list; the same test as list_empty(), under the name that reads well. */
static inline bool list_linked(const struct list *entry)
{
	return entry->next != entry;
}

static inline void list_unlink(struct list *entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
	list_init(entry);
}

/* Puts an entry that is on no list last. */
static inline void list_append(struct list *head, struct list *entry)
{
	entry->prev = head->prev;
	entry->next = head;
	head->prev->next = entry;
	head->prev = entry;
}

/* Puts an entry that is on no list first. */
static inline void list_prepend(struct list *head, struct list *entry)
{
	list_append(head->next, entry);
}

/* Moves all entries of `from` behind those of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first(head, type, member) \
	(list_empty(head) ? NULL : list_entry((head)->next, type, member))

/* The entry `it` must not be unlinked inside list_for_each; in list_for_each_safe it may. */
#define list_for_each(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)
#define list_for_each_safe(it, head)                                              \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head); \
		it = it##_next, it##_next = it->next)
