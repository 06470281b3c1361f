/* SPDX-License-Identifier: MIT */
#include "server/link/link_mail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/worker.h"
#include "server/link/session_shard.h"

enum link_command_kind {
	LINK_COMMAND_ATTACH,
	LINK_COMMAND_SEND,
	LINK_COMMAND_SUSPECT,
	LINK_COMMAND_REST,
};

struct link_command {
	struct mail mail;
	/* It is not freed before this is read: link_mail_forget() comes behind it. */
	struct server_link *link;
	enum link_command_kind kind;
	struct session_shard *shard; /* to which it is attached */
	struct control message;      /* to be sent: a copy */
};

static void link_command_execute(const struct link_command *command)
{
	switch (command->kind) {
	case LINK_COMMAND_ATTACH:
		server_link_attach(command->link, command->shard);
		break;
	case LINK_COMMAND_SEND:
		server_link_send(command->link, &command->message);
		break;
	case LINK_COMMAND_SUSPECT:
		server_link_suspect(command->link);
		break;
	case LINK_COMMAND_REST:
		server_link_rest(command->link);
		break;
	}
}

static void link_command_free(struct link_command *command)
{
	control_deinit(&command->message);
	free(command);
}

static void link_command_deliver(struct mail *mail)
{
	struct link_command *command = container_of(mail, struct link_command, mail);
	link_command_execute(command);
	link_command_free(command);
}

static void link_command_discard(struct mail *mail)
{
	link_command_free(container_of(mail, struct link_command, mail));
}

/* NULL when memory is out. */
static struct link_command *link_command_new(struct server_link *l, enum link_command_kind kind)
{
	struct link_command *command = calloc(1, sizeof(*command));
	if (!command)
		return NULL;
	command->mail.deliver = link_command_deliver;
	command->mail.discard = link_command_discard;
	command->link = l;
	command->kind = kind;
	return command;
}

static void link_command_post(struct link_command *command)
{
	struct worker *w = command->link->worker;
	node_post(w->node, w->index, &command->mail);
}

int link_mail_attach(struct server_link *l, struct session_shard *shard)
{
	struct link_command *command = link_command_new(l, LINK_COMMAND_ATTACH);
	if (!command)
		return -ENOMEM;
	command->shard = shard;
	link_command_post(command);
	/* Behind the command: whatever is sent there because of this count comes behind it too. */
	atomic_fetch_add_explicit(&shard->usable, 1, memory_order_release);
	return 0;
}

void link_mail_send(struct server_link *l, const struct control *message)
{
	struct link_command *command = link_command_new(l, LINK_COMMAND_SEND);
	if (!command)
		return;
	if (control_copy(message, &command->message) == 0)
		link_command_post(command);
	else
		link_command_free(command);
}

/* ---- Its end, which needs no memory: whose token is revoked must not stay because there is none ---- */

static const char *link_mail_why(const struct server_link *l)
{
	return l->ending_why ? l->ending_why : "the exit node ends it";
}

static void link_mail_close_deliver(struct mail *mail)
{
	struct server_link *l = container_of(mail, struct server_link, ending);
	server_link_close(l, link_mail_why(l));
}

static void link_mail_deny_deliver(struct mail *mail)
{
	struct server_link *l = container_of(mail, struct server_link, ending);
	server_link_deny(l, link_mail_why(l));
}

static void link_mail_end(struct server_link *l, void (*deliver)(struct mail *mail),
	const char *why)
{
	if (l->ending.deliver)
		return;
	l->ending_why = strdup(why);
	l->ending.deliver = deliver; /* discarded, it is part of the link */
	node_post(l->worker->node, l->worker->index, &l->ending);
}

void link_mail_close(struct server_link *l, const char *why)
{
	link_mail_end(l, link_mail_close_deliver, why);
}

void link_mail_deny(struct server_link *l, const char *why)
{
	link_mail_end(l, link_mail_deny_deliver, why);
}

/* ---- To be looked at, and forgotten ---- */

void link_mail_suspect(struct server_link *l)
{
	struct link_command *command = link_command_new(l, LINK_COMMAND_SUSPECT);
	if (command)
		link_command_post(command);
}

void link_mail_rest(struct server_link *l)
{
	struct link_command *command = link_command_new(l, LINK_COMMAND_REST);
	if (command)
		link_command_post(command);
}

static void link_mail_forgotten(struct mail *mail)
{
	server_link_forget(container_of(mail, struct server_link, gone));
}

static void link_mail_discard(struct mail *mail)
{
	server_link_free(container_of(mail, struct server_link, gone));
}

void link_mail_gone(struct server_link *l, void (*deliver)(struct mail *mail))
{
	l->gone = (struct mail){.deliver = deliver, .discard = link_mail_discard};
	node_post(l->worker->node, 0, &l->gone);
}

void link_mail_forget(struct server_link *l)
{
	l->gone.deliver = link_mail_forgotten;
	node_post(l->worker->node, l->worker->index, &l->gone);
}
