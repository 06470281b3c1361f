/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The admin API of a distant exit node: a link that publishes nothing and only asks. It is dialled and proved as
 * a client's link is (client/session), each request has a stream of its own. Everything blocks, and nothing is
 * logged: what went wrong is a sentence.
 *
 * Between two calls nobody answers the exit node's PINGs: a link that rests for LINK_SILENCE_MAX is lost.
 */
#include "base/buf.h"
#include "base/error.h"
#include "client/config/options.h"

/* Bytes of a response: a page has 500 rows of some hundred. A hostile exit node could send for ever. */
#define ADMIN_LINK_RESPONSE_MAX ((size_t)16 << 20)

struct admin_link;

/* What a call may end with beside 0. */
enum admin_link_result {
	ADMIN_LINK_REJECTED = 1, /* the exit node does not know the token */
	ADMIN_LINK_NO_ANSWER,    /* it cannot be reached, or went away before it answered */
	ADMIN_LINK_UNSUPPORTED,  /* it answers no admin requests over links: an older version */
};

/*
 * Dials, proves the token and waits for the exit node's hello. Of the options it reads what tunnel client has for
 * the way to the exit node: remote, control_path, proxy, those of TLS, token (NULL with no_token), no_token and
 * no_seal. client_options_check() was called for them, and they outlive the link.
 * 0, an enum admin_link_result, -EINVAL (an option), -EIO (a file) or -ENOMEM; with a sentence.
 */
int admin_link_open(struct admin_link **link_out, const struct client_options *o,
	struct error *err);

/*
 * Sends one whole HTTP/1.1 request, and appends its whole response, head and body, to `response`. 0, an enum
 * admin_link_result or -ENOMEM; with a sentence, and the link can only be closed then.
 */
int admin_link_call(struct admin_link *a, const void *request, size_t n, struct buf *response,
	struct error *err);

/* Accepts NULL; returns NULL. */
struct admin_link *admin_link_close(struct admin_link *a);
