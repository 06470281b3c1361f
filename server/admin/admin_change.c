/* SPDX-License-Identifier: MIT */
#include "server/admin/admin_change.h"

#include "server/control/grants.h"
#include "server/store/catalog.h"

bool admin_change_may(struct change *c)
{
	const struct api_actor *actor = &admin_change_of(c)->actor;
	struct error err;
	if (!actor->identity)
		return true;
	if (grants_check_token(actor->credential, &actor->from, &err) < 0)
		api_refuse(request_of(c), API_DENIED, "%s", err.text);
	else if (actor->may_all && !actor->identity->value.is_operator)
		api_refuse(request_of(c), API_DENIED, "%s is no operator any more", actor->name);
	else
		return true;
	return false;
}

void admin_change_refuse(struct change *c, enum change_refusal why, const char *sentence)
{
	struct api_request *rq = request_of(c);
	switch (why) {
	case CHANGE_NO_MEMORY:
		api_refuse(rq, API_BUSY, "%s", sentence);
		break;
	case CHANGE_STALE:
		api_refuse(rq, API_STALE, "%s", sentence);
		break;
	case CHANGE_NOT_MADE:
		api_refuse(rq, API_NOT_STORED, "nothing was changed: %s", sentence);
		break;
	case CHANGE_NOT_STORED:
		api_refuse(rq, API_NOT_STORED,
			"it is in effect, but not stored: %s; after a restart it would be as it "
			"was. "
			"The server tries again every %u s",
			sentence, (unsigned)(CHANGE_RETRY / CLOCK_S));
		break;
	}
}

bool admin_change_begin(struct admin_change *ac, struct api_request *rq,
	const struct change_ops *ops)
{
	if (!change_begin(&ac->change, admin_of(rq)->changes, ops)) {
		api_refuse(rq, API_BUSY, "%d changes are waiting already", CHANGE_QUEUE_MAX);
		ops->free(&ac->change);
		return false;
	}
	ac->admin = admin_of(rq);
	ac->request = rq;
	ac->actor = rq->actor;
	ac->change.note.actor = ac->actor.name;
	ac->change.note.via = ac->actor.via;
	return true;
}

static void admin_change_drop(struct api_request *rq)
{
	struct admin_change *ac = rq->work;
	ac->request = NULL;
	change_forget(&ac->change);
}

void admin_change_submit(struct admin_change *ac)
{
	ac->request->work = ac;
	ac->request->drop = admin_change_drop;
	change_submit(&ac->change);
}

void admin_change_abandon(struct admin_change *ac)
{
	ac->request = NULL;
	ac->admin = NULL;
	ac->change.unheard = true;
	/* The queue goes before it does. */
	ac->change.queue = NULL;
}

bool admin_change_note(struct change *c, const char *action, const char *subject, json_t *detail)
{
	char *text = detail ? json_dumps(detail, JSON_COMPACT) : NULL;
	json_decref(detail);
	return change_note(c, action, subject, text);
}
