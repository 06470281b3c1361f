/* SPDX-License-Identifier: MIT */
#pragma once
/* The requests that the inspector has, in the API: looked at, kept, sent again. */
#include "api/operation.h"
#include "client/inspector/capture_view.h"
#include "client/upstream/upstream_replay.h"

/* What the handlers work with; NULL where nothing is inspected. */
struct requests_api {
	struct inspector *inspector;
	struct upstream_replays *replays;
	const struct publications *publications;
};

extern const struct api_operations client_api_requests, client_api_replay, client_api_har;

/* ---- For the files of these rows ---- */

/* The inspector; NULL: refused, as there is none. */
struct inspector *requests_inspector(struct api_request *rq);

/* The capture that the path names; NULL: refused. */
struct capture *requests_capture(struct api_request *rq);

/* ?reveal=1, which is logged. False: refused. */
bool requests_reveal(struct api_request *rq, bool *reveal_out);
