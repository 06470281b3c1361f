/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Sockets at a public port, TCP to be listened on or UDP to be received with, and what to tell people
 * when there is none to be had.
 */
#include <stdint.h>

#include "base/error.h"

/*
 * A non-blocking, close-on-exec socket of `type`, SOCK_STREAM (listening, and what it accepts is tuned:
 * net/socket.h) or SOCK_DGRAM (which tells the address each datagram was sent to), on `bind_addr` (a
 * numeric address; "" or NULL is every IPv4 and IPv6 address) and `port` (0: any free one). It, or
 * -errno with a sentence.
 */
int bind_port(int type, const char *bind_addr, uint16_t port, struct error *err);

/*
 * Whether `bind_addr` is an address at all, for options: the machine is not asked, as one that is there
 * later is none of the command's mistakes. 0, or -EINVAL with a sentence.
 */
int bind_check(const char *bind_addr, struct error *err);

/* The sentence for a later failure, -errno, of such a socket. Returns `error`. */
int bind_explain(int type, int error, const char *bind_addr, uint16_t port, struct error *err);
