/* SPDX-License-Identifier: MIT */
#pragma once
/* A connection of one request, for a thread that may wait: until one deadline, whatever it does. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "wire/address.h"
#include "wire/hostname.h"

struct tls;
struct tls_client;

struct fetch_target {
	char host[HOSTNAME_SIZE + 1]; /* as getaddrinfo() takes it */
	char port[6];
	char authority[HOSTNAME_SIZE + 16]; /* for Host */
	bool tls;
};

struct fetch_conn {
	int fd;            /* does not block */
	struct tls *tls;   /* NULL: plain text */
	uint64_t deadline; /* µs; looking up the name does not know it */
};

/*
 * With the TLS handshake, where `tls` is not NULL. `at`: the one address that is dialled, at the target's port; NULL:
 * those of its host, in turn. 0, or -errno with a sentence; fetch_conn_close() it in either case.
 */
int fetch_conn_open(struct fetch_conn *c, const struct fetch_target *target,
	const struct address *at, struct tls_client *tls, uint64_t deadline, struct error *err);
void fetch_conn_close(struct fetch_conn *c);

/* All of it. 0, or -errno with a sentence. */
int fetch_conn_send(struct fetch_conn *c, const void *p, size_t n, struct error *err);

/* > 0 bytes; 0: it was closed; -errno with a sentence. */
ssize_t fetch_conn_receive(struct fetch_conn *c, void *p, size_t n, struct error *err);
