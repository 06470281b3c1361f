/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the registrar has to say to a link: from the main thread, by mail to the worker of the link, in
 * the order in which it is said. When memory is out a message is lost, and what it would have changed
 * stays as it is; that a link is to end is never lost.
 */
#include "server/link/server_link.h"

/* The link belongs to this session from now on. 0 or -ENOMEM, when nothing happens. */
int link_mail_attach(struct server_link *l, struct session_shard *shard);

/* `message` is copied, with all of its texts. */
void link_mail_send(struct server_link *l, const struct control *message);

/* `why` is the rest of a sentence for the log and the close frame; copied. Of several ends the first is one. */
void link_mail_close(struct server_link *l, const char *why);

/* The same, and its client is told that it may not be here. */
void link_mail_deny(struct server_link *l, const char *why);

/* Another session claims what this one's holds: the link has to show that it lives (rule 28). */
void link_mail_suspect(struct server_link *l);

/* It gets no new streams any more; those under way go on, and its client is told nothing. */
void link_mail_rest(struct server_link *l);

/* On the link's worker: its end, told to the registrar, by this function on the main thread. */
void link_mail_gone(struct server_link *l, void (*deliver)(struct mail *mail));
/* The answer to server_link_ops::gone(): nobody refers to the link any more. It is freed on its worker. */
void link_mail_forget(struct server_link *l);
