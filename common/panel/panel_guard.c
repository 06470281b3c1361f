/* SPDX-License-Identifier: MIT */
/*
 * Who may ask over TCP. That an address is of this machine alone keeps nobody out: any page in the operator's browser
 * can send requests to it, and any program of any user here. So each request must come from one of our own pages or
 * from none, name this panel in its Host, and show the token or a cookie; and what changes something must be what no
 * page can send without having been asked by us.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/macros.h"
#include "panel/panel_fields.h"
#include "panel/panel_internal.h"

#define LOGIN_PATH "/api/v1/login"
#define LIVE_PATH  "/api/v1/live"

/* Bytes of a field that is looked at; what is longer is not ours. */
#define FIELD_MAX 1024

/* A field of our own: a form or a page of another origin cannot send it. */
#define OWN_FIELD "x-tunnel-panel:"

static void refuse(struct panel_refusal *out, int status, const char *reason, const char *detail)
{
	*out = (struct panel_refusal){status, reason, detail, 0};
}

/* Empty where it is too long: then it is nothing that we know. */
static struct str field(const struct panel_conn *c, enum lws_token_indexes token,
	char to[FIELD_MAX])
{
	if (!panel_head_field(c->wsi, token, to, FIELD_MAX))
		*to = 0;
	return str_from(to);
}

/* ---- Where it comes from, and where it goes ---- */

static bool check_places(const struct panel_conn *c, bool needs_origin, struct panel_refusal *out)
{
	const struct panel_tcp_options *o = &c->panel->by_tcp;
	char host_text[FIELD_MAX], origin_text[FIELD_MAX];
	struct str host = field(c, WSI_TOKEN_HOST, host_text);
	bool has_origin = lws_hdr_total_length(c->wsi, WSI_TOKEN_ORIGIN) > 0;
	if (!panel_fields_host(host, &c->at, o->hosts, o->n_hosts))
		refuse(out, 421, "host",
			"the Host field names something else: use the address that the panel "
			"listens on, or give the name with --panel-host");
	else if (has_origin || needs_origin)
		if (!panel_fields_origin(field(c, WSI_TOKEN_ORIGIN, origin_text), host, o->cert))
			refuse(out, 403, "origin",
				"the Origin field is not that of this panel's own page: what is in "
				"front of it must pass on Host and Origin as they are");
	return !out->status;
}

/* A change comes from our own page or from a program. */
static bool check_change(const struct panel_conn *c, struct panel_refusal *out)
{
	char type[FIELD_MAX];
	if (c->request->method == PANEL_GET || c->request->method == PANEL_OPTIONS)
		return true;
	if (!panel_fields_json(field(c, WSI_TOKEN_HTTP_CONTENT_TYPE, type)))
		refuse(out, 415, "invalid", "Content-Type must be application/json");
	else if (lws_hdr_custom_length(c->wsi, OWN_FIELD, sizeof(OWN_FIELD) - 1) <= 0)
		refuse(out, 403, "denied", "the field X-Tunnel-Panel: 1 is missing");
	return !out->status;
}

/* ---- Who it is ---- */

/* A page that is loaded by TLS may say so of its cookie; a port is one of several on a machine without it. */
static const char *cookie_name(const struct panel *p, char to[48])
{
	if (p->by_tcp.cert)
		snprintf(to, 48, "__Host-tunnel_panel");
	else
		snprintf(to, 48, "tunnel_panel_%u", p->port);
	return to;
}

static struct str cookie(const struct panel_conn *c, char to[FIELD_MAX])
{
	char name[48];
	return panel_fields_cookie(field(c, WSI_TOKEN_HTTP_COOKIE, to),
		cookie_name(c->panel, name));
}

/* Its age in seconds; 0: the browser forgets it. */
static char *format_cookie(const struct panel *p, const char *value, unsigned age)
{
	char name[48], *text;
	int n = asprintf(&text, "%s=%s; Path=/; Max-Age=%u; HttpOnly; SameSite=Strict%s",
		cookie_name(p, name), value, age, p->by_tcp.cert ? "; Secure" : "");
	return n < 0 ? NULL : text;
}

/* Its cookie is good no more, and the browser forgets it. */
static void end_session(struct panel_conn *c)
{
	char text[FIELD_MAX];
	panel_login_end(&c->panel->login, cookie(c, text));
	panel_feed_end(c->panel, c->session);
	explicit_bzero(text, sizeof(text));
	c->request->cookie = format_cookie(c->panel, "", 0);
	c->request->status = 204;
	c->service = PANEL_BY_NOBODY;
}

static void log_wrong(const struct panel_conn *c)
{
	char from[ADDRESS_TEXT_SIZE], more[LOG_LIMIT_MORE];
	address_format_ip(&c->from, from);
	if (log_limit_pass(&c->panel->log_wrong, clock_now(), 10 * CLOCK_S, 3, more))
		log_warn("somebody at %s came to the panel with a wrong token and is refused%s",
			from, more);
}

/* Whether it is the token. */
static bool try_token(struct panel_conn *c, struct str token, struct panel_refusal *out)
{
	struct panel_login *l = &c->panel->login;
	uint64_t now = clock_now(), network = address_network(&c->from);
	enum panel_login_result r = panel_login_try(l, token, network, now);
	if (r == PANEL_LOGIN_WRONG) {
		log_wrong(c);
		refuse(out, 401, "denied", "this is not the panel's token");
	} else if (r == PANEL_LOGIN_LATER) {
		refuse(out, 429, "limit", "too many wrong tokens came from this address: wait");
		out->retry_after = panel_login_wait(l, network, now);
	}
	return r == PANEL_LOGIN_RIGHT;
}

/* It has shown the token: it has a place among those who have. */
static void welcome(struct panel_conn *c)
{
	if (c->among != &c->panel->strangers)
		return;
	panel_room_make(&c->panel->known);
	panel_room_enter(c, &c->panel->known);
}

static bool check_token(struct panel_conn *c, struct panel_refusal *out)
{
	char text[FIELD_MAX];
	c->session = panel_login_find(&c->panel->login, cookie(c, text), clock_now());
	bool shown = c->session;
	struct str bearer =
		shown ? STR_NULL
		      : panel_fields_bearer(field(c, WSI_TOKEN_HTTP_AUTHORIZATION, text));
	if (bearer.p)
		shown = try_token(c, bearer, out);
	else if (!shown)
		refuse(out, 401, "denied",
			"this takes the panel's token, as Authorization: Bearer TOKEN, or the "
			"cookie that the page has for it");
	explicit_bzero(text, sizeof(text));
	if (shown)
		welcome(c);
	return shown;
}

/* ---- All of it ---- */

static bool is(const char *target, const char *path)
{
	size_t n = strcspn(target, "?");
	return n == strlen(path) && memcmp(target, path, n) == 0;
}

static bool is_open(const struct panel_conn *c)
{
	const char *const *open = c->panel->by_tcp.open;
	while (open && *open && !is(c->request->target, *open))
		open++;
	return open && *open && c->request->method == PANEL_GET;
}

/* Pages are the same for everybody. */
static bool choose_file(struct panel_conn *c)
{
	char text[FIELD_MAX];
	if (c->request->method != PANEL_GET)
		return false;
	c->file = panel_site_find(c->request->target);
	if (!c->file)
		return false;
	c->gzip = panel_site_takes_gzip(field(c, WSI_TOKEN_HTTP_ACCEPT_ENCODING, text));
	struct str tags = field(c, WSI_TOKEN_HTTP_IF_NONE_MATCH, text);
	c->request->status = panel_site_has_tag(tags, c->file->etag) ? 304 : 200;
	return true;
}

void panel_guard_check(struct panel_conn *c, struct panel_refusal *out)
{
	struct panel_request *rq = c->request;
	rq->who = PANEL_SOCKET;
	if (!c->tcp || !check_places(c, false, out) || !check_change(c, out))
		return;
	rq->who = PANEL_OPEN;
	if (choose_file(c)) {
		c->service = PANEL_BY_NOBODY;
	} else if (rq->method == PANEL_POST && is(rq->target, LOGIN_PATH)) {
		c->service = PANEL_BY_LOGIN;
	} else if (!is_open(c) && check_token(c, out)) {
		rq->who = PANEL_TOKEN;
		if (rq->method == PANEL_DELETE && is(rq->target, LOGIN_PATH))
			end_session(c);
	}
}

/* What libwebsockets does not look at, or closes for without a word. */
static bool check_handshake(const struct panel_conn *c, struct panel_refusal *out)
{
	char text[FIELD_MAX];
	if (!is(c->request->target, LIVE_PATH) || !c->panel->owner.side)
		refuse(out, 404, "not-found", "there is no WebSocket at this path");
	else if (c->request->method != PANEL_GET || c->head_only || c->bodied ||
		 !strcasestr(field(c, WSI_TOKEN_CONNECTION, text).p, "upgrade") ||
		 !str_eq(field(c, WSI_TOKEN_VERSION, text), STR("13")) ||
		 field(c, WSI_TOKEN_KEY, text).n != WS_KEY_SIZE)
		refuse(out, 400, "invalid", "this is no handshake of RFC 6455");
	else if (!str_eq(field(c, WSI_TOKEN_PROTOCOL, text), STR(PANEL_FEED_PROTOCOL)))
		refuse(out, 400, "invalid", "Sec-WebSocket-Protocol must be " PANEL_FEED_PROTOCOL);
	return !out->status;
}

void panel_guard_check_live(struct panel_conn *c, struct panel_refusal *out)
{
	if (c->tcp && (!check_places(c, true, out) || !check_token(c, out)))
		return;
	if (check_handshake(c, out) && c->panel->watching.n >= c->panel->watching.max) {
		refuse(out, 503, "busy", "too many pages watch: close one");
		out->retry_after = 1;
	}
}

/* ---- The login ---- */

/* {"token": "…"}, which the caller frees; NULL: it is something else. */
static json_t *read_login(const struct panel_request *rq, struct str *token_out)
{
	json_t *json =
		rq->body ? json_loadb(rq->body, rq->body_size, JSON_REJECT_DUPLICATES, NULL) : NULL;
	const json_t *token = json_object_get(json, "token");
	if (!json_is_string(token)) {
		json_decref(json);
		return NULL;
	}
	*token_out = (struct str){json_string_value(token), json_string_length(token)};
	return json;
}

void panel_guard_login(struct panel_conn *c)
{
	struct panel_request *rq = c->request;
	struct panel_refusal refusal = {0};
	char value[PANEL_COOKIE_SIZE];
	struct str token;
	json_t *json = read_login(rq, &token);
	if (!json)
		refuse(&refusal, 400, "invalid",
			"the body must be an object whose member token is the panel's token");
	if (json && try_token(c, token, &refusal)) {
		panel_login_begin(&c->panel->login, clock_now(), value);
		rq->cookie = format_cookie(c->panel, value, PANEL_SESSION_AGE);
		rq->status = rq->cookie ? 204 : 503;
		explicit_bzero(value, sizeof(value));
		welcome(c);
	}
	json_decref(json);
	if (!refusal.status)
		return;
	c->last = true;
	rq->retry_after = refusal.retry_after;
	panel_reply_problem(rq, refusal.status, refusal.reason, refusal.detail);
}
