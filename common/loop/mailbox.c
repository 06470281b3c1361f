#include "loop/mailbox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Takes what is there now: mail that answers mail waits for the next turn. */
static void deliver_all(struct mailbox *box)
{
	struct list batch;
	list_init(&batch);
	pthread_mutex_lock(&box->lock);
	list_splice(&batch, &box->waiting);
	pthread_mutex_unlock(&box->lock);
	while (!list_empty(&batch)) {
		struct mail *mail = list_entry(batch.next, struct mail, link);
		list_unlink(&mail->link);
		mail->deliver(mail);
	}
}

static void wakeup_event(int fd, short what, void *arg)
{
	deliver_all(arg);
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
	while (!list_empty(&box->waiting))
		deliver_all(box);
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
