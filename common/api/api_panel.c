/* SPDX-License-Identifier: MIT */
#include "api/api_panel.h"

#include <stdio.h>
#include <stdlib.h>

#include "loop/loop.h"
#include "loop/mailbox.h"

_Static_assert(API_BODY_MAX == PANEL_BODY_MAX, "one of the two would refuse what the other takes");

/* ---- One request, there and back ---- */

struct asked {
	struct mail mail;
	struct api_panel *panel;
	struct panel_request *from;
	struct api_request request;
};

static char *take(char **text)
{
	char *taken = *text;
	*text = NULL;
	return taken;
}

static void asked_answered(struct api_request *rq)
{
	struct asked *d = container_of(rq, struct asked, request);
	struct panel_request *to = d->from;
	to->status = (int)rq->status;
	to->answer = take(&rq->answer);
	to->answer_size = rq->answer_size;
	to->content_type = rq->content_type;
	to->etag = take(&rq->etag);
	to->location = take(&rq->location);
	to->allow = take(&rq->allow);
	to->retry_after = rq->retry_after;
	panel_answer(d->panel->panel, to);
	api_request_deinit(rq);
	free(d);
}

static void take_actor(struct api_actor *actor, const struct panel_request *from)
{
	char address[ADDRESS_TEXT_SIZE];
	actor->stranger = from->who == PANEL_OPEN;
	actor->may_all = !actor->stranger;
	if (from->who == PANEL_SOCKET) {
		snprintf(actor->name, sizeof(actor->name), "uid %u", (unsigned)from->peer.uid);
		snprintf(actor->via, sizeof(actor->via), "admin socket");
		return;
	}
	if (from->who == PANEL_FEED) {
		snprintf(actor->name, sizeof(actor->name), "the live feed");
		snprintf(actor->via, sizeof(actor->via), "panel");
		return;
	}
	address_format(&from->from, address);
	actor->from = from->from;
	snprintf(actor->name, sizeof(actor->name), "%s",
		actor->stranger ? "somebody" : "the panel's token");
	snprintf(actor->via, sizeof(actor->via), "panel %s", address);
}

static void asked_deliver(struct mail *mail)
{
	static const enum api_method methods[] = {
		[PANEL_GET] = API_GET,
		[PANEL_POST] = API_POST,
		[PANEL_PUT] = API_PUT,
		[PANEL_PATCH] = API_PATCH,
		[PANEL_DELETE] = API_DELETE,
		[PANEL_OPTIONS] = API_OTHER_METHOD,
	};
	struct asked *d = container_of(mail, struct asked, mail);
	struct panel_request *from = d->from;
	struct api_request *rq = &d->request;
	take_actor(&rq->actor, from);
	rq->method = methods[from->method];
	rq->target = take(&from->target);
	rq->body = take(&from->body);
	rq->body_size = from->body_size;
	rq->if_match = take(&from->if_match);
	rq->accept = take(&from->accept);
	rq->answered = asked_answered;
	api_ask(d->panel->api, rq);
}

/* As the table says it where it has the memory to say more. */
static void asked_refuse(struct api_panel *panel, struct panel_request *from)
{
	from->status = 503;
	from->retry_after = 1;
	panel_answer(panel->panel, from);
}

static void asked_discard(struct mail *mail)
{
	struct asked *d = container_of(mail, struct asked, mail);
	asked_refuse(d->panel, d->from);
	free(d);
}

/* On the panel's thread. */
static void asked_ask(void *arg, struct panel_request *from)
{
	struct api_panel *panel = arg;
	struct asked *d = calloc(1, sizeof(*d));
	if (!d) {
		asked_refuse(panel, from);
		return;
	}
	d->mail = (struct mail){.deliver = asked_deliver, .discard = asked_discard};
	d->panel = panel;
	d->from = from;
	mailbox_post(loop_mailbox(panel->api->loop), &d->mail);
}

/* ---- Its life ---- */

int api_panel_new(struct api_panel *p, struct api *a, struct error *err)
{
	/* On both sides the same resources, as far as they have them. */
	const struct panel_owner owner = {.ask = asked_ask,
		.arg = p,
		.side = a->side,
		.topics = {[PANEL_TICK] = "/api/v1/overview",
			[PANEL_SESSIONS] = "/api/v1/sessions",
			[PANEL_SERVICES] = "/api/v1/publications",
			[PANEL_REQUESTS] = "/api/v1/requests"}};
	p->api = a;
	return panel_new(&p->panel, &owner, err);
}

void api_panel_close(struct api_panel *p)
{
	if (p->panel)
		panel_stop(p->panel);
}

void api_panel_deinit(struct api_panel *p)
{
	p->panel = panel_free(p->panel);
}
