/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What a client publishes, one entry for each public name, port or range of ports.
 *
 *	--upstream http://127.0.0.1:3000		HTTP, the catch-all
 *	--upstream a.example.com=http://127.0.0.1:8000	one host; *.example.com= for those below it
 *	--upstream a=http://x,b=http://y		several, or the option several times
 *	--upstream 2222=tcp://127.0.0.1:22		a key of digits is a public port; 0: any
 *	--upstream 7000-7010=tcp://10.0.0.5:7000-7010	a range: the n-th port leads to the n-th there
 *	--upstream tcp://127.0.0.1:22 --port 2222	the same as 2222=
 *	--ports 80,443 --upstream 10.0.0.5		inlets' way: 80=tcp://10.0.0.5:80 and so on
 *	--upstream a.example.com=sni+tcp://127.0.0.1:443,b.example.com=tls+tcp://127.0.0.1:6379
 *	--upstream file:///srv/www --listing		a folder, read only, which this client serves
 *	--upstream 5432=tls+tcp://127.0.0.1:5432,53=udp://127.0.0.1:53,a=unix:/run/app.sock
 *	--upstream http://127.0.0.1:3000 --group web	of no host: rules of the exit node lead there
 *	--upstream tcp://127.0.0.1:6379 --private redis	of no public place: client/config/upstream_private
 *	--upstream 3000, --upstream a=/run/app.sock	a port of this machine, a socket: client/config/upstream_text
 *
 * What stands before the first '=' is a key unless it has a '/' or a '?' in it, since then the '='
 * is part of a URL. A comma begins the next upstream; only behind a '?' it may belong to the query,
 * and does so unless the text up to the next comma has a "://" in it. "*" alone is the catch-all.
 * A socket is HTTP where a host or nothing leads to it, TCP where a port does.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "client/config/upstream.h"
#include "config/option.h"
#include "wire/control.h"
#include "wire/hostname.h"
#include "wire/url.h"

/* A client that publishes more should be several; its claims would fill a whole second of a link. */
#define UPSTREAMS_MAX 1024

/* What a text without a scheme is taken for: by `tunnel http`, `tunnel tcp` and so on. */
enum upstream_form {
	UPSTREAM_FORM_NONE, /* tunnel client: HTTP, and a key of digits asks for a scheme */
	UPSTREAM_FORM_HTTP,
	UPSTREAM_FORM_TCP, /* at any public port, unless one is said */
	UPSTREAM_FORM_UDP, /* likewise */
	UPSTREAM_FORM_TLS, /* sni+tcp */
};

/* What --upstream and the options behind it say, or one entry of the file's `services`. */
struct service_options {
	enum upstream_form form; /* not an option: the command's, of its operand */
	char *upstream;
	struct option_ranges port; /* public */
	int proxy_protocol;        /* enum upstream_proxy */
	int half_closed;           /* 1: http: goes on behind a visitor's FIN */
	bool insecure;             /* https: whatever certificate */
	bool listing;              /* file: directories without an index.html are listed */
	struct option_list alpn;   /* tls+tcp: what it speaks behind TLS */
	char *ca;                  /* https: PEM file; NULL: the system's */
	char *host;     /* Host, and https: SNI; NULL: the URL's for https, else the visitor's */
	bool host_only; /* what else names the place is not rewritten with Host */
	char *probe;    /* a path, or "connect"; NULL: none */
	uint64_t probe_every; /* µs; 0: UPSTREAM_PROBE_EVERY */
	struct option_ranges probe_expect;
	char *group, *origin;      /* NULL: none */
	uint64_t priority, weight; /* 0: not said */
	int disabled;              /* 1: it takes nobody new */
	char *rules;               /* a file of rules for its requests; NULL: none */
	char *tcp_idle;            /* a time; NULL: UPSTREAM_TCP_IDLE, or 0 for HTTP */
	uint64_t max_connections, max_connections_per_visitor; /* 0: any number */
	char *private_name; /* NULL: public; the rest is for a private service alone */
	struct option_list visibility, auto_approve, fqdns, source_addresses;
	bool end_to_end;
	char *on_pending; /* a program */
};

struct upstreams {
	struct upstream *v;
	size_t n;
	bool ports_used; /* some upstream took those of --ports */
};

#define UPSTREAMS_NULL ((struct upstreams){0})

/*
 * Adds what one --upstream with its options says. `ports` are those of --ports, for an upstream
 * without scheme, key and port. -EINVAL with a sentence for a key or URL that is none, a name or port
 * that is there twice, settings that make no sense together, or too many; -ENOMEM. What came before
 * stays.
 */
int upstreams_add(struct upstreams *u, const struct service_options *o,
	const struct option_ranges *ports, struct error *err);

void upstreams_deinit(struct upstreams *u);
