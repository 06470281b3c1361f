/* SPDX-License-Identifier: MIT */
/*
 * libwebsockets as the other end of a link's first two messages: what it makes of our bytes is its
 * own judgement, not ours. It knows nothing of the handshake; a hello is sent or taken, and that is
 * all.
 *
 *	lws_peer client PORT	dials a tunnel server and takes its hello
 *	lws_peer server		prints its port; gives a tunnel client a hello, takes its answer
 *
 * Ends with status 0 when the message came whole, binary and of the size that it should have.
 */
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELLO_SIZE 62 /* bytes of a hello that offers one version; each other one is one more */
#define FIRST_SIZE 92 /* bytes of the client's first message */

#define PATIENCE 1000 /* turns of 10 ms */

static int status = 1;

static int take(struct lws *wsi, size_t n, size_t expected)
{
	if (!lws_frame_is_binary(wsi) || !lws_is_final_fragment(wsi) || n != expected)
		fprintf(stderr, "lws_peer: %zu bytes, not %zu, or not one binary message\n", n,
			expected);
	else
		status = 0;
	return -1; /* close */
}

static int take_hello(struct lws *wsi, const unsigned char *p, size_t n)
{
	if (n >= HELLO_SIZE && memcmp(p, "tunnel.hello", 12) == 0)
		return take(wsi, n, HELLO_SIZE + p[12] - 1u);
	fprintf(stderr, "lws_peer: no hello\n");
	return -1;
}

static int give_hello(struct lws *wsi)
{
	unsigned char message[LWS_PRE + HELLO_SIZE] = {0};
	memcpy(message + LWS_PRE, "tunnel.hello\1\1", 14);
	return lws_write(wsi, message + LWS_PRE, HELLO_SIZE, LWS_WRITE_BINARY) < HELLO_SIZE ? -1
											    : 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
	size_t len)
{
	/* Most of its reasons are none of our business. */
#pragma GCC diagnostic ignored "-Wswitch-enum"
	switch (reason) {
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return take_hello(wsi, in, len);
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		fprintf(stderr, "lws_peer: %s\n", in ? (const char *)in : "refused");
		status = 2;
		break;
	case LWS_CALLBACK_ESTABLISHED:
		lws_callback_on_writable(wsi);
		break;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return give_hello(wsi);
	case LWS_CALLBACK_RECEIVE:
		return take(wsi, len, FIRST_SIZE);
	default:
		break;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct lws_protocols protocols[] = {{"tunnel.v1", callback, 0, 4096, 0, NULL,
								 0},
		{NULL, NULL, 0, 0, 0, NULL, 0}};
	int client_port = argc == 3 && strcmp(argv[1], "client") == 0 ? atoi(argv[2]) : 0;
	if (!client_port && (argc != 2 || strcmp(argv[1], "server") != 0))
		return 3;

	struct lws_context_creation_info info = {
		.port = client_port ? CONTEXT_PORT_NO_LISTEN : 0,
		.iface = client_port ? NULL : "127.0.0.1",
		.protocols = protocols,
	};
	lws_set_log_level(LLL_ERR, NULL);
	struct lws_context *context = lws_create_context(&info);
	if (!context)
		return 4;
	if (client_port) {
		struct lws_client_connect_info at = {
			.context = context,
			.address = "127.0.0.1",
			.port = client_port,
			.path = "/tunnel",
			.host = "127.0.0.1",
			.protocol = "tunnel.v1",
		};
		if (!lws_client_connect_via_info(&at))
			return 5;
	} else {
		struct lws_vhost *vhost = lws_get_vhost_by_name(context, "default");
		printf("%d\n", lws_get_vhost_listen_port(vhost));
		fflush(stdout);
	}
	for (int i = 0; i < PATIENCE && status == 1; i++)
		lws_service(context, 10);
	lws_context_destroy(context);
	return status;
}
