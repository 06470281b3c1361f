/* SPDX-License-Identifier: MIT */
#include "link/upgrade.h"

#include <stdio.h>
#include <string.h>

#include "crypto/random.h"
#include "wire/http_date.h"

static bool value_is(const struct http1_head *h, enum http1_id id, struct str value)
{
	const struct http1_field *f = http1_find(h, id);
	return f && str_eq(f->value, value);
}

static bool is_websocket(const struct http1_head *h)
{
	return h->upgrade && http1_lists(h, HTTP1_UPGRADE, STR("websocket"));
}

enum upgrade_verdict upgrade_check(const struct http1_head *h, const char *path, size_t behind)
{
	if (h->method != HTTP1_GET || !str_eq(h->path, str_from(path)) || !upgrade_offered(h))
		return UPGRADE_NONE;
	if (!is_websocket(h))
		return UPGRADE_STRIPPED;
	/* Browsers always send it, our client never: a page must not reach a developer's localhost. */
	if (http1_find(h, HTTP1_ORIGIN))
		return UPGRADE_ORIGIN;
	if (!value_is(h, HTTP1_SEC_WEBSOCKET_VERSION, STR("13")))
		return UPGRADE_VERSION;
	const struct http1_field *key = http1_find(h, HTTP1_SEC_WEBSOCKET_KEY);
	char accept[WS_ACCEPT_SIZE + 1];
	if (!key || ws_accept(key->value.p, key->value.n, accept) != 0)
		return UPGRADE_MALFORMED;
	/* Bytes before our 101 are somebody's who does not wait for it, or an attacker's in between. */
	if (h->body != HTTP1_BODY_NONE || behind)
		return UPGRADE_MALFORMED;
	return UPGRADE_LINK;
}

const char *upgrade_lacks(const struct http1_head *h)
{
	if (!http1_lists(h, HTTP1_UPGRADE, STR("websocket")))
		return "without \"Upgrade: websocket\"";
	return h->minor ? "without \"Connection: Upgrade\"" : "as HTTP/1.0";
}

size_t upgrade_response(const struct http1_head *h, time_t now, char out[UPGRADE_RESPONSE_MAX])
{
	const struct http1_field *key = http1_find(h, HTTP1_SEC_WEBSOCKET_KEY);
	char accept[WS_ACCEPT_SIZE + 1];
	ws_accept(key->value.p, key->value.n, accept);
	char date[HTTP_DATE_SIZE];
	http_date_format(now, date);
	int n = snprintf(out, UPGRADE_RESPONSE_MAX,
		"HTTP/1.1 101 Switching Protocols\r\n"
		"Upgrade: websocket\r\n"
		"Connection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %s\r\n"
		"Sec-WebSocket-Protocol: " UPGRADE_SUBPROTOCOL "\r\n"
		"Date: %s\r\n"
		"\r\n",
		accept, date);
	return (size_t)n;
}

size_t upgrade_request(const char *host, const char *path, char key_out[WS_KEY_SIZE + 1],
	char out[UPGRADE_REQUEST_MAX])
{
	uint8_t nonce[16];
	random_bytes(nonce, sizeof(nonce));
	base64_encode(nonce, sizeof(nonce), key_out, WS_KEY_SIZE + 1);
	int n = snprintf(out, UPGRADE_REQUEST_MAX,
		"GET %s HTTP/1.1\r\n"
		"Host: %s\r\n"
		"Upgrade: websocket\r\n"
		"Connection: Upgrade\r\n"
		"Sec-WebSocket-Key: %s\r\n"
		"Sec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Protocol: " UPGRADE_SUBPROTOCOL "\r\n"
		"\r\n",
		path, host, key_out);
	return n > 0 && n < UPGRADE_REQUEST_MAX ? (size_t)n : 0;
}

time_t upgrade_date(const struct http1_head *h)
{
	static const struct str name = {"date", 4};
	int64_t seconds;
	for (size_t i = 0; i < h->n_fields; i++)
		if (str_eq_nocase(h->fields[i].name, name))
			return http_date_parse(h->fields[i].value, &seconds) ? seconds : 0;
	return 0;
}

const char *upgrade_accepted(const struct http1_head *h, const char key[WS_KEY_SIZE + 1])
{
	if (h->status != 101)
		return "it did not switch to a WebSocket";
	if (!is_websocket(h))
		return "it switched to something else than a WebSocket";
	char accept[WS_ACCEPT_SIZE + 1];
	if (ws_accept(key, WS_KEY_SIZE, accept) != 0 ||
		!value_is(h, HTTP1_SEC_WEBSOCKET_ACCEPT, str_from(accept)))
		return "its Sec-WebSocket-Accept does not answer our key";
	if (!value_is(h, HTTP1_SEC_WEBSOCKET_PROTOCOL, STR(UPGRADE_SUBPROTOCOL)))
		return "it does not speak " UPGRADE_SUBPROTOCOL;
	if (http1_find(h, HTTP1_SEC_WEBSOCKET_EXTENSIONS))
		return "it wants a WebSocket extension that was not offered";
	return NULL;
}
