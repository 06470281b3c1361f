/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The audit log (--audit-log): one line for each change of who may do what, and for each time that somebody was
 * let in, refused, or was granted what he asked for. Changes are in the store's audit, too.
 */
#include "base/log.h"

struct audit_entry {
	const char *actor;   /* an identity's name, "uid 0" */
	const char *via;     /* "admin socket", "link SESSION", or an address */
	const char *action;  /* "identity.revoke", "session.begin" */
	const char *subject; /* what it was done to */
	const char *grant;   /* that allowed it; NULL: it took none */
	const char *detail;  /* a JSON object; NULL: there is none */
	const char *why;     /* a sentence; NULL: there is none */
};

/* Ask before a detail is made that costs something. */
static inline bool audit_log_enabled(void)
{
	return log_audit_enabled();
}

/* Writes the line unless the audit log is off; its time is the log's own. */
void audit_log(const struct audit_entry *e);
