/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where visitors find a service, for people. A server does not know how it is reached from outside, behind
 * NAT or another proxy: unless somebody has said so (--advertise), what the client dialled is the best that
 * is known, because that led here.
 */
#include "policy/alias.h"
#include "server/route/service.h"

#define PUBLIC_ADDRESS_SIZE (2 * HOSTNAME_SIZE + 32)

/* The alias of a private service on this exit node, as it is called at the moment. Returns `to`. */
char *public_alias(const struct node *n, const struct private_service *p,
	char to[POLICY_ALIAS_SIZE]);

/* "http://a.example.org:9090/", "tcp://192.0.2.1:2222", "*.example.org on https://exit.example.org/"; of a private one the alias. */
void public_address(const struct service *service, char to[PUBLIC_ADDRESS_SIZE]);
