/* SPDX-License-Identifier: MIT */
#pragma once
/* What is to be done when a program's certificate was renewed: "systemctl reload nginx". */
#include "base/clock.h"
#include "base/error.h"

/* µs. A command that takes longer hangs, and is killed: the next renewal must not wait for it. */
#define RENEWAL_COMMAND_TIME (60 * CLOCK_S)

/* Runs it by the shell, and waits for its end. 0; or -ECANCELED, -ETIMEDOUT, -errno, with a sentence. */
int renewal_command(const char *command, struct error *err);
