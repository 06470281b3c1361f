/* SPDX-License-Identifier: MIT */
#include "server/accept/sniff.h"

#include "wire/proxy_protocol.h"

#define TLS_FIRST_BYTE 0x16 /* a handshake record (RFC 8446, 5.1); no text begins with it */

void sniff_init(struct sniff *s, const struct address *peer, const struct address *local,
	const struct cidr_list *balancers, enum sniff_look look)
{
	*s = (struct sniff){
		.stage = cidr_list_has(balancers, peer) ? SNIFF_HEADER : SNIFF_OPENING,
		.look = (uint8_t)look,
		.peer = *peer,
		.local = *local,
	};
}

/* The header, if all of it is there. */
static enum sniff_verdict take_header(struct sniff *s, const uint8_t *p, size_t n, size_t *used_out)
{
	struct proxy_header h;
	int r = proxy_header_read(p, n, &h);
	if (r)
		return r == PROXY_HEADER_MORE ? SNIFF_MORE : SNIFF_E_HEADER;
	/* A second one would be the visitor's own: from here on all is data. */
	s->stage = SNIFF_OPENING;
	if (!h.local) {
		s->relayed = true;
		s->peer = h.source;
		s->local = h.destination;
	}
	*used_out = h.size;
	return SNIFF_PLAIN;
}

static enum sniff_verdict check_opening(const struct sniff *s, const uint8_t *p, size_t n,
	struct client_hello *hello_out)
{
	if (s->look == SNIFF_LOOK_NOT)
		return SNIFF_PLAIN;
	if (!n)
		return SNIFF_MORE;
	if (p[0] != TLS_FIRST_BYTE)
		return SNIFF_PLAIN;
	int r = client_hello_read(p, n, hello_out);
	if (r == CLIENT_HELLO_MORE)
		return SNIFF_MORE;
	/* Where no name decides, one that is none is answered with the first certificate. */
	if (r == CLIENT_HELLO_E_NAME && s->look == SNIFF_LOOK_KIND)
		return SNIFF_TLS;
	return r ? SNIFF_E_HELLO : SNIFF_TLS;
}

enum sniff_verdict sniff_take(struct sniff *s, const uint8_t *p, size_t n, size_t *used_out,
	struct client_hello *hello_out)
{
	*used_out = 0;
	if (s->stage == SNIFF_HEADER) {
		enum sniff_verdict v = take_header(s, p, n, used_out);
		if (v != SNIFF_PLAIN)
			return v;
		p += *used_out;
		n -= *used_out;
	}
	return check_opening(s, p, n, hello_out);
}
