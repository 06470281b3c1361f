/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A proxy on the way to the exit node: which one, and what to say to it. One of HTTP is asked to CONNECT
 * (RFC 9110, 9.3.6), one of SOCKS 5 as wire/socks5 has it. It is chosen once, at start. The password
 * lives in locked memory and in the one message that carries it.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "crypto/token.h"
#include "wire/http1.h"
#include "wire/socks5.h"
#include "wire/url.h"

struct proxy {
	bool used; /* false: the exit node is dialled directly */
	struct url url;
	char name[URL_AUTHORITY_SIZE]; /* for people */
	struct secret *authorization; /* "Basic …", or socks5_login(); NULL without a user name */
};

/*
 * As `option` says (--proxy: a URL, "none", or NULL), else as the environment does: https_proxy,
 * all_proxy, then a SOCKS proxy of http_proxy, in lower case before upper, unless no_proxy exempts the
 * remote or it is this machine. 0, -EINVAL, -ENOTSUP for a variable that cannot be used, or -ENOMEM,
 * with a sentence that holds no password.
 */
int proxy_choose(struct proxy *p, const char *option, const struct url *remote, struct error *err);

/* Wipes; accepts zeroed memory. */
void proxy_deinit(struct proxy *p);

/* Appends the CONNECT for `authority`; wipe it once it is sent. 0 or -ENOMEM. */
int proxy_request(const struct proxy *p, const char *authority, struct buf *out);

/* Whether it speaks SOCKS, and then whether it is told the exit node's name. */
bool proxy_is_socks(const struct proxy *p);
bool proxy_takes_names(const struct proxy *p);

/* Why a SOCKS proxy did not connect us; -EPROTO. */
int proxy_explain_socks(const struct proxy *p, const struct socks5 *s, enum socks5_result result,
	struct error *err);

/* 0 when the proxy connected us, else -EPROTO with a sentence. `behind` bytes follow its head. */
int proxy_check(const struct proxy *p, const struct http1_head *h, size_t behind,
	struct error *err);
