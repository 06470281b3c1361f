/* SPDX-License-Identifier: MIT */
#pragma once
/* One upstream: what is published, where, and the settings behind its --upstream. */
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "client/config/upstream_origin.h"
#include "client/config/upstream_private.h"
#include "client/config/upstream_probe.h"
#include "wire/control.h"
#include "wire/hostname.h"
#include "wire/url.h"

/*
 * Twice as long as any NAT on the way must remember a silent connection (RFC 5382: 2 h 4 min, a little more
 * than kernels wait before they probe one). Whoever has nothing to say for longer says so.
 */
#define UPSTREAM_TCP_IDLE     (4 * 3600 * CLOCK_S)
#define UPSTREAM_TCP_IDLE_MIN CLOCK_S /* a retransmission or two must not look like silence */

enum upstream_proxy { UPSTREAM_PROXY_OFF, UPSTREAM_PROXY_V1, UPSTREAM_PROXY_V2 };

/* What this client alone keeps: the exit node does not know of it. */
struct upstream_limits {
	/* µs; for how long a connection, or an HTTP service's WebSocket, may carry nothing; 0: for ever */
	uint64_t tcp_idle;
	uint64_t connections, connections_per_visitor; /* 0: any number */
};

struct upstream {
	enum control_kind kind;
	enum control_tls tls;
	bool port_given;
	uint16_t port; /* public; 0: the exit node picks one */
	uint16_t
		ports; /* so many from there on, and from the URL's on; 1 mostly, 0 without a port */
	/* Canonical; "*.name" for a wildcard; "" is the catch-all, or none. */
	char host[HOSTNAME_SIZE];
	char *text;     /* the URL for people, with this entry's ports; owned */
	struct url url; /* looks into `text` */
	enum upstream_proxy proxy_protocol;
	bool exclusive;   /* shared with no other client */
	bool half_closed; /* http: goes on behind a visitor's FIN */
	bool insecure;
	bool host_only;     /* http: `rewrite` is for Host alone */
	bool listing;       /* file: directories are listed */
	char *folder;       /* file: its path, decoded; owned; else NULL */
	char *alpn;         /* what it speaks behind TLS, wire/alpn's list; owned; NULL: not said */
	char *ca, *rewrite; /* owned; NULL: none. Rewrite is a Host field: name, or name:port */
	struct upstream_origin origin;
	char *rules; /* http: for requests, as the file has them; owned; NULL: none */
	struct upstream_probe probe;
	struct upstream_private private; /* then the kind is tcp or udp, of no host and port */
	struct upstream_limits limits;
};

/* Its own texts. 0 or -ENOMEM; `to` is for upstream_deinit() in any case. */
int upstream_copy(struct upstream *to, const struct upstream *from);
void upstream_deinit(struct upstream *u);

/* The same public name or port, upstream and settings, but for its limits: a reload need not touch it. */
bool upstream_same(const struct upstream *a, const struct upstream *b);

/* Whether both ask for one and the same public port, or some of them. "Any port" is not one. */
bool upstream_ports_meet(const struct upstream *a, const struct upstream *b);

/* Whether both ask for one public place, one group, or one name of a private service. */
bool upstream_meets(const struct upstream *a, const struct upstream *b);

/* https: the name to ask for, and that the certificate has to be for; an address without brackets. */
void upstream_tls_name(const struct upstream *u, char name_out[HOSTNAME_SIZE]);

/*
 * For people: the host, "every other host", "port 2222", "UDP ports 7000-7010", "any port", "group web", "private
 * service x".
 */
#define UPSTREAM_PLACE_SIZE (HOSTNAME_SIZE + 24)
const char *upstream_place(const struct upstream *u, char text[UPSTREAM_PLACE_SIZE]);
