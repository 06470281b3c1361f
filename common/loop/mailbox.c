/* SPDX-License-Identifier: MIT */
#include "loop/mailbox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Takes what is there now: mail that answers mail waits for the next turn. */
static void take_all(struct mailbox *box, struct list *batch_out)
{
	list_init(batch_out);
	pthread_mutex_lock(&box->lock);
	list_splice(batch_out, &box->waiting);
	pthread_mutex_unlock(&box->lock);
}

static struct mail *next_of(struct list *batch)
{
	struct mail *mail = list_first(batch, struct mail, link);
	if (mail)
		list_unlink(&mail->link);
	return mail;
}

static void wakeup_event(int fd, short what, void *arg)
{
	struct list batch;
	take_all(arg, &batch);
	for (struct mail *mail; (mail = next_of(&batch)) != NULL;)
		mail->deliver(mail);
}

int mailbox_init(struct mailbox *box, struct loop *loop)
{
	*box = (struct mailbox){.wakeup = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
	if (box->wakeup < 0)
		return -errno;
	list_init(&box->waiting);
	pthread_mutex_init(&box->lock, NULL);
	/* Every write to an eventfd is an edge, so nobody has to read it back to zero. */
	int r = loop_watch(&box->event, loop, box->wakeup, LOOP_READ | LOOP_EDGE, wakeup_event,
		box);
	if (r < 0) {
		close(box->wakeup);
		pthread_mutex_destroy(&box->lock);
	}
	return r;
}

void mailbox_deinit(struct mailbox *box)
{
	struct list batch;
	take_all(box, &batch);
	for (struct mail *mail; (mail = next_of(&batch)) != NULL;)
		if (mail->discard)
			mail->discard(mail);
	loop_unwatch(&box->event);
	close(box->wakeup);
	pthread_mutex_destroy(&box->lock);
}

void mailbox_post(struct mailbox *box, struct mail *mail)
{
	pthread_mutex_lock(&box->lock);
	bool first = list_empty(&box->waiting);
	list_init(&mail->link);
	list_append(&box->waiting, &mail->link);
	/*
	 * Under the lock, so that a loop that has taken this mail and ends cannot close the
	 * descriptor before the write. It cannot fail: 2^64 wakeups do not happen.
	 */
	if (first)
		(void)!eventfd_write(box->wakeup, 1);
	pthread_mutex_unlock(&box->lock);
}
