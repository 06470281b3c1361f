/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The end of a session that somebody else than its client wants: at once, or when its streams have ended. Its
 * client may come back. On the main thread.
 */
#include "server/control/session.h"

/*
 * Its links are closed, and its client is told that it may not be there: now, or up to `drain` µs later, as soon as
 * nothing is under way; meanwhile it gets nothing new. `closed` is called once, perhaps from within, with how many
 * streams were cut, and also if the session ends by itself. False: it is ending already, and a drain is asked for.
 */
bool session_close(struct session *s, uint64_t drain, const char *why,
	void (*closed)(void *arg, unsigned cut), void *arg);

/* Whoever waits for the end of this session does so no more. It ends all the same. */
void session_close_forget(struct session *s, void *arg);

/* Requests and connections under way, on all workers. */
unsigned session_streams(const struct session *s);

/* It has ended, or the process does. */
void session_close_over(struct session *s);
