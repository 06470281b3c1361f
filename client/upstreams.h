#pragma once
/*
 * What a client publishes: for each host name an upstream, and at most one for every other host.
 *
 *	--upstream http://127.0.0.1:3000		the catch-all
 *	--upstream a.example.com=http://127.0.0.1:8000	one host; *.example.com= for those below it
 *	--upstream a=http://x,b=http://y		several, or the option several times
 *
 * What stands before the first '=' is a host unless it has a '/' or a '?' in it, since then the '='
 * is part of a URL. A comma begins the next upstream; only behind a '?' it may belong to the query,
 * and does so unless the text up to the next comma has a "://" in it. "*" alone is the catch-all.
 */
#include "base/error.h"
#include "base/str.h"
#include "wire/hostname.h"
#include "wire/url.h"

/* A client that publishes more should be several; its claims would fill a whole second of a link. */
#define UPSTREAMS_MAX 1024

struct upstream {
	char host[HOSTNAME_SIZE]; /* canonical; "*.name" for a wildcard; "" is the catch-all */
	char *text;               /* the URL as it was given; owned, and `url` looks into it */
	struct url url;
};

struct upstreams {
	struct upstream *v;
	size_t n;
};

#define UPSTREAMS_NULL ((struct upstreams){0})

/*
 * Adds what one value of --upstream says. -EINVAL with a sentence for a host or URL that is none, a
 * host named twice, or too many; -ENOMEM. What came before stays.
 */
int upstreams_add(struct upstreams *u, struct str text, struct error *err);

void upstreams_deinit(struct upstreams *u);
