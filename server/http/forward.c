/* SPDX-License-Identifier: MIT */
/*
 * One pass over the fields: what stays is copied in runs of lines, as it stands in the head, and a run
 * ends where a line must go. All memory is reserved before, for the worst case, so that nothing is
 * checked on the way.
 */
#include "server/http/forward.h"

#include "base/macros.h"
#include "server/base/pseudonym.h"
#include "server/http/forwarded.h"
#include "server/http/rewrite.h"

#define BIT(id) (UINT64_C(1) << (id))

/* What a visitor could claim about himself (rule 35). */
#define FORWARDING                                                                              \
	(BIT(HTTP1_FORWARDED) | BIT(HTTP1_X_FORWARDED_FOR) | BIT(HTTP1_X_FORWARDED_HOST) |      \
		BIT(HTTP1_X_FORWARDED_PROTO) | BIT(HTTP1_X_REAL_IP) | BIT(HTTP1_X_REQUEST_ID) | \
		BIT(HTTP1_X_FORWARDED_OTHER))

/* What we write anew for every request, from a trusted peer's fields too. */
#define OURS                                                                                       \
	(BIT(HTTP1_X_FORWARDED_FOR) | BIT(HTTP1_X_FORWARDED_HOST) | BIT(HTTP1_X_FORWARDED_PROTO) | \
		BIT(HTTP1_X_REQUEST_ID))

/* What every head passes through stands in one piece, and what few do apart from it. */
#define HOT  __attribute__((always_inline)) inline
#define RARE __attribute__((noinline, cold))

/* More than all the literals below take together. */
#define LITERALS 256

/* No bound of `at` is known to the compiler, so a fortified memcpy() would cost 4 % of a head for nothing. */
static uint8_t *put(uint8_t *at, struct str s)
{
	if (s.n)
		__builtin_memcpy(at, s.p, s.n);
	return at + s.n;
}

#define put_literal(at, text) \
	(__builtin_memcpy((at), "" text, sizeof(text) - 1), (at) + sizeof(text) - 1)

static uint8_t *put_field(uint8_t *at, struct str name, struct str value)
{
	at = put(at, name);
	at = put(at, value);
	return put_literal(at, "\r\n");
}

/* The lines from `f` to before `end`, but for those of a hop and those whose id is in `drop`. */
HOT static uint8_t *put_lines(uint8_t *at, const struct http1_field *f,
	const struct http1_field *end, uint64_t drop)
{
	while (f < end) {
		while (f < end && (f->hop || drop >> f->id & 1))
			f++;
		const char *from = f->name.p;
		while (f < end && !f->hop && !(drop >> f->id & 1))
			f++;
		at = put(at, (struct str){from, (size_t)(f->name.p - from)});
	}
	return at;
}

/*
 * The same for a trusted peer, whose Forwarded, X-Real-IP and the like stay, but without twins. These
 * are rare, so lines are looked at one by one.
 */
static uint8_t *put_lines_trusted(uint8_t *at, const struct http1_field *f,
	const struct http1_field *end, uint64_t ours)
{
	for (; f < end; f++) {
		bool drop = f->hop || (ours >> f->id & 1) ||
			    ((FORWARDING >> f->id & 1) && forwarded_is_twin(f));
		if (!drop)
			at = put(at, (struct str){f->name.p, (size_t)(f[1].name.p - f->name.p)});
	}
	return at;
}

HOT static uint8_t *put_request_lines(uint8_t *at, const struct http1_field *f,
	const struct http1_field *end, const struct forward *fw)
{
	uint64_t trace = fw->retrace         ? BIT(HTTP1_TRACEPARENT) | BIT(HTTP1_TRACESTATE)
			 : fw->traceparent.n ? BIT(HTTP1_TRACEPARENT)
					     : 0;
	return fw->trusted ? put_lines_trusted(at, f, end, OURS | trace)
			   : put_lines(at, f, end, FORWARDING | trace);
}

/* All that is left of the visitor's fields; `*host_out` is where Host's value stands. */
static uint8_t *put_request_fields(uint8_t *at, const struct http1_head *h, const struct forward *f,
	uint8_t **host_out)
{
	const struct http1_field *from = h->fields, *end = from + h->n_fields;
	const struct http1_field *host = http1_find(h, HTTP1_HOST);
	if (host && host->value.n && forward_takes_host(h)) {
		/* The bytes behind its value tell where in the copy it began. */
		at = put_request_lines(at, from, host + 1, f);
		*host_out = at - (host[1].name.p - host->value.p);
		from = host + 1;
	} else {
		/* RFC 9112, 3.2: for no known authority Host is empty, but it is there. */
		if (host) {
			at = put_request_lines(at, from, host, f);
			from = host + 1;
		}
		*host_out = put_literal(at, "Host: ");
		at = put_field(at, STR("Host: "), forward_host(h, f));
	}
	return put_request_lines(at, from, end, f);
}

/*
 * What a trusted peer wrote, on however many lines, with the peer behind it. That Connection names
 * the field does not matter: a balancer that lets a visitor's Connection through would let him choose
 * what the upstream takes for his address.
 */
static uint8_t *put_chain(uint8_t *at, const struct http1_head *h, const struct forward *f)
{
	at = put_literal(at, "X-Forwarded-For: ");
	if (f->trusted && (h->seen & BIT(HTTP1_X_FORWARDED_FOR))) {
		for (size_t i = 0; i < h->n_fields; i++) {
			const struct http1_field *old = &h->fields[i];
			if (old->id != HTTP1_X_FORWARDED_FOR || forwarded_is_twin(old) ||
				old->value.n == 0)
				continue;
			at = put(at, old->value);
			at = put_literal(at, ", ");
		}
	}
	at = put(at, f->peer);
	return put_literal(at, "\r\n");
}

RARE static uint8_t *put_number(uint8_t *at, struct str name, uint64_t v)
{
	char digits[20];
	size_t n = sizeof(digits);
	do {
		digits[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return put_field(at, name, (struct str){digits + n, sizeof(digits) - n});
}

/* What frames the message, where it was written in a way that another reader could take for none. */
RARE static uint8_t *put_framing(uint8_t *at, const struct http1_head *h)
{
	if (h->seen & BIT(HTTP1_TRANSFER_ENCODING))
		return put_literal(at, "Transfer-Encoding: chunked\r\n");
	return put_number(at, STR("Content-Length: "), h->length);
}

static uint8_t *put_request_line(uint8_t *at, const struct http1_head *h)
{
	at = put(at, h->method_name);
	*at++ = ' ';
	at = put(at, h->path);
	at = put(at, h->query);
	return put_literal(at, " HTTP/1.1\r\n");
}

/* Commas alone between them: there is room for as many bytes as came. */
RARE static uint8_t *put_upgrade(uint8_t *at, const struct http1_head *h)
{
	bool first = true;
	at = put_literal(at, "Connection: Upgrade\r\n" FORWARD_UPGRADE);
	for (const struct http1_field *f = h->fields; f < h->fields + h->n_fields; f++) {
		struct str list = f->value, protocol;
		while (f->id == HTTP1_UPGRADE && http1_upgrade_next(&list, &protocol)) {
			if (!first)
				*at++ = ',';
			at = put(at, protocol);
			first = false;
		}
	}
	return put_literal(at, "\r\n");
}

int forward_request(struct buf *out, const struct http1_head *h, const struct forward *f,
	size_t *host_at_out)
{
	struct str host = forward_host(h, f);
	/* Old values are at most as long as the lines that carried them. */
	size_t most = h->size + 2 * host.n + f->peer.n + f->request_id.n + f->traceparent.n +
		      f->added.n + LITERALS;
	int r = buf_reserve(out, most);
	if (r)
		return r;
	uint8_t *host_at, *at = put_request_line(buf_tail(out), h);
	at = put_request_fields(at, h, f, &host_at);
	if (h->framed_anew)
		at = put_framing(at, h);

	if (f->upgrade && h->upgrade)
		at = put_upgrade(at, h);
	else if (h->te_trailers)
		at = put_literal(at, "Connection: TE\r\nTE: trailers\r\n");

	struct str asked = STR_NULL;
	if (f->trusted)
		asked = forwarded_claim(h, HTTP1_X_FORWARDED_HOST);
	if (asked.n == 0)
		asked = h->host_value.n ? host : STR_NULL;
	at = put_chain(at, h, f);
	at = f->secure ? put_literal(at, "X-Forwarded-Proto: https\r\n")
		       : put_literal(at, "X-Forwarded-Proto: http\r\n");
	if (asked.n > 0)
		at = put_field(at, STR("X-Forwarded-Host: "), asked);
	at = put_field(at, STR("X-Request-Id: "), f->request_id);
	if (f->traceparent.n)
		at = put_field(at, STR("traceparent: "), f->traceparent);
	at = put_literal(at, "CDN-Loop: ");
	memcpy(at, f->pseudonym, PSEUDONYM_LEN);
	at = put_literal(at + PSEUDONYM_LEN, "\r\n");
	if (h->counted)
		at = put_number(at, STR("Max-Forwards: "), h->max_forwards - 1);
	at = put(at, f->added);
	at = put_literal(at, "\r\n");
	*host_at_out = (size_t)(host_at - buf_tail(out));
	buf_commit(out, (size_t)(at - buf_tail(out)));
	return 0;
}

/* As the upstream wrote it; answers to what was offered, and 426 (RFC 9110, 15.5.22). */
RARE static uint8_t *put_upgrade_lines(uint8_t *at, const struct http1_head *h)
{
	at = put_literal(at, "Connection: Upgrade\r\n");
	for (size_t i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP1_UPGRADE)
			at = put(at, http1_line(h, i));
	return at;
}

/* Lines that must not reach this visitor though they are no hop's. */
static uint64_t response_drop(bool http10)
{
	/* RFC 9112, 6.1 and 6.5: both would be believed, and neither is meant. */
	return http10 ? BIT(HTTP1_TRANSFER_ENCODING) | BIT(HTTP1_TRAILER) : 0;
}

/* What rewriting adds to a head, at the most. */
RARE static size_t rewritten_growth(const struct http1_head *h, const struct rewrite *rw)
{
	size_t growth = 0;
	for (const struct http1_field *f = h->fields; f < h->fields + h->n_fields; f++) {
		size_t n = rewrite_answer(rw, f->name, f->value, NULL);
		growth += n > f->value.n ? n - f->value.n : 0;
	}
	return growth;
}

/* As put_lines(), one by one. */
RARE static uint8_t *put_lines_rewritten(uint8_t *at, const struct http1_head *h, uint64_t drop,
	const struct rewrite *rw)
{
	for (const struct http1_field *f = h->fields; f < h->fields + h->n_fields; f++) {
		if (f->hop || drop >> f->id & 1)
			continue;
		const char *rest = f->value.p + f->value.n;
		at = put(at, (struct str){f->name.p, (size_t)(f->value.p - f->name.p)});
		at += rewrite_answer(rw, f->name, f->value, at);
		at = put(at, (struct str){rest, (size_t)(f[1].name.p - rest)});
	}
	return at;
}

HOT static int put_response(struct buf *out, const struct http1_head *h,
	const struct forward_response *f, const struct rewrite *rw)
{
	size_t growth = rw ? rewritten_growth(h, rw) : 0;
	if (growth > REWRITE_ANSWER_GROWTH_MAX)
		return HTTP1_E_TOO_LARGE;
	int r = buf_reserve(out, h->size + growth + f->added.n + LITERALS);
	if (r)
		return r;
	uint8_t *at = put_literal(buf_tail(out), "HTTP/1.1 ");
	*at++ = (uint8_t)('0' + h->status / 100);
	*at++ = (uint8_t)('0' + h->status / 10 % 10);
	*at++ = (uint8_t)('0' + h->status % 10);
	*at++ = ' ';
	at = put(at, h->reason);
	at = put_literal(at, "\r\n");
	uint64_t drop = response_drop(f->http10);
	at = rw ? put_lines_rewritten(at, h, drop, rw)
		: put_lines(at, h->fields, h->fields + h->n_fields, drop);
	if (h->framed_anew && !(h->seen & drop & BIT(HTTP1_TRANSFER_ENCODING)))
		at = put_framing(at, h);
	if (h->upgrade && (h->status == 101 || (h->status == 426 && !f->http10)))
		at = put_upgrade_lines(at, h);
	if (h->status < 200)
		; /* says nothing about the connection: the final answer does */
	else if (f->close || forward_ends_by_close(h, f->http10))
		at = put_literal(at, "Connection: close\r\n");
	else if (f->http10)
		at = put_literal(at, "Connection: keep-alive\r\n");
	at = put(at, f->added);
	at = put_literal(at, "\r\n");
	buf_commit(out, (size_t)(at - buf_tail(out)));
	return 0;
}

RARE static int put_response_rewritten(struct buf *out, const struct http1_head *h,
	const struct forward_response *f)
{
	return put_response(out, h, f, f->rewrite);
}

int forward_response(struct buf *out, const struct http1_head *h, const struct forward_response *f)
{
	return f->rewrite ? put_response_rewritten(out, h, f) : put_response(out, h, f, NULL);
}
