/* SPDX-License-Identifier: MIT */
#pragma once
/* A TUN device inside a named network namespace; it is gone when its descriptor is closed. */
#include <stdint.h>

#define TUN_MTU 1500 /* bytes; Ethernet's, as on most long paths */

/*
 * Makes the device "wan" in the namespace of that name (`ip netns add`), with an address such as
 * 10.0.0.1/24, and brings it up. Returns a descriptor that does not block and gives whole IP packets
 * of at most TUN_MTU bytes, or negative errno with a sentence on standard error. The caller's own
 * namespace is the same before and after.
 */
int tun_open(const char *netns, const char *address);
