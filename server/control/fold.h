/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Whether streams may pass at an endpoint: all that has to hold, in one place. What it says is brought to every
 * worker as a flag of each attachment, so that nothing of this is asked on the data path (docs/protocol.md, rule
 * 50). All on the main thread.
 */
#include "base/error.h"
#include "server/private/attachment.h"
#include "server/store/catalog.h"

struct registrar;

/*
 * The endpoint is approved, and there; its private service, too; both identities are active; its consumer is
 * granted to consume; intentions allow it. Else `why` is a sentence for the consumer.
 */
enum attachment_bar fold_endpoint(const struct registrar *r, const struct endpoint *e,
	struct error *why);

/* The intention that decides about it; NULL: the default does. */
const struct policy_intention *fold_intention(const struct registrar *r, const struct endpoint *e);
