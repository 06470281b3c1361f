/* SPDX-License-Identifier: MIT */
#pragma once
/* When a certificate that a program uses is to be replaced, and the wait until then. */
#include <stdint.h>

/*
 * µs to wait, of a certificate that lasts so long from now on: a random moment between 60 % and 90 % of it, as Consul
 * has it, so that those of many machines that came up together are spread; there is time left to try again. Any
 * `random` will do.
 */
uint64_t renewal_wait(uint64_t lifetime, uint32_t random);

/*
 * From here on SIGTERM and SIGINT end the process, with status 0, and SIGHUP ends a wait alone.
 */
void renewal_begin(void);

/* Time counts while the machine is asleep, too. */
void renewal_sleep(uint64_t us);
