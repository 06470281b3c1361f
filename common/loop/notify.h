/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Messages to systemd (sd_notify(3)), without its library: one datagram to the socket that $NOTIFY_SOCKET
 * names. Without one (a terminal, a container) every call does nothing.
 */
#include <stdint.h>

/* Lines of VARIABLE=VALUE: "READY=1\nSTATUS=…", "STOPPING=1", "WATCHDOG=1". 1 sent, 0 nothing
 * listens, -errno. Never waits. */
int notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * How often to send WATCHDOG=1, in µs: half of what systemd allows. 0 when no watchdog is wanted
 * from this process ($WATCHDOG_USEC, $WATCHDOG_PID).
 */
uint64_t notify_watchdog_interval(void);
