/* SPDX-License-Identifier: MIT */
#pragma once
/* The program's exit statuses, as tunnel(1) lists them: systemd and scripts act on them. */

enum exit_status {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,    /* what was asked for makes no sense; one sentence said why */
	STATUS_REJECTED = 3, /* the exit node does not know the token */
	/* Of the commands that ask a running server */
	STATUS_NOT_FOUND = 4, /* there is no such thing */
	STATUS_NO_ANSWER = 5, /* the server cannot be reached, or went away before it answered */
	STATUS_TIMEOUT = 6,   /* waited in vain */
	STATUS_NOT_READY = 7, /* tunnel status: something is not ready */
};
