/* SPDX-License-Identifier: MIT */
#include "client/inspector/curl_text.h"

/* Bytes of a body that is shown within a command; Linux takes 128 KiB in one argument. */
#define BODY_SHOWN (32 * 1024)

static int put(struct buf *out, const char *text)
{
	return buf_append(out, text, strlen(text));
}

/* Within single quotes nothing means anything to the shell but the quote itself. */
static int put_quoted(struct buf *out, struct str text)
{
	int r = put(out, "'");
	while (r == 0 && text.n) {
		const char *quote = memchr(text.p, '\'', text.n);
		size_t n = quote ? (size_t)(quote - text.p) : text.n;
		r = buf_append(out, text.p, n);
		if (r == 0 && quote) {
			r = put(out, "'\\''");
			n++;
		}
		text = (struct str){text.p + n, text.n - n};
	}
	return r ? r : put(out, "'");
}

/* A NUL ends an argument, and a terminal obeys control characters. */
static bool is_text(const struct buf *b)
{
	for (size_t i = 0; i < buf_len(b); i++) {
		uint8_t c = buf_head(b)[i];
		if ((c < ' ' && c != '\n' && c != '\t') || c == 127)
			return false;
	}
	return true;
}

/* curl makes these itself, or they are about the connection that there was, or the exit node adds them. */
static bool is_of_connection(const struct http1_field *f)
{
	return f->hop || f->id == HTTP1_HOST || f->id == HTTP1_CONTENT_LENGTH ||
	       f->id == HTTP1_TRANSFER_ENCODING || http1_is_forwarding(f->id);
}

static int put_fields(const struct capture_view *v, struct buf *out)
{
	const struct http1_head *h = &v->request.h;
	int r = 0;
	for (size_t i = 0; i < h->n_fields && r == 0; i++) {
		const struct http1_field *f = &h->fields[i];
		if (is_of_connection(f))
			continue;
		struct buf line = BUF_NULL;
		r = buf_append(&line, f->name.p, f->name.n);
		/* "Name:" would have curl leave it out. */
		if (r == 0)
			r = put(&line, f->value.n ? ": " : ";");
		if (r == 0)
			r = capture_view_field(v, f, &line);
		if (r == 0)
			r = put(out, " \\\n  -H ");
		if (r == 0)
			r = put_quoted(out, (struct str){(char *)buf_head(&line), buf_len(&line)});
		buf_deinit(&line);
	}
	return r;
}

static int put_body(const struct capture_view *v, struct buf *out)
{
	struct buf body = BUF_NULL;
	if (!v->c->request.body)
		return 0;
	int r = capture_view_body(v, &v->request, &body);
	bool whole = buf_len(&body) == v->c->request.body;
	/* A leading @ would be a file's name. */
	bool shown =
		whole && buf_len(&body) <= BODY_SHOWN && is_text(&body) && *buf_head(&body) != '@';
	if (r == 0)
		r = put(out, " \\\n  --data-binary ");
	if (r == 0)
		r = shown ? put_quoted(out, (struct str){(char *)buf_head(&body), buf_len(&body)})
			  : put(out, "@-");
	buf_deinit(&body);
	return r;
}

static int put_url(const struct capture_view *v, struct buf *out)
{
	struct buf url = BUF_NULL;
	int r = capture_view_url(v, &url);
	if (r == 0)
		r = put_quoted(out, (struct str){(char *)buf_head(&url), buf_len(&url)});
	buf_deinit(&url);
	return r;
}

int curl_text(const struct capture_view *v, struct buf *out)
{
	struct str method = v->request.text ? v->request.h.method_name : STR("GET");
	bool head = str_eq(method, STR("HEAD"));
	int r = put(out, head ? "curl -g --path-as-is -I " : "curl -g --path-as-is -X ");
	if (r == 0 && !head)
		r = put_quoted(out, method);
	if (r == 0 && !head)
		r = put(out, " ");
	if (r == 0)
		r = put_url(v, out);
	if (r == 0)
		r = put_fields(v, out);
	if (r == 0)
		r = put_body(v, out);
	return r ? r : put(out, "\n");
}
