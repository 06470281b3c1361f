/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Clients ask to use private services: `attach` and `detach`. Where the identity has no endpoint there yet it asks
 * for one with it, which is a change that is stored first. Whoever asks for what there is not waits longer and longer
 * for the answer (server/control/attach_pace.h). All on the main thread.
 */
#include "server/control/attachments.h"

/* A client's `attach`: it will be told `attached` or `declined`. */
void attach_ask(struct session *s, const struct control *m);
/* A client's `detach`. The endpoint stays. */
void attach_detach(struct session *s, uint32_t number);
/* The session has ended: nothing that it asked for is wanted any more. */
void attach_end(struct session *s);

/* Of the registrar. */
void attach_init(struct registrar *r);
void attach_deinit(struct registrar *r);
