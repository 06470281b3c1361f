/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a client asks to publish, as far as the message alone tells whether it can be (docs/protocol.md,
 * section 7). Whether it may is the session's to decide.
 */
#include "base/error.h"
#include "server/route/service.h"

/* For any text of publish_asked(): a name, or a few words and a port. */
#define PUBLISH_ASKED_SIZE (HOSTNAME_SIZE + 24)

/*
 * PUBLISH_FINE with the canonical name, or "" where a port or nothing was asked for; else the enum
 * control_reason, with a sentence.
 */
#define PUBLISH_FINE (-1)
int publish_check(const struct control *m, char place[SERVICE_PLACE_SIZE], struct error *err);

/* Whether it is what the service is already: said again after a new link. `place`: as publish_check() wrote it. */
bool publish_repeats(const struct service *service, const struct control *m, const char *place);

/* What it asks for, for people; `text`, or what lasts as long. */
const char *publish_asked(const struct control *m, char text[PUBLISH_ASKED_SIZE]);
