/* SPDX-License-Identifier: MIT */
#include "client/inspector/replay_text.h"

#include <errno.h>
#include <stdio.h>

#include "crypto/random.h"

#define REQUEST_ID_BYTES 16 /* as the exit node's */

static int put(struct buf *out, struct str s)
{
	return buf_append(out, s.p, s.n);
}

/* ---- Fields ---- */

/* Made anew, or about a connection that is another's. */
static bool is_made_anew(struct str name)
{
	static const char *const names[] = {"connection", "keep-alive", "proxy-connection",
		"content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect",
		"x-request-id", "x-tunnel-replay"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq_nocase(name, str_from(names[i])))
			return true;
	return false;
}

bool replay_leaves_out(const struct capture_view *v, const struct http1_field *f)
{
	return v->c->forgotten && secret_mask_hides(&v->mask, f->name);
}

/* The n-th field of that name, from 0, as it came; NULL: there are not so many. */
static const struct http1_field *nth_field(const struct http1_head *h, struct str name, size_t n)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (str_eq_nocase(h->fields[i].name, name) && n-- == 0)
			return &h->fields[i];
	return NULL;
}

/* Whether the value is what was shown in place of that field's. */
static bool is_shown(const struct capture_view *v, const struct http1_field *f, struct str value)
{
	struct buf shown = BUF_NULL;
	bool same = secret_mask_field(&v->mask, f->name, f->value, &shown) == 0 &&
		    str_eq(value, (struct str){(const char *)buf_head(&shown), buf_len(&shown)});
	buf_deinit(&shown);
	return same;
}

static int put_field(struct buf *out, struct str name, struct str value)
{
	int r = put(out, name);
	if (r == 0)
		r = put(out, STR(": "));
	if (r == 0)
		r = put(out, value);
	return r ? r : put(out, STR("\r\n"));
}

static int put_edited(const struct capture_view *v, const struct replay_edit *edit, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; i < edit->n_fields && r == 0; i++) {
		const struct replay_field *e = &edit->fields[i];
		if (is_made_anew(e->name))
			continue;
		size_t before = 0;
		for (size_t k = 0; k < i; k++)
			before += str_eq_nocase(edit->fields[k].name, e->name);
		const struct http1_field *was = nth_field(&v->request.h, e->name, before);
		bool hidden = was && is_shown(v, was, e->value);
		if (hidden && replay_leaves_out(v, was))
			continue;
		r = put_field(out, e->name, hidden ? was->value : e->value);
	}
	return r;
}

static int put_as_it_was(const struct capture_view *v, struct buf *out)
{
	const struct http1_head *h = &v->request.h;
	int r = 0;
	for (size_t i = 0; i < h->n_fields && r == 0; i++)
		if (!is_made_anew(h->fields[i].name) && !replay_leaves_out(v, &h->fields[i]))
			r = put_field(out, h->fields[i].name, h->fields[i].value);
	return r;
}

/* ---- The target ---- */

/* The value that a parameter of that name had; empty where it was not kept. */
static struct str parameter_of(const struct capture_view *v, struct str name)
{
	struct str n, value;
	for (size_t at = 0; secret_mask_parameter(v->request.h.target, &at, &n, &value);)
		if (str_eq(n, name))
			return v->c->forgotten ? STR("") : value;
	return STR(SECRET_MASK_PARAMETER);
}

static int put_target(const struct capture_view *v, struct str target, struct buf *out)
{
	struct str name, value;
	size_t at = 0, done = 0;
	int r = 0;
	while (r == 0 && secret_mask_parameter(target, &at, &name, &value)) {
		if (!str_eq(value, STR(SECRET_MASK_PARAMETER)))
			continue;
		size_t from = (size_t)(value.p - target.p);
		r = put(out, (struct str){target.p + done, from - done});
		if (r == 0)
			r = put(out, parameter_of(v, name));
		at = done = from + value.n;
	}
	return r ? r : put(out, (struct str){target.p + done, target.n - done});
}

/* ---- The whole ---- */

static int put_line(const struct capture_view *v, const struct replay_edit *edit, struct buf *out)
{
	int r = put(out, edit->method.p ? edit->method : v->request.h.method_name);
	if (r == 0)
		r = put(out, STR(" "));
	if (r == 0)
		r = put_target(v, edit->target.p ? edit->target : v->request.h.target, out);
	return r ? r : put(out, STR(" HTTP/1.1\r\n"));
}

/* The length is also said where there is no body but the method is one that has one. */
static int put_end(struct buf *out, size_t body, bool length)
{
	uint8_t id[REQUEST_ID_BYTES];
	char text[2 * REQUEST_ID_BYTES + 1], line[64];
	random_bytes(id, sizeof(id));
	for (size_t i = 0; i < sizeof(id); i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
	int r = put_field(out, STR("X-Request-Id"), str_from(text));
	if (r == 0)
		r = put_field(out, STR("X-Tunnel-Replay"), STR("1"));
	if (r == 0 && length) {
		snprintf(line, sizeof(line), "%zu", body);
		r = put_field(out, STR("Content-Length"), str_from(line));
	}
	return r ? r : put(out, STR("Connection: close\r\n\r\n"));
}

static bool is_line(struct str s)
{
	return !s.n || (!memchr(s.p, '\r', s.n) && !memchr(s.p, '\n', s.n));
}

/* What was typed may be anything: nothing of it may be more than it seems. */
static int check_lines(const struct replay_edit *edit, struct error *err)
{
	bool ok = is_line(edit->method) && is_line(edit->target);
	for (size_t i = 0; i < edit->n_fields; i++)
		ok = ok && is_line(edit->fields[i].name) && is_line(edit->fields[i].value);
	return ok ? 0
		  : error_set(err, -EINVAL, "the method, the target and fields have no line ends");
}

static int check(const struct buf *out, size_t head, struct error *err)
{
	struct http1_head h;
	size_t scanned = 0;
	if (http1_head_init(&h, HTTP1_FIELDS_DEFAULT) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	int r = http1_parse_request(&h, buf_head(out), head, CAPTURE_HEAD_MAX, &scanned);
	bool ok = r == HTTP1_OK && h.size == head;
	if (!ok)
		error_set(err, 0, "this makes no HTTP/1.1 request: %s",
			r > HTTP1_MORE ? http1_error_text(r) : "an empty line stands in its head");
	http1_head_deinit(&h);
	return ok ? 0 : -EINVAL;
}

int replay_text(const struct capture_view *v, const struct replay_edit *edit, struct buf *out,
	struct error *err)
{
	struct buf body = BUF_NULL;
	int r = check_lines(edit, err);
	if (r)
		return r;
	r = put_line(v, edit, out);
	if (r == 0)
		r = edit->fields ? put_edited(v, edit, out) : put_as_it_was(v, out);
	if (r == 0)
		r = edit->body.p ? put(&body, edit->body)
				 : capture_view_body(v, &v->request, &body);
	struct str method = edit->method.p ? edit->method : v->request.h.method_name;
	bool length = buf_len(&body) || str_eq(method, STR("POST")) || str_eq(method, STR("PUT")) ||
		      str_eq(method, STR("PATCH"));
	if (r == 0)
		r = put_end(out, buf_len(&body), length);
	if (r == 0)
		r = check(out, buf_len(out), err);
	else
		error_set(err, 0, "out of memory");
	if (r == 0)
		r = buf_append(out, buf_head(&body), buf_len(&body));
	buf_deinit(&body);
	return r;
}
