/* SPDX-License-Identifier: MIT */
#pragma once
/* A captured request as it is sent again: as it was, or with some of it changed. */
#include "base/error.h"
#include "client/inspector/capture_view.h"

struct replay_field {
	struct str name, value;
};

/* What is to be another. A text that still is what hides a secret stands for the secret. */
struct replay_edit {
	struct str method, target;         /* p NULL: as it was */
	const struct replay_field *fields; /* all of them; NULL: as they were */
	size_t n_fields;
	struct str body; /* p NULL: as it was */
};

/*
 * Appends head and body. Content-Length is made anew, what belonged to the connection is left out, and
 * X-Request-Id and X-Tunnel-Replay are put in. 0; -EINVAL with a sentence: what was changed makes no request;
 * -ENOMEM likewise. `v` reveals.
 */
int replay_text(const struct capture_view *v, const struct replay_edit *edit, struct buf *out,
	struct error *err);

/* Whether that field was not kept (--inspect-forget), so that it is left out unless it is given. */
bool replay_leaves_out(const struct capture_view *v, const struct http1_field *f);
