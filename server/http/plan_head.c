/* SPDX-License-Identifier: MIT */
/* The head of a request as text again: for rules behind those that changed it, and for rules that are still to come. */
#include <errno.h>
#include <stdio.h>

#include "server/http/plan.h"
#include "wire/http1.h"

static int append(struct buf *out, struct str s)
{
	return s.n ? buf_append(out, s.p, s.n) : 0;
}

/* In origin form, or the asterisk: what an absolute target names is written as Host. */
static int write_first(const struct http1_head *h, struct buf *out)
{
	char rest[sizeof(" HTTP/1.1\r\nHost: []:65535\r\n") + HOSTNAME_SIZE], port[8] = "";
	if (h->host_port)
		snprintf(port, sizeof(port), ":%u", h->host_port);
	snprintf(rest, sizeof(rest), " HTTP/1.%u\r\n", h->minor);
	if (h->form == HTTP1_ABSOLUTE_FORM)
		snprintf(rest, sizeof(rest), " HTTP/1.%u\r\nHost: %.*s%s\r\n", h->minor, h->host_n,
			h->host_name, port);
	int r = append(out, h->method_name);
	if (!r)
		r = append(out, STR(" "));
	if (!r)
		r = append(out, h->path);
	if (!r)
		r = append(out, h->query);
	return r ? r : append(out, str_from(rest));
}

static int write_fields(const struct http1_head *h, struct buf *out)
{
	int r = 0;
	for (size_t i = 0; i < h->n_fields && !r; i++) {
		bool host = h->fields[i].id == HTTP1_HOST && h->form == HTTP1_ABSOLUTE_FORM;
		if (!host && !h->fields[i].hop)
			r = append(out, http1_line(h, i));
	}
	return r;
}

int plan_keep_target(struct plan *p, const struct http1_head *h)
{
	if (!buf_len(&p->path) || buf_len(&p->asked))
		return 0;
	int r = append(&p->asked, h->path);
	return r ? r : append(&p->asked, h->query);
}

int plan_settle(struct plan *p, struct http1_head *h, struct head_edit *e)
{
	size_t scanned = 0;
	struct buf made = BUF_NULL;
	int r = plan_keep_target(p, h);
	/* What is marked from here on is what the rules take out. A hop's are found again. */
	for (size_t i = 0; i < h->n_fields; i++)
		h->fields[i].hop = false;
	if (!r)
		r = plan_edit_request(p, h, e);
	if (r >= 0)
		r = write_first(h, &made);
	if (!r)
		r = write_fields(h, &made);
	if (!r)
		r = append(&made, head_edit_lines(e));
	if (!r)
		r = append(&made, STR("\r\n"));
	if (r < 0) {
		buf_deinit(&made);
		return r;
	}
	buf_deinit(&p->head);
	p->head = made;
	p->settled = true;
	p->request.n = 0;
	p->drops_authorization = p->drops_cookie = false;
	p->path.start = p->path.end = 0;
	size_t n = buf_len(&p->head);
	r = http1_parse_request(h, buf_head(&p->head), n, n, &scanned);
	return r == HTTP1_OK ? 0 : r;
}

int plan_keep_head(struct plan *p, const struct http1_head *h)
{
	int r = append(&p->head, http1_head_text(h));
	return r ? r : append(&p->head, STR("\r\n"));
}
