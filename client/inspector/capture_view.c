/* SPDX-License-Identifier: MIT */
#include "client/inspector/capture_view.h"

#include <errno.h>
#include <stdlib.h>

static int view_message(struct capture_view *v, struct capture_view_message *to,
	const struct capture_message *m, bool request)
{
	size_t scanned = 0;
	to->m = m;
	int r = http1_head_init(&to->h, HTTP1_FIELDS_DEFAULT);
	if (r < 0 || !m->head)
		return r;
	to->text = malloc(m->head);
	if (!to->text)
		return -ENOMEM;
	capture_text_copy(&m->text, &v->in->pool, 0, m->head, to->text);
	r = request ? http1_parse_request(&to->h, to->text, m->head, CAPTURE_HEAD_MAX, &scanned)
		    : http1_parse_response(&to->h, to->text, m->head, CAPTURE_HEAD_MAX, HTTP1_GET,
			      &scanned);
	if (r) {
		free(to->text);
		to->text = NULL;
	}
	return 0;
}

int capture_view_init(struct capture_view *v, const struct inspector *in, const struct capture *c,
	bool reveal)
{
	*v = (struct capture_view){.in = in, .c = c, .mask = in->mask, .reveal = reveal};
	v->mask.forgotten = c->forgotten;
	int r = view_message(v, &v->request, &c->request, true);
	return r ? r : view_message(v, &v->answer, &c->answer, false);
}

void capture_view_deinit(struct capture_view *v)
{
	http1_head_deinit(&v->request.h);
	http1_head_deinit(&v->answer.h);
	free(v->request.text);
	free(v->answer.text);
	*v = (struct capture_view){0};
}

int capture_view_field(const struct capture_view *v, const struct http1_field *f, struct buf *out)
{
	if (v->reveal || v->c->forgotten)
		return buf_append(out, f->value.p, f->value.n);
	return secret_mask_field(&v->mask, f->name, f->value, out);
}

int capture_view_target(const struct capture_view *v, struct buf *out)
{
	struct str target = v->request.text ? v->request.h.target : STR("/");
	if (v->reveal || v->c->forgotten)
		return buf_append(out, target.p, target.n);
	return secret_mask_link(&v->mask, target, out);
}

int capture_view_url(const struct capture_view *v, struct buf *out)
{
	const struct capture_view_message *m = &v->request;
	if (!m->text || m->h.form == HTTP1_ABSOLUTE_FORM)
		return capture_view_target(v, out);
	struct str proto = capture_view_find(m, STR("x-forwarded-proto"));
	bool plain = !str_eq_nocase(proto, STR("https"));
	struct str host = capture_view_find(m, STR("x-forwarded-host"));
	if (!host.n)
		host = m->h.host_value;
	int r = plain ? buf_append(out, "http://", 7) : buf_append(out, "https://", 8);
	if (r == 0)
		r = buf_append(out, host.p, host.n);
	if (r || m->h.form == HTTP1_ASTERISK_FORM)
		return r;
	return capture_view_target(v, out);
}

struct str capture_view_find(const struct capture_view_message *m, struct str name)
{
	for (size_t i = 0; m->text && i < m->h.n_fields; i++)
		if (str_eq_nocase(m->h.fields[i].name, name))
			return m->h.fields[i].value;
	return STR("");
}

bool capture_view_may_show(const struct capture_view *v, const struct capture_view_message *m)
{
	return v->reveal || v->c->state != CAPTURE_RAW || m->text;
}

int capture_view_body(const struct capture_view *v, const struct capture_view_message *m,
	struct buf *out)
{
	if (!capture_view_may_show(v, m))
		return 0;
	size_t n = capture_kept(m->m);
	if (buf_reserve(out, n) < 0)
		return -ENOMEM;
	capture_text_copy(&m->m->text, &v->in->pool, m->m->head, n, buf_tail(out));
	buf_commit(out, n);
	return 0;
}

const char *capture_not_replayable(const struct capture *c)
{
	if (c->state == CAPTURE_RAW || !c->request.head)
		return "could not be read as HTTP";
	if (c->websocket)
		return "became a WebSocket, which is more than a request";
	if (!c->request.whole)
		return "has not come to its end";
	if (capture_kept(&c->request) < c->request.body)
		return "has a body that was not kept as a whole (--inspect-body)";
	return NULL;
}
