/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * EMULATED says whether tests run under qemu-user (scripts/cross/arm64.ini), which answers these with "not
 * supported": TCP_INFO, SIOCOUTQNSD, SO_RXQ_OVFL, openat2(), ptrace() and seccomp. A test that needs one skips
 * then. It is some twenty times slower, too.
 */
#include <stdbool.h>

#ifdef TUNNEL_EMULATED
#define EMULATED true
#else
#define EMULATED false
#endif
