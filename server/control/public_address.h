/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where visitors find a service, for people. A server does not know how it is reached from outside, behind
 * NAT or another proxy: unless somebody has said so (--advertise), what the client dialled is the best that
 * is known, because that led here.
 */
#include "server/route/service.h"

#define PUBLIC_ADDRESS_SIZE (2 * HOSTNAME_SIZE + 32)

/* "http://a.example.org:9090/", "tcp://192.0.2.1:2222", "*.example.org on https://exit.example.org/". */
void public_address(const struct service *service, char to[PUBLIC_ADDRESS_SIZE]);
