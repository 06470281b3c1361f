#pragma once
/*
 * http or https: which of them a visitor uses, what a request over TLS must not ask for, and where one
 * without TLS is sent instead (rules 35 and 36; --https-redirect).
 */
#include "base/buf.h"
#include "config/option.h"
#include "wire/address.h"
#include "wire/http1.h"

#define SCHEME_HTTP_PORT  80  /* RFC 9110, 4.2.1 */
#define SCHEME_HTTPS_PORT 443 /* RFC 9110, 4.2.2 */

#define SCHEME_NO_HOST 1 /* no host was named */

/*
 * Whether the visitor uses https: what X-Forwarded-Proto says if the peer is `trusted` and the value
 * one that is known, else how he came to us.
 */
bool scheme_secure(const struct http1_head *h, bool trusted, bool secure);

/* What a Host field says of the address that a request came to; its length. */
size_t scheme_authority(const struct address *local, bool secure, char out[ADDRESS_TEXT_SIZE]);

/*
 * Rule 35's 421, for a connection over TLS that asked for the name `sni` (as the peer wrote it; may be
 * empty) and was served a certificate that is, or is not, for the request's host. Without either a
 * visitor could reach one host with the certificate, and the client certificate, of another.
 */
bool scheme_misdirected(const struct http1_head *h, struct str sni, bool covered);

/* The port that visitors are sent to: 443 if we listen there, else the one that they came by. */
uint16_t scheme_https_port(const struct option_ports *ports, uint16_t came_by);

/*
 * Appends "https://host[:port]/path?query" for this request; it is for PAGE_HTTPS. The host is the
 * canonical one that was asked for, so nothing else can be made of it. 0, -ENOMEM, or SCHEME_NO_HOST.
 */
int scheme_location(struct buf *out, const struct http1_head *h, uint16_t port);
