/* SPDX-License-Identifier: MIT */
/*
 * The first messages of a link: hello, the two handshake messages, and the two sealed ones by which
 * each side confirms that it holds the keys (docs/protocol.md, section 2).
 *
 *	server	hello			fresh random bytes, salt, versions
 *	client	first			psk, e; its proof
 *	server	answer			e, ee; its proof and what follows from both
 *	client	CONTROL hello, sealed
 *	server	CONTROL hello, sealed
 *
 * Of the versions that both speak the client chooses the higher one, and the hello in the prologue keeps
 * anybody from hiding one.
 *
 * A wrong key and an unknown key id take the same steps: an unknown one is tried against a PSK that nobody
 * has, which no first message fits.
 */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "link/link_internal.h"

static bool link_speaks(uint8_t version)
{
	return version == HELLO_VERSION_CHACHAPOLY ||
	       (version == HELLO_VERSION_AESGCM && seal_has_aes());
}

int link_send_hello(struct link *l)
{
	struct hello hello = {0};
	for (unsigned v = HELLO_VERSION_CHACHAPOLY; v <= HELLO_VERSION_AESGCM; v++)
		if (link_speaks((uint8_t)v))
			hello.versions[hello.version_count++] = (uint8_t)v;
	random_bytes(hello.random, sizeof(hello.random));
	memcpy(hello.salt, l->config.salt, sizeof(hello.salt));
	l->hello_size = hello_write(l->hello, &hello);
	uint8_t *message = link_put(l, l->hello_size);
	if (!message)
		return -ENOMEM;
	memcpy(message, l->hello, l->hello_size);
	link_commit(l, message, l->hello_size);
	return 0;
}

static void link_begin(struct link *l, const uint8_t psk[TOKEN_PSK_SIZE], uint8_t version,
	const uint8_t id[TOKEN_ID_SIZE])
{
	/* Of a key that everybody knows an exporter value proves nothing: anybody could agree with it. */
	if (token_id_is_open(id)) {
		l->proof.cb_present = false;
		memset(l->proof.cb, 0, sizeof(l->proof.cb));
	}
	uint8_t prologue[HELLO_PROLOGUE_MAX];
	size_t n = hello_prologue(prologue, l->hello, l->hello_size, version, id);
	enum seal_suite suite = version == HELLO_VERSION_AESGCM ? SEAL_AESGCM : SEAL_CHACHAPOLY;
	handshake_init(&l->handshake, suite, l->config.client, prologue, n, psk, NULL);
}

/* Client: the server's hello. */
static void handshake_take_hello(struct link *l, const uint8_t *p, size_t n)
{
	struct hello hello;
	if (hello_read(p, n, &hello) != 0) {
		link_close(l, LINK_END_VIOLATION, "what answers there is not a tunnel server");
		return;
	}
	for (size_t i = 0; i < hello.version_count; i++)
		if (link_speaks(hello.versions[i]))
			l->version = hello.versions[i];
	if (!l->version) {
		link_close(l, LINK_END_REFUSED,
			"the server speaks no version of the protocol that this client knows");
		return;
	}
	memcpy(l->hello, p, n);
	l->hello_size = n;
	link_set_state(l, LINK_KEY);
	l->ops->salt(l, hello.salt);
}

/* Client: answers the hello. */
void link_key(struct link *l, const struct token_key *key, uint64_t now)
{
	if (l->state != LINK_KEY)
		return;
	l->began = now; /* deriving took its own time */
	link_begin(l, key->psk, l->version, key->id);
	uint8_t *message = link_put(l, HELLO_FIRST);
	uint8_t proof[HELLO_PROOF];
	hello_write_proof(proof, &l->proof);
	size_t n;
	if (!message) {
		link_close(l, LINK_END_LOCAL, "out of memory");
		return;
	}
	size_t head = hello_write_first(message, l->version, key->id);
	if (handshake_write(&l->handshake, proof, sizeof(proof), message + head, HELLO_NOISE_FIRST,
		    &n) != 0) {
		link_close(l, LINK_END_LOCAL, "the handshake could not be begun");
		return;
	}
	link_commit(l, message, head + n);
	link_set_state(l, LINK_HANDSHAKE);
	l->ops->wake(l);
}

static void link_reject(struct link *l, enum hello_reason reason, const char *why)
{
	uint8_t *message = link_put(l, HELLO_REJECTION);
	if (message)
		link_commit(l, message, hello_write_rejection(message, reason));
	link_close(l, LINK_END_REFUSED, "%s", why);
}

/* Both sides: the keys exist; our first message will be the CONTROL hello. */
static bool link_agree(struct link *l, const struct hello_proof *peer)
{
	hello_agree(&l->proof, peer, &l->bound, &l->sealed);
	if (handshake_split(&l->handshake, &l->send, &l->recv) != 0) {
		link_close(l, LINK_END_LOCAL, "the cipher could not be set up");
		return false;
	}
	link_set_state(l, LINK_CONFIRM);
	return true;
}

/* Server: the client's first message. */
static void handshake_take_first(struct link *l, const uint8_t *p, size_t n)
{
	struct hello_first first;
	if (hello_read_first(p, n, &first) != 0) {
		link_close(l, LINK_END_VIOLATION, "malformed handshake");
		return;
	}
	if (!link_speaks(first.version)) {
		link_reject(l, HELLO_REJECTED_VERSION, "an unknown protocol version was chosen");
		return;
	}
	const uint8_t *psk = l->ops->find_psk(l, first.key_id);
	if (!psk) {
		link_reject(l, HELLO_REJECTED_KEY, "it is locked out for a while");
		return;
	}
	link_begin(l, psk, first.version, first.key_id);

	uint8_t payload[HELLO_PROOF];
	size_t size;
	struct hello_result result = {.proof = l->proof};
	struct hello_proof peer;
	if (handshake_read(&l->handshake, first.noise, HELLO_NOISE_FIRST, payload, sizeof(payload),
		    &size) != 0 ||
		hello_read_proof(payload, size, &peer) != 0) {
		link_reject(l, HELLO_REJECTED_KEY,
			token_id_is_open(first.key_id)
				? "it came without a token, which this server asks for"
				: "the token is not one of this server's");
		return;
	}
	hello_agree(&l->proof, &peer, &result.bound, &result.sealed);

	uint8_t text[HELLO_RESULT];
	hello_write_result(text, &result);
	uint8_t *message = link_put(l, HELLO_ANSWER);
	if (!message) {
		link_close(l, LINK_END_LOCAL, "out of memory");
		return;
	}
	size_t head = hello_write_answer(message);
	if (handshake_write(&l->handshake, text, sizeof(text), message + head, HELLO_NOISE_ANSWER,
		    &size) != 0) {
		link_reject(l, HELLO_REJECTED_KEY, "an impossible key");
		return;
	}
	link_commit(l, message, head + size);
	l->ops->wake(l);
	link_agree(l, &peer);
}

/* Says who we are, as the first frame inside the seal. */
static void link_confirm(struct link *l)
{
	struct control hello = {.type = CONTROL_HELLO};
	hello.hello.version = l->config.version;
	hello.hello.remote = l->config.remote;
	hello.hello.features = l->config.features;
	hello.hello.base_window = l->config.limits.base_window;
	hello.hello.max_streams = l->config.limits.max_streams;
	memcpy(hello.hello.instance, l->config.instance, CONTROL_INSTANCE);
	if (l->config.resume) {
		memcpy(hello.hello.resume, l->config.resume, CONTROL_SECRET);
		hello.hello.resume_given = true;
	}
	if (link_put_control(l, &hello) < 0)
		link_close(l, LINK_END_LOCAL, "out of memory");
}

/* Client: the server's answer. */
static void handshake_take_answer(struct link *l, const uint8_t *p, size_t n)
{
	struct hello_answer answer;
	if (hello_read_answer(p, n, &answer) != 0) {
		link_close(l, LINK_END_VIOLATION, "malformed handshake");
		return;
	}
	if (!answer.noise) {
		/* Nobody has proved anything yet: rule 11 says how far this is believed. */
		link_close(l,
			answer.reason == HELLO_REJECTED_KEY ? LINK_END_REJECTED : LINK_END_REFUSED,
			"%s", hello_reason_name(answer.reason));
		return;
	}
	uint8_t payload[HELLO_RESULT];
	size_t size;
	struct hello_result result;
	if (handshake_read(&l->handshake, answer.noise, HELLO_NOISE_ANSWER, payload,
		    sizeof(payload), &size) != 0 ||
		hello_read_result(payload, size, &result) != 0) {
		link_close(l, LINK_END_REFUSED, "the server does not know the token");
		return;
	}
	if (!link_agree(l, &result.proof))
		return;
	if (l->bound != result.bound || l->sealed != result.sealed)
		link_close(l, LINK_END_VIOLATION, "the two ends disagree about the seal");
	else if (l->config.unverified && !l->bound)
		link_close(l, LINK_END_REFUSED,
			"its certificate cannot be verified (%s) and the connection does not end "
			"where the token is known: somebody may be in between; use --tls-ca or "
			"--tls-pin",
			l->config.unverified);
	else
		link_confirm(l);
}

/* The peer's first message behind the handshake; sealed in any case. */
static void handshake_take_confirm(struct link *l, uint8_t *p, size_t n, uint64_t now)
{
	if (seal_decrypt(&l->recv, p, n) != 0) {
		link_close(l, LINK_END_REFUSED, "the other side did not confirm the key");
		return;
	}
	if (mux_input(&l->mux, p, n - SEAL_TAG_SIZE, now) < 0 && l->state != LINK_CLOSED)
		link_close(l, LINK_END_VIOLATION, "%s", l->mux.violation);
	else if (l->state == LINK_CONFIRM)
		link_close(l, LINK_END_VIOLATION, "the first message was no hello");
}

void link_message(struct link *l, struct control *message)
{
	if (l->state == LINK_CLOSED)
		return; /* an earlier frame of the same record closed it */
	if (l->state == LINK_UP) {
		if (message->type == CONTROL_HELLO)
			link_close(l, LINK_END_VIOLATION, "a second hello");
		else
			l->ops->control(l, message);
		return;
	}
	if (message->type != CONTROL_HELLO) {
		link_close(l, LINK_END_VIOLATION, "a message before the hello");
		return;
	}
	mux_set_peer(&l->mux, message->hello.base_window, message->hello.max_streams);
	l->ws.limit = WS_MESSAGE_MAX;
	if (!l->config.client)
		link_confirm(l);
	if (l->state != LINK_CONFIRM)
		return;
	link_set_state(l, LINK_UP);
	mux_ping(&l->mux, l->mux.last_now);
	l->ops->up(l, message);
}

void link_handshake(struct link *l, uint8_t *p, size_t n, uint64_t now)
{
	switch (l->state) {
	case LINK_HELLO:
		handshake_take_hello(l, p, n);
		break;
	case LINK_HANDSHAKE:
		if (l->config.client)
			handshake_take_answer(l, p, n);
		else
			handshake_take_first(l, p, n);
		break;
	case LINK_CONFIRM:
		handshake_take_confirm(l, p, n, now);
		break;
	case LINK_KEY:
		link_close(l, LINK_END_VIOLATION, "a message out of turn");
		break;
	case LINK_UP:
	case LINK_CLOSED:
		break;
	}
}
