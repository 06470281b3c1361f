/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How a connection becomes a link: the HTTP request, and what may be taken for one (RFC 6455,
 * section 4; docs/protocol.md, rules 1 to 3). Checked on the parsed fields, for every request of a
 * connection, because reverse proxies mix visitors' requests and link requests on one of theirs.
 */
#include <stddef.h>
#include <time.h>

#include "crypto/digest.h"
#include "wire/http1.h"

#define UPGRADE_PATH         "/tunnel" /* where links are asked for, unless --control-path says else */
#define UPGRADE_SUBPROTOCOL  "tunnel.v1"
#define UPGRADE_REQUEST_MAX  2048 /* bytes of the client's request */
#define UPGRADE_RESPONSE_MAX 256  /* bytes of the server's 101 */

enum upgrade_verdict {
	UPGRADE_NONE,      /* a visitor's request, whatever its path */
	UPGRADE_LINK,      /* answer with upgrade_response() */
	UPGRADE_MALFORMED, /* meant as a link, but wrong: 400 */
	UPGRADE_VERSION,   /* another WebSocket version: 426 */
	UPGRADE_ORIGIN,    /* from a web page: 403 (rule 2) */
	UPGRADE_STRIPPED,  /* meant as a link, but a proxy on the way kept its Upgrade: 426 */
};

/* Whether the head is a link's, at any path: only our clients offer the subprotocol. */
static inline bool upgrade_offered(const struct http1_head *h)
{
	return (h->seen & UINT64_C(1) << HTTP1_SEC_WEBSOCKET_PROTOCOL) &&
	       http1_lists(h, HTTP1_SEC_WEBSOCKET_PROTOCOL, STR(UPGRADE_SUBPROTOCOL));
}

/* Server: is this head a link request for `path`? `behind` bytes came after it. */
enum upgrade_verdict upgrade_check(const struct http1_head *h, const char *path, size_t behind);

/* Server: what a head found to be UPGRADE_STRIPPED lacks, as a part of a sentence. */
const char *upgrade_lacks(const struct http1_head *h);

/* Server: the 101 for a head found to be UPGRADE_LINK; returns its size. */
size_t upgrade_response(const struct http1_head *h, time_t now, char out[UPGRADE_RESPONSE_MAX]);

/*
 * Client: the request. `host` is what url_host_field() says of the remote; `key_out` is remembered for
 * upgrade_accepted(). Returns its size, 0 when it does not fit.
 */
size_t upgrade_request(const char *host, const char *path, char key_out[WS_KEY_SIZE + 1],
	char out[UPGRADE_REQUEST_MAX]);

/* Client: what the answer says of the time, its Date; 0: nothing. */
time_t upgrade_date(const struct http1_head *h);

/* Client: NULL when this response opens the link, else why not, as a part of a sentence. */
const char *upgrade_accepted(const struct http1_head *h, const char key[WS_KEY_SIZE + 1]);
