/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * http or https: which of them a visitor uses, what a request over TLS must not ask for, and where one
 * without TLS is sent instead (rules 35 and 36; --https-redirect).
 */
#include "base/buf.h"
#include "config/option.h"
#include "wire/address.h"
#include "wire/http1.h"

/*
 * Whether the visitor uses https: what X-Forwarded-Proto says if the peer is `trusted` and the value
 * is a known one, else whether the connection itself is `secure`.
 */
bool scheme_secure(const struct http1_head *h, bool trusted, bool secure);

/* Writes the address that a request came to as a Host field's value; returns its length. */
size_t scheme_authority(const struct address *local, bool secure, char out[ADDRESS_TEXT_SIZE]);

/*
 * Rule 35's 421, for a connection over TLS that asked for the name `sni` (as the peer wrote it; may be
 * empty) and was served a certificate that is, or is not, for the request's host. Without either a
 * visitor could reach one host with the certificate, and the client certificate, of another.
 */
bool scheme_misdirected(const struct http1_head *h, struct str sni, bool covered);

/* The host and port that the visitor asked for. */
struct scheme_place {
	char host[HOSTNAME_SIZE]; /* canonical, so nothing else can be made of it */
	size_t host_n;
	uint16_t port;
};

/*
 * What Host says, or what a trusted peer says of it by X-Forwarded-Host and -Port; where none of them
 * names a host, as in many health checks, the address that the request came to.
 */
void scheme_asked(const struct http1_head *h, bool trusted, const struct address *local,
	struct scheme_place *out);

/*
 * The port that who asked for one is sent to. `came_by` is the listener's: where it is another, ports
 * are mapped outside, and the public one leads here, where TLS is answered as well; but for http's own,
 * beside which there is https's. Unmapped it is 443 if we listen there, else the listener's.
 */
uint16_t scheme_https_port(const struct option_ports *ports, uint16_t came_by, uint16_t asked);

/* Appends "https://host[:port]/path?query" for this request; it is for ERROR_PAGE_HTTPS. 0 or -ENOMEM. */
int scheme_location(struct buf *out, const struct http1_head *h, const struct scheme_place *to);
