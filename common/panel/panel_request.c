/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "panel/panel_internal.h"

void panel_request_free(struct panel_request *rq)
{
	free(rq->target);
	/* A body may have a token in it, and an answer, too. */
	if (rq->body)
		explicit_bzero(rq->body, rq->body_size);
	free(rq->body);
	free(rq->if_match);
	free(rq->accept);
	if (rq->answer)
		explicit_bzero(rq->answer, rq->answer_size);
	free(rq->answer);
	free(rq->etag);
	free(rq->location);
	free(rq->allow);
	if (rq->cookie)
		explicit_bzero(rq->cookie, strlen(rq->cookie));
	free(rq->cookie);
	free(rq);
}

void panel_request_forget(struct panel_request *rq)
{
	if (!rq)
		return;
	struct panel_conn *c = rq->conn;
	rq->conn = NULL;
	/* While it is asked, it is the owner's, and comes back by panel_answer(). */
	if (c->state != PANEL_CONN_ASKED)
		panel_request_free(rq);
	c->request = NULL;
}
