/* SPDX-License-Identifier: MIT */
/*
 * Request smuggling lives on two readers that see different ends of one message. So whatever two
 * readers could understand differently is refused here, even where RFC 9112 would allow to repair it.
 */
#include "wire/http1_check.h"

#include "base/macros.h"
#include "wire/http1_scan.h"

static enum http1_method method_of(struct str name)
{
	static const struct {
		struct str name;
		enum http1_method method;
	} methods[] = {
		{STR("GET"), HTTP1_GET},
		{STR("HEAD"), HTTP1_HEAD},
		{STR("POST"), HTTP1_POST},
		{STR("PUT"), HTTP1_PUT},
		{STR("DELETE"), HTTP1_DELETE},
		{STR("PATCH"), HTTP1_PATCH},
		{STR("OPTIONS"), HTTP1_OPTIONS},
		{STR("TRACE"), HTTP1_TRACE},
		{STR("CONNECT"), HTTP1_CONNECT},
	};
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (str_eq(name, methods[i].name))
			return methods[i].method;
	return HTTP1_METHOD_OTHER;
}

/*
 * A field that frames the message goes on in the one form that every reader takes: a value in that
 * form, behind a colon and a space, and nothing around it. It is written anew where it is not.
 */
static void pass_plainly(struct http1_head *h, struct http1_field *f, bool plain)
{
	const char *value = f->name.p + f->name.n + 2;
	plain &= f->value.p == value && value[-1] == ' ' && f[1].name.p == value + f->value.n + 2;
	h->framed_anew = !plain && !f->hop;
	f->hop |= !plain;
}

static struct http1_field *first_of(struct http1_head *h, enum http1_id id)
{
	return &h->fields[http1_find(h, id) - h->fields];
}

static int check_length(struct http1_head *h)
{
	struct http1_field *f = first_of(h, HTTP1_CONTENT_LENGTH);
	struct str digits = f->value;
	while (digits.n > 1 && digits.p[0] == '0')
		digits.p++, digits.n--;
	/* "5, 5" is refused as well: not everybody takes the first. */
	if (!http1_decimal(digits, &h->length))
		return HTTP1_E_LENGTH;
	pass_plainly(h, f, digits.n == f->value.n);
	h->body = h->length > 0 ? HTTP1_BODY_LENGTH : HTTP1_BODY_NONE;
	return HTTP1_OK;
}

static int check_coding(struct http1_head *h)
{
	struct http1_field *f = first_of(h, HTTP1_TRANSFER_ENCODING);
	if (h->minor == 0)
		return HTTP1_E_CODING_IN_1_0;
	if (!str_eq_nocase(f->value, STR("chunked")))
		return HTTP1_E_CODING;
	pass_plainly(h, f, str_eq(f->value, STR("chunked")));
	h->body = HTTP1_BODY_CHUNKED;
	return HTTP1_OK;
}

static int check_framing(struct http1_head *h, enum http1_body otherwise)
{
	const uint64_t length = UINT64_C(1) << HTTP1_CONTENT_LENGTH,
		       coding = UINT64_C(1) << HTTP1_TRANSFER_ENCODING;
	h->body = otherwise;
	if (!(h->seen & (length | coding)))
		return HTTP1_OK;
	/* Who reads the other one sees another message. */
	if (h->repeated & length)
		return HTTP1_E_LENGTH;
	if (h->repeated & coding)
		return HTTP1_E_CODING;
	if ((h->seen & length) && (h->seen & coding))
		return HTTP1_E_BOTH_LENGTHS;
	return h->seen & length ? check_length(h) : check_coding(h);
}

static void mark_hop(struct http1_head *h, struct str name)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (str_eq_nocase(h->fields[i].name, name))
			h->fields[i].hop = true;
}

static bool lists_upgrade(const struct http1_head *h)
{
	const struct http1_field *end = h->fields + h->n_fields;
	for (const struct http1_field *f = http1_find(h, HTTP1_UPGRADE); f && f < end; f++) {
		struct str list = f->value, protocol;
		if (f->id == HTTP1_UPGRADE && http1_upgrade_next(&list, &protocol))
			return true;
	}
	return false;
}

/* `framed`: the fields of the head say where the message ends, so none of those may go. */
static int check_connection(struct http1_head *h, bool framed)
{
	bool closes = false, keeps = false, upgrades = false;
	size_t n = 0;
	const struct http1_field *end = h->fields + h->n_fields;
	for (const struct http1_field *f = http1_find(h, HTTP1_CONNECTION); f && f < end; f++) {
		struct str list = f->value, option;
		while (f->id == HTTP1_CONNECTION && http1_list_next(&list, &option)) {
			if (++n > HTTP1_CONNECTION_MAX || !http1_is_token(option))
				return HTTP1_E_CONNECTION;
			enum http1_id id = http1_field_id(option);
			if (framed && (http1_field_flags[id] & HTTP1_FRAME))
				return HTTP1_E_CONNECTION_NAMES;
			if (str_eq_nocase(option, STR("close")))
				closes = true;
			else if (id == HTTP1_KEEP_ALIVE)
				keeps = true;
			else if (id == HTTP1_UPGRADE)
				upgrades = true;
			else if (!(http1_field_flags[id] & (HTTP1_HOP | HTTP1_STAYS)))
				mark_hop(h, option);
		}
	}
	h->keep_alive = !closes && (h->minor > 0 || keeps);
	h->upgrade = upgrades && h->minor > 0 && lists_upgrade(h);
	h->te_trailers = http1_lists(h, HTTP1_TE, STR("trailers"));
	return HTTP1_OK;
}

static int check_expect(struct http1_head *h)
{
	const struct http1_field *first = http1_find(h, HTTP1_EXPECT);
	for (struct http1_field *f = h->fields; first && f < h->fields + h->n_fields; f++) {
		if (f->id != HTTP1_EXPECT)
			continue;
		/* RFC 9110, 10.1.1: ignored in 1.0, and must not reach a 1.1 upstream from there. */
		if (h->minor == 0)
			f->hop = true;
		else if (!str_eq_nocase(f->value, STR("100-continue")))
			return HTTP1_E_EXPECT;
		else
			h->expect_continue = true;
	}
	return HTTP1_OK;
}

/* RFC 9110, 7.6.2: counted for two methods; for the others it is a field like any. */
static int check_max_forwards(struct http1_head *h)
{
	if (h->method != HTTP1_OPTIONS && h->method != HTTP1_TRACE)
		return HTTP1_OK;
	for (struct http1_field *f = h->fields; f < h->fields + h->n_fields; f++) {
		if (f->id != HTTP1_MAX_FORWARDS)
			continue;
		if (h->counted || f->value.n == 0)
			return HTTP1_E_MAX_FORWARDS;
		h->counted = true;
		f->hop = true; /* the next hop gets another */
		for (size_t i = 0; i < f->value.n; i++) {
			unsigned digit = (unsigned char)f->value.p[i] - '0';
			if (digit > 9)
				return HTTP1_E_MAX_FORWARDS;
			h->max_forwards = MIN(h->max_forwards * 10 + digit, HTTP1_MAX_FORWARDS_MAX);
		}
	}
	return HTTP1_OK;
}

/* Splits "/path?query"; an empty path, which only an absolute target can have, is "/". */
static void split_path(struct http1_head *h, struct str rest)
{
	const char *mark = memchr(rest.p, '?', rest.n);
	size_t n = mark ? (size_t)(mark - rest.p) : rest.n;
	h->path = n > 0 ? (struct str){rest.p, n} : STR("/");
	h->query = (struct str){rest.p + n, rest.n - n};
}

/* "http://authority/path?query" into its parts; the port that the scheme stands for. */
static int split_absolute(struct http1_head *h, struct str *authority_out, uint16_t *port_out)
{
	struct str t = h->target;
	size_t skip;
	if (t.n > 7 && strncasecmp(t.p, "http://", 7) == 0) {
		skip = 7;
		*port_out = 80;
	} else if (t.n > 8 && strncasecmp(t.p, "https://", 8) == 0) {
		skip = 8;
		*port_out = 443;
	} else {
		return HTTP1_E_TARGET;
	}
	t.p += skip;
	t.n -= skip;
	size_t n = 0;
	while (n < t.n && t.p[n] != '/' && t.p[n] != '?')
		n++;
	*authority_out = (struct str){t.p, n};
	split_path(h, (struct str){t.p + n, t.n - n});
	h->form = HTTP1_ABSOLUTE_FORM;
	/* RFC 9112, 3.2.4: the absolute form of "*". */
	if (h->method == HTTP1_OPTIONS && n == t.n)
		h->path = STR("*");
	return HTTP1_OK;
}

static int check_target(struct http1_head *h, struct str *authority_out, uint16_t *port_out)
{
	h->method = (uint8_t)method_of(h->method_name);
	if (h->method == HTTP1_CONNECT)
		return HTTP1_E_METHOD;
	if (h->target.p[0] == '/') {
		split_path(h, h->target);
		h->form = HTTP1_ORIGIN_FORM;
		return HTTP1_OK;
	}
	if (str_eq(h->target, STR("*"))) {
		h->path = h->target;
		h->form = HTTP1_ASTERISK_FORM;
		return h->method == HTTP1_OPTIONS ? HTTP1_OK : HTTP1_E_TARGET;
	}
	return split_absolute(h, authority_out, port_out);
}

static int check_host(struct http1_head *h, struct str authority, uint16_t scheme_port)
{
	const struct http1_field *f = http1_find(h, HTTP1_HOST);
	if (!f && h->minor > 0)
		return HTTP1_E_HOST;
	if (h->repeated >> HTTP1_HOST & 1)
		return HTTP1_E_HOST;
	/* RFC 9112, 3.2: who has no name for us sends an empty one, as balancers' health checks do. */
	bool named = f && f->value.n;
	if (!named && !authority.p)
		return HTTP1_OK;
	size_t n;
	h->host_value = named ? f->value : authority;
	if (hostname_with_port(h->host_value, h->host_name, &n, &h->host_port))
		return named ? HTTP1_E_HOST : HTTP1_E_TARGET;
	h->host_n = (uint8_t)n;
	if (!named || !authority.p)
		return HTTP1_OK;

	char other[HOSTNAME_SIZE];
	uint16_t port;
	if (hostname_with_port(authority, other, &n, &port))
		return HTTP1_E_TARGET;
	bool same_port = (port ? port : scheme_port) == (h->host_port ? h->host_port : scheme_port);
	return same_port && str_eq((struct str){other, n}, http1_host(h)) ? HTTP1_OK
									  : HTTP1_E_HOST_DIFFERS;
}

int http1_check_request(struct http1_head *h)
{
	struct str authority = STR_NULL;
	uint16_t scheme_port = 0;
	int r = check_target(h, &authority, &scheme_port);
	if (r == HTTP1_OK)
		r = check_host(h, authority, scheme_port);
	if (r == HTTP1_OK)
		r = check_framing(h, HTTP1_BODY_NONE);
	if (r == HTTP1_OK)
		r = check_connection(h, true);
	if (r == HTTP1_OK && (h->seen & UINT64_C(1) << HTTP1_MAX_FORWARDS))
		r = check_max_forwards(h);
	return r ? r : check_expect(h);
}

/* RFC 9112, 6.3, rules 1 and 2: the end of the head is the answer's, whatever its fields say. */
static bool bodiless(const struct http1_head *h, enum http1_method asked)
{
	return asked == HTTP1_HEAD || h->status < 200 || h->status == 204 || h->status == 304 ||
	       (asked == HTTP1_CONNECT && h->status < 300);
}

/*
 * Content-Length and Transfer-Encoding frame nothing here. To HEAD and in a 304 they tell of the body
 * that GET would bring, which is passed on where exactly one of them says it clearly; all else goes,
 * because somebody behind us might wait for a body (RFC 9110, 8.6 and 9.3.6).
 */
static void check_unframed(struct http1_head *h, enum http1_method asked)
{
	bool clear = check_framing(h, HTTP1_BODY_NONE) == HTTP1_OK;
	/* To GET, too, a 1xx or a 204 has no body that could be told of. */
	bool head = asked == HTTP1_HEAD && h->status >= 200 && h->status != 204;
	bool tells = clear && (head || h->status == 304);
	h->framed_anew &= tells;
	for (struct http1_field *f = h->fields; !tells && f < h->fields + h->n_fields; f++)
		if (f->id == HTTP1_CONTENT_LENGTH || f->id == HTTP1_TRANSFER_ENCODING)
			f->hop = true;
	/* An upstream that announces a body here may send one, and the next answer is not it. */
	bool announced =
		h->body == HTTP1_BODY_CHUNKED || (h->body == HTTP1_BODY_LENGTH && h->status != 304);
	if (!clear || (announced && !head))
		h->keep_alive = false;
	h->body = HTTP1_BODY_NONE;
}

int http1_check_response(struct http1_head *h, enum http1_method asked)
{
	bool framed = !bodiless(h, asked);
	int r = check_connection(h, framed);
	if (r == HTTP1_OK && framed)
		r = check_framing(h, HTTP1_BODY_UNTIL_CLOSE);
	if (r)
		return r;
	if (!framed)
		check_unframed(h, asked);
	if (h->body == HTTP1_BODY_UNTIL_CLOSE)
		h->keep_alive = false;
	return HTTP1_OK;
}
