/* SPDX-License-Identifier: MIT */
#pragma once
/* A connection to a collector, for a thread that may wait: until one deadline, whatever it does. */
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "server/base/otlp_options.h"

struct tls;
struct tls_client;

struct otlp_conn {
	int fd;            /* does not block */
	struct tls *tls;   /* NULL: plain text */
	uint64_t deadline; /* µs; looking up the name does not know it */
};

/*
 * With the TLS handshake, where `tls` is not NULL. 0, or -errno with a sentence; otlp_conn_close() it in either case.
 */
int otlp_conn_open(struct otlp_conn *c, const struct otlp_target *target, struct tls_client *tls,
	uint64_t deadline, struct error *err);
void otlp_conn_close(struct otlp_conn *c);

/* All of it. 0, or -errno with a sentence. */
int otlp_conn_send(struct otlp_conn *c, const void *p, size_t n, struct error *err);

/* > 0 bytes; 0: it was closed; -errno with a sentence. */
ssize_t otlp_conn_receive(struct otlp_conn *c, void *p, size_t n, struct error *err);
