/* SPDX-License-Identifier: MIT */
#include "cli/admin_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "client/session/client_link.h"
#include "client/session/connector.h"
#include "client/session/key_cache.h"
#include "client/session/remote.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
#include "version.h"

struct admin_link {
	const struct client_options *options;
	struct loop *loop;
	struct offload *offload; /* for the key */
	struct remote remote;
	struct connector connector;
	struct key_cache key_cache;
	struct budget budget;
	struct random_pool random;
	uint8_t instance[CONTROL_INSTANCE];
	struct client_link *link; /* NULL: not there yet, or closed */
	bool up;                  /* its hello came */
	bool closing;             /* by us */

	/* The request under way */
	struct stream stream;
	const uint8_t *request;
	size_t left; /* bytes of it that are not sent */
	struct buf *response;
	bool answered;

	/* Of the call that the loop runs for; the first failure counts, and stays. */
	int result;
	struct error why;
};

static void admin_link_fail(struct admin_link *a, int result, const struct error *why)
{
	if (a->result)
		return;
	a->result = result;
	a->why = *why;
	loop_stop(a->loop);
}

/* Until something calls loop_stop(): the call is done, or has failed. */
static int admin_link_run(struct admin_link *a, struct error *err)
{
	if (!a->result)
		loop_run(a->loop);
	if (a->result)
		*err = a->why;
	return a->result;
}

/* ---- The way to the exit node ---- */

static void admin_link_unreached(struct admin_link *a, const char *why)
{
	struct error err;
	char note[REMOTE_PORT_NOTE_SIZE];
	error_set(&err, 0, "cannot connect to %s%s: %s", a->remote.authority,
		remote_port_note(&a->remote, note), why);
	admin_link_fail(a, ADMIN_LINK_NO_ANSWER, &err);
}

static void on_failed(struct connector *c, const char *why)
{
	admin_link_unreached(container_of(c, struct admin_link, connector), why);
}

static void on_salt(struct client_link *l, const uint8_t salt[HELLO_SALT])
{
	struct admin_link *a = l->owner;
	key_cache_ask(&a->key_cache, salt);
}

static void on_key(struct key_cache *k, const struct token_key *key)
{
	struct admin_link *a = container_of(k, struct admin_link, key_cache);
	if (a->link)
		client_link_key(a->link, k->salt, key);
}

static void on_up(struct client_link *l, const struct control *hello)
{
	struct admin_link *a = l->owner;
	struct error err;
	a->up = true;
	if (control_has_feature(hello->hello.features, CONTROL_FEATURE_ADMIN)) {
		loop_stop(a->loop);
		return;
	}
	error_set(&err, 0,
		"the exit node %s is older and answers no commands over a link: run this on its "
		"own "
		"machine",
		a->remote.authority);
	admin_link_fail(a, ADMIN_LINK_UNSUPPORTED, &err);
}

/* Nothing is given up for good here, so the exit node's word is enough (rule 11). */
static void admin_link_rejected(struct admin_link *a)
{
	struct error err;
	error_set(&err, 0, "the exit node %s %s", a->remote.authority,
		a->options->no_token ? "wants a token: use --token-from"
				     : "does not know the token");
	admin_link_fail(a, ADMIN_LINK_REJECTED, &err);
}

static void on_closed(struct client_link *l)
{
	struct admin_link *a = l->owner;
	const struct link *link = &l->io.link;
	struct error err;
	a->link = NULL;
	if (a->closing) {
		loop_stop(a->loop);
	} else if (!a->up && link->end == LINK_END_REJECTED) {
		admin_link_rejected(a);
	} else if (!a->up) {
		admin_link_unreached(a, link->why);
	} else {
		error_set(&err, 0, "%s went away before it answered: %s", a->remote.authority,
			link->why);
		admin_link_fail(a, ADMIN_LINK_NO_ANSWER, &err);
	}
}

/* There is nothing that it could open, and nothing to be told. */
static struct stream *on_open(struct client_link *l, const struct frame_open *open,
	enum frame_reset *reason_out)
{
	*reason_out = FRAME_RESET_UNKNOWN_SERVICE;
	return NULL;
}

static void on_control(struct client_link *l, const struct control *message)
{
}

/* What it does not serve any more ends by itself. */
static void on_goaway(struct client_link *l, uint8_t reason)
{
}

static const struct client_link_ops link_ops = {
	.salt = on_salt,
	.up = on_up,
	.control = on_control,
	.open = on_open,
	.goaway = on_goaway,
	.closed = on_closed,
};

static void on_opened(struct connector *c, struct detached_conn detached, const void *early,
	size_t n)
{
	struct admin_link *a = container_of(c, struct admin_link, connector);
	struct link_config config = {.client = true,
		.seal_waived = a->options->no_seal,
		.limits = {.base_window = MUX_BASE_WINDOW, .max_window = MUX_MAX_WINDOW},
		.budget = &a->budget,
		.random = &a->random,
		.instance = a->instance,
		.version = TUNNEL_VERSION,
		.remote = a->remote.name};
	a->link = client_link_new(a->loop, detached, &config, &link_ops, a);
	if (!a->link || client_link_feed(a->link, early, n) < 0) {
		a->link = client_link_free(a->link);
		admin_link_unreached(a, "out of memory");
	}
}

/* ---- A request ---- */

static struct admin_link *admin_link_of(struct stream *s)
{
	return container_of(s, struct admin_link, stream);
}

static void stream_opening(struct stream *s, struct frame_open *open_out)
{
	open_out->kind = FRAME_KIND_ADMIN;
}

static ssize_t stream_pull(struct stream *s, uint8_t *room, size_t max)
{
	struct admin_link *a = admin_link_of(s);
	size_t n = MIN(max, a->left);
	memcpy(room, a->request, n);
	a->request += n;
	a->left -= n;
	return (ssize_t)n;
}

static size_t stream_push(struct stream *s, const uint8_t *p, size_t n)
{
	struct admin_link *a = admin_link_of(s);
	struct error err;
	int r = buf_len(a->response) + n > ADMIN_LINK_RESPONSE_MAX ? ADMIN_LINK_NO_ANSWER
								   : buf_append(a->response, p, n);
	if (r == 0)
		return n;
	error_set(&err, 0, "%s", r < 0 ? "out of memory" : "the exit node's answer does not end");
	admin_link_fail(a, r, &err);
	stream_reset(s, FRAME_RESET_CANCELLED);
	return n;
}

/* It may have answered before it had the whole request. */
static void stream_push_end(struct stream *s)
{
	struct admin_link *a = admin_link_of(s);
	a->answered = true;
	loop_stop(a->loop);
	if (s->state == STREAM_HALF_REMOTE)
		stream_reset(s, FRAME_RESET_NONE);
}

static void stream_closed(struct stream *s, enum frame_reset reason, uint64_t taken)
{
	struct admin_link *a = admin_link_of(s);
	bool refused = reason == FRAME_RESET_DENIED || reason == FRAME_RESET_UNKNOWN_SERVICE;
	struct error err;
	if (a->answered || reason == FRAME_RESET_LINK_LOST)
		return; /* on_closed() knows why the link was lost */
	error_set(&err, 0, "%s did not answer: %s", a->remote.authority, frame_reset_name(reason));
	admin_link_fail(a, refused ? ADMIN_LINK_UNSUPPORTED : ADMIN_LINK_NO_ANSWER, &err);
}

static const struct stream_ops stream_ops = {
	.opening = stream_opening,
	.pull = stream_pull,
	.push = stream_push,
	.push_end = stream_push_end,
	.closed = stream_closed,
};

int admin_link_call(struct admin_link *a, const void *request, size_t n, struct buf *response,
	struct error *err)
{
	a->request = request;
	a->left = n;
	a->response = response;
	a->answered = false;
	stream_init(&a->stream, &stream_ops);
	if (!a->link || mux_open(&a->link->io.link.mux, &a->stream) < 0)
		return error_set(err, ADMIN_LINK_NO_ANSWER, "%s is going away",
			a->remote.authority);
	return admin_link_run(a, err);
}

/* ---- Beginning and end ---- */

static int admin_link_prepare(struct admin_link *a, struct error *err)
{
	const struct client_options *o = a->options;
	if (crypto_start() < 0)
		return error_set(err, -ENOTSUP, "the system's cryptography cannot be used");
	budget_init(&a->budget, ADMIN_LINK_RESPONSE_MAX);
	random_pool_init(&a->random);
	random_bytes(a->instance, sizeof(a->instance));
	a->loop = loop_new();
	a->offload = offload_new(1);
	if (!a->loop || !a->offload)
		return error_set(err, -ENOMEM, "out of memory or descriptors");
	int r = remote_init(&a->remote, a->loop, o, err);
	if (r)
		return r;
	connector_init(&a->connector, &a->remote);
	a->connector.opened = on_opened;
	a->connector.failed = on_failed;
	if (key_cache_init(&a->key_cache, a->loop, a->offload, o->no_token ? NULL : o->token,
		    on_key) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	return 0;
}

int admin_link_open(struct admin_link **link_out, const struct client_options *o, struct error *err)
{
	struct admin_link *a = calloc(1, sizeof(*a));
	if (!a)
		return error_set(err, -ENOMEM, "out of memory");
	a->options = o;
	int r = admin_link_prepare(a, err);
	if (r == 0) {
		connector_start(&a->connector);
		r = admin_link_run(a, err);
	}
	if (r == 0)
		*link_out = a;
	else
		admin_link_close(a);
	return r;
}

struct admin_link *admin_link_close(struct admin_link *a)
{
	if (!a)
		return NULL;
	/* The exit node sees an end and no loss. */
	if (a->link) {
		a->closing = true;
		client_link_close(a->link, "the command has its answer");
		loop_run(a->loop);
	}
	if (a->connector.remote)
		connector_cancel(&a->connector);
	key_cache_deinit(&a->key_cache);
	random_pool_deinit(&a->random);
	remote_deinit(&a->remote);
	offload_free(a->offload);
	loop_free(a->loop);
	free(a);
	return NULL;
}
