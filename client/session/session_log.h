/* SPDX-License-Identifier: MIT */
#pragma once
/* What the log and the status line say of the client's session, each with its condition and its wording. */
#include <stdint.h>

#include "client/session/client_session.h"

/* The status line, as struct status asks for it. */
void session_log_status(struct status *status, char text_out[STATUS_SIZE]);

/* Where the first link goes, and through which proxy. */
void session_log_connecting(const struct client_session *s);
/* What the certificate was worth, and what TLS is (rule 9). Once: it is the same for every link. */
void session_log_tls(struct client_session *s, const struct client_link *l);
/* With the first answer about a publication since the session was down: before it no visitor gets anywhere. */
void session_log_connected(struct client_session *s);
/* Nothing is tried again (rule 11). */
void session_log_rejected(const struct client_session *s, unsigned times, uint64_t lasted);
/* Text of the exit node's, CLIENT_SESSION_NOTICE_BURST at once and then one in CLIENT_SESSION_NOTICE_EVERY. */
void session_log_notice(struct client_session *s, const struct control *message);
