/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the log says about a publication. A visitor or an upstream decides how often there is reason to log
 * a failure; so the first one is logged at once, and those that follow are counted. `connection` is its
 * log_new_connection().
 */
#include "client/publish/publication.h"

#define PUBLICATION_LOG_EVERY       (10 * CLOCK_S) /* between two lines about the same trouble */
/* About an upstream that speaks another protocol: it goes on until a person comes. */
#define PUBLICATION_LOG_WRONG_EVERY (60 * CLOCK_S)

/* Logs the exit node's last answer, with `more` (log_limit_pass()) behind it. */
void publication_log_answer(struct publication *pub, const char *more);

/*
 * Logs a command that shows what is published, for a person at a terminal. False: nobody reads the log
 * there, or no such command is known.
 */
bool publication_log_command(const struct publication *pub);

/* A dial to the upstream failed; `why` is the rest of a sentence. */
void publication_log_failed(struct publication *pub, uint64_t connection, const char *why,
	uint64_t now);

/* The upstream does not speak what --upstream says; `what` is the rest of a sentence. */
void publication_log_wrong(struct publication *pub, uint64_t connection, const char *what,
	uint64_t now);

/* A visitor got no connection under --max-connections; `why` is the rest of a sentence. */
void publication_log_rejected(struct publication *pub, uint64_t connection,
	const struct frame_open *open, const char *why, uint64_t now);

/* A consumer's stream that is to be sealed end to end is not, or not as it should; `why` is the rest of a sentence. */
void publication_log_unsealed(struct publication *pub, uint64_t connection,
	const struct frame_open *open, const char *why, uint64_t now);

/* A datagram of a flow that is sealed end to end is dropped, and the flow goes on; `why` is the rest of a sentence. */
void publication_log_dropped(struct publication *pub, uint64_t connection,
	const struct frame_open *open, const char *why, uint64_t now);

/* Its health is another now; `why` is the rest of a sentence about it, if it is down. */
void publication_log_health(const struct publication *pub, const char *why);

/* `n` datagrams of a UDP upstream were lost, because the receive buffer of a flow was full. */
void publication_log_overrun(struct publication *pub, uint64_t connection, uint64_t n,
	uint64_t now);
