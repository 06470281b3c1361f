/* SPDX-License-Identifier: MIT */
/* A link put together: its mux, what that calls, its beginning and its end. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "link/link_internal.h"

static struct link *link_of(struct mux *m)
{
	return container_of(m, struct link, mux);
}

static struct stream *link_on_open(struct mux *m, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	struct link *l = link_of(m);
	*reason_out = FRAME_RESET_PROTOCOL;
	/* A frame beside the hello but before it: nothing is allocated yet (rule 10). */
	return l->state == LINK_UP ? l->ops->open(l, open, reason_out) : NULL;
}

/* Parsing is what a peer can make this end do most of for a byte. False: it sent too many. */
static bool link_pay_control(struct link *l, size_t n)
{
	const uint64_t most = LINK_CONTROL_BURST * CLOCK_S / LINK_CONTROL_RATE;
	uint64_t now = l->last_heard, cost = MAX(n, LINK_CONTROL_LEAST);
	l->control_due = MAX(l->control_due, now) + cost * CLOCK_S / LINK_CONTROL_RATE;
	return l->control_due - now <= most;
}

static void link_on_control(struct mux *m, const uint8_t *json, size_t n)
{
	struct link *l = link_of(m);
	struct control message;
	struct error err;
	if (!link_pay_control(l, n)) {
		link_close(l, LINK_END_VIOLATION, "more control messages than it may send");
		return;
	}
	int r = control_decode(json, n, &err, &message);
	if (r == CONTROL_UNKNOWN)
		return; /* of a later version; whoever sent it can do without */
	if (r != 0) {
		link_close(l, LINK_END_VIOLATION, "%s", err.text);
		return;
	}
	link_message(l, &message);
	control_deinit(&message);
}

static void link_on_goaway(struct mux *m, uint8_t reason)
{
	struct link *l = link_of(m);
	if (l->state == LINK_UP)
		l->ops->goaway(l, reason);
	else
		link_close(l, LINK_END_VIOLATION, "GOAWAY before the hello");
}

static void link_on_wake(struct mux *m)
{
	link_of(m)->ops->wake(link_of(m));
}

static const struct mux_ops mux_ops = {
	.open = link_on_open,
	.control = link_on_control,
	.goaway = link_on_goaway,
	.wake = link_on_wake,
};

int link_init(struct link *l, const struct link_ops *ops, const struct link_config *config,
	uint64_t now)
{
	*l = (struct link){
		.ops = ops,
		.config = *config,
		.state = config->client ? LINK_HELLO : LINK_HANDSHAKE,
		.ws = {.masked = !config->client,
			.binary_only = true,
			.limit = WS_MESSAGE_MAX_UNPROVEN},
		.proof = {.tls = config->tls13 ? HELLO_TLS_13 : HELLO_TLS_NONE,
			.cb_present = config->tls13 && config->cb_given,
			.seal_waived = config->seal_waived},
		.output_max = LINK_OUTPUT_MAX,
		.began = now,
		.last_alive = now,
		.last_ping = now,
	};
	if (l->proof.cb_present)
		memcpy(l->proof.cb, config->cb, sizeof(l->proof.cb));
	mux_init(&l->mux, &mux_ops, &config->limits, config->budget, config->client);
	uint64_t key;
	random_bytes(&key, sizeof(key));
	mux_set_hash_key(&l->mux, key);
	budget_account_join(&l->mux.account, config->share);
	l->mux.shared = config->streams;
	int r = 0;
	if (config->preface_size)
		r = buf_append(&l->out, config->preface, config->preface_size);
	if (r == 0 && !config->client)
		r = link_send_hello(l);
	return r;
}

void link_deinit(struct link *l)
{
	if (!l)
		return;
	mux_deinit(&l->mux);
	handshake_deinit(&l->handshake);
	seal_deinit(&l->send);
	seal_deinit(&l->recv);
	buf_deinit(&l->in);
	buf_deinit(&l->out);
}

int link_send(struct link *l, const struct control *message)
{
	if (l->state != LINK_UP)
		return -ENOTCONN;
	return link_put_control(l, message);
}
