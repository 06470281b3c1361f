#include "server/arrival.h"

#define TLS_FIRST_BYTE 0x16 /* a handshake record (RFC 8446, 5.1); no text begins with it */

void arrival_init(struct arrival *a, const struct address *peer, const struct address *local,
	const struct cidr_list *balancers, enum arrival_look look)
{
	*a = (struct arrival){
		.stage = cidr_list_has(balancers, peer) ? ARRIVAL_HEADER : ARRIVAL_OPENING,
		.look = (uint8_t)look,
		.peer = *peer,
		.local = *local,
	};
}

/* The header, if all of it is there. */
static enum arrival_verdict take_header(struct arrival *a, const uint8_t *p, size_t n,
	size_t *used_out)
{
	struct proxy_header h;
	int r = proxy_header_read(p, n, &h);
	if (r)
		return r == PROXY_HEADER_MORE ? ARRIVAL_MORE : ARRIVAL_E_HEADER;
	/* A second one would be the visitor's own: from here on all is data. */
	a->stage = ARRIVAL_OPENING;
	if (!h.local) {
		a->relayed = true;
		a->peer = h.source;
		a->local = h.destination;
	}
	*used_out = h.size;
	return ARRIVAL_PLAIN;
}

static enum arrival_verdict check_opening(const struct arrival *a, const uint8_t *p, size_t n,
	struct client_hello *hello_out)
{
	if (a->look == ARRIVAL_LOOK_NOT)
		return ARRIVAL_PLAIN;
	if (!n)
		return ARRIVAL_MORE;
	if (p[0] != TLS_FIRST_BYTE)
		return ARRIVAL_PLAIN;
	int r = client_hello_read(p, n, hello_out);
	if (r == CLIENT_HELLO_MORE)
		return ARRIVAL_MORE;
	/* Where no name decides, one that is none is answered with the first certificate. */
	if (r == CLIENT_HELLO_E_NAME && a->look == ARRIVAL_LOOK_KIND)
		return ARRIVAL_TLS;
	return r ? ARRIVAL_E_HELLO : ARRIVAL_TLS;
}

enum arrival_verdict arrival_take(struct arrival *a, const uint8_t *p, size_t n, size_t *used_out,
	struct client_hello *hello_out)
{
	*used_out = 0;
	if (a->stage == ARRIVAL_HEADER) {
		enum arrival_verdict v = take_header(a, p, n, used_out);
		if (v != ARRIVAL_PLAIN)
			return v;
		p += *used_out;
		n -= *used_out;
	}
	return check_opening(a, p, n, hello_out);
}
