/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * To which front a connection goes. That is decided at three moments, each time by what is known then:
 *
 *	accepted   its listener     -> what has to be read before it can be decided
 *	sniffed    its first bytes  -> a front, or TLS ends here first, or it is refused
 *	secured    its TLS          -> a front, or it is refused
 *
 * Between two of these moments services may come and go.
 */
#include "server/accept/sniff.h"
#include "server/base/admission.h"
#include "server/route/service.h"
#include "wire/hostname.h"

enum destination_kind {
	DESTINATION_HTTP,  /* the HTTP front */
	DESTINATION_HTTP2, /* the same, where ALPN has agreed on it */
	DESTINATION_PORT,  /* the TCP service of its listener's port */
	DESTINATION_NAME,  /* the TCP service of a host name */
	DESTINATION_TLS,   /* none yet: TLS ends here first */
	DESTINATION_NONE,
};

struct destination {
	enum destination_kind kind;
	char name[HOSTNAME_SIZE]; /* NAME; canonical */
	/* TLS: whose protocols are offered, as far as is known; NULL: the HTTP front's, or no particular ones */
	const struct service *service;
	const char *why; /* NONE; for the log */
};

/* When it was accepted: how far its first bytes have to be read. */
enum sniff_look destination_look(const struct worker *w, const struct listener_config *config);

/* Its first bytes are no TLS, or need not be read. */
struct destination destination_plain(const struct worker *w, const struct listener_config *config);

/* Its first bytes are TLS for this name; canonical, may be empty. */
struct destination destination_hello(const struct worker *w, const struct listener_config *config,
	const char *sni);

/* Its TLS handshake is over: `sni` as the peer wrote it; `agreed` by ALPN, may be empty. */
struct destination destination_secured(const struct worker *w, const struct listener_config *config,
	struct str sni, struct str agreed);

/* Gives it to its front, which takes over what it owns. Not for TLS and NONE. */
void destination_enter(const struct destination *to, struct worker *w, struct accepted_conn *a);
