/* SPDX-License-Identifier: MIT */
#include "wire/socks5.h"

#include <string.h>

#include "base/macros.h"

enum { VERSION = 5, LOGIN_VERSION = 1, CONNECT = 1 };
enum { METHOD_NONE = 0, METHOD_LOGIN = 2, METHOD_UNACCEPTABLE = 0xff };
enum { TYPE_V4 = 1, TYPE_NAME = 3, TYPE_V6 = 4 };

#define REPLY_HEAD 5 /* up to the first byte of the address, which is a name's length */

static size_t put_text(uint8_t *out, struct str text)
{
	out[0] = (uint8_t)text.n;
	memcpy(out + 1, text.p, text.n);
	return 1 + text.n;
}

size_t socks5_login(struct str user, struct str password, uint8_t out[SOCKS5_LOGIN_MAX])
{
	if (!user.n || user.n > SOCKS5_NAME_MAX || password.n > SOCKS5_NAME_MAX)
		return 0;
	out[0] = LOGIN_VERSION;
	size_t n = 1 + put_text(out + 1, user);
	return n + put_text(out + n, password);
}

size_t socks5_begin(struct socks5 *s, uint8_t out[SOCKS5_OUT_MAX])
{
	uint8_t methods = s->login.n ? 2 : 1;
	const uint8_t greeting[] = {VERSION, methods, METHOD_NONE, METHOD_LOGIN};
	s->state = SOCKS5_METHOD;
	memcpy(out, greeting, sizeof(greeting));
	return 2u + methods;
}

static size_t request(struct socks5 *s, uint8_t *out)
{
	size_t n = 4;
	uint8_t type = TYPE_NAME;
	if (s->host.n) {
		n += put_text(out + n, s->host);
	} else {
		size_t size = s->address.family == ADDRESS_V4 ? 4 : 16;
		type = s->address.family == ADDRESS_V4 ? TYPE_V4 : TYPE_V6;
		memcpy(out + n, s->address.bytes, size);
		n += size;
	}
	const uint8_t head[] = {VERSION, CONNECT, 0, type};
	memcpy(out, head, sizeof(head));
	out[n++] = (uint8_t)(s->address.port >> 8);
	out[n++] = (uint8_t)s->address.port;
	s->state = SOCKS5_REPLY;
	return n;
}

static enum socks5_result input_method(struct socks5 *s, const uint8_t *p, uint8_t *out,
	size_t *n_out)
{
	if (p[0] != VERSION)
		return SOCKS5_E_VERSION;
	if (p[1] == METHOD_NONE) {
		*n_out = request(s, out);
	} else if (p[1] == METHOD_LOGIN && s->login.n) {
		memcpy(out, s->login.p, s->login.n);
		*n_out = s->login.n;
		s->state = SOCKS5_LOGIN;
	} else {
		return SOCKS5_E_METHOD;
	}
	return SOCKS5_ANSWER;
}

static enum socks5_result input_login(struct socks5 *s, const uint8_t *p, uint8_t *out,
	size_t *n_out)
{
	/* The version of the login is 1; some proxies say 5. */
	if (p[0] != LOGIN_VERSION && p[0] != VERSION)
		return SOCKS5_E_MALFORMED;
	if (p[1] != 0)
		return SOCKS5_E_LOGIN;
	*n_out = request(s, out);
	return SOCKS5_ANSWER;
}

static enum socks5_result input_reply(struct socks5 *s, const uint8_t *p, size_t n,
	size_t *used_out)
{
	if (p[0] != VERSION)
		return SOCKS5_E_MALFORMED;
	s->reply = p[1];
	/* Refusing, many say nothing more, or an address of no type. */
	if (p[1] != 0)
		return SOCKS5_E_REFUSED;
	if (n < REPLY_HEAD)
		return SOCKS5_MORE;
	size_t size = p[3] == TYPE_V4 ? 4 : p[3] == TYPE_V6 ? 16 : 1u + p[4];
	if (p[3] != TYPE_V4 && p[3] != TYPE_V6 && p[3] != TYPE_NAME)
		return SOCKS5_E_MALFORMED;
	if (n < 4 + size + 2)
		return SOCKS5_MORE;
	*used_out = 4 + size + 2;
	return SOCKS5_CONNECTED;
}

enum socks5_result socks5_input(struct socks5 *s, const uint8_t *p, size_t n, size_t *used_out,
	uint8_t out[SOCKS5_OUT_MAX], size_t *n_out)
{
	/* One byte tells who answers that is no SOCKS proxy. */
	if (s->state == SOCKS5_METHOD && n && p[0] != VERSION)
		return SOCKS5_E_VERSION;
	if (n < 2)
		return SOCKS5_MORE;
	*used_out = 2;
	switch (s->state) {
	case SOCKS5_METHOD:
		return input_method(s, p, out, n_out);
	case SOCKS5_LOGIN:
		return input_login(s, p, out, n_out);
	case SOCKS5_REPLY:
		break;
	}
	return input_reply(s, p, n, used_out);
}

const char *socks5_reply_text(uint8_t reply)
{
	static const char *const texts[] = {
		[1] = "it failed, and does not say why",
		[2] = "its rules do not allow connections to this host or port",
		[3] = "the network cannot be reached from it",
		[4] = "the host cannot be reached from it, or its name is not known there",
		[5] = "the connection was refused",
		[6] = "the host did not answer in time",
		[7] = "it does not know how to connect",
		[8] = ("it does not know this type of address: socks5:// says an address, "
		       "socks5h:// the name"),
	};
	return reply < ARRAY_LEN(texts) && texts[reply] ? texts[reply]
							: "it gives a reason that is not known";
}
