/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Whether a name leads here, before a CA is asked to find out: each of its addresses is asked for a text that only this
 * exit node can know, over HTTP at port 80, or over TLS at port 443 whatever the certificate. What answers is compared and
 * shown to nobody, no redirect is followed, and where the CA is a public one, nothing but public addresses is asked:
 * whoever may claim a name says by its DNS where these requests go.
 */
#include "base/clock.h"
#include "base/error.h"
#include "server/base/challenges.h"

struct tls_client;

/* Addresses of a name that are asked: a CA asks any of them. */
#define SELF_CHECK_ADDRESSES 8
#define SELF_CHECK_TIMEOUT   (10 * CLOCK_S) /* for all of them, behind the look-up */

/* Blocks. `c`: what is answered here by now. `tls`: it is asked over TLS; NULL: over HTTP. 0, or -errno with a sentence. */
int self_check(const struct challenge *c, struct tls_client *tls, bool anywhere, struct error *err);
