/* SPDX-License-Identifier: MIT */
/* Why a connection failed or its peer is not verified: the first reason is kept. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tls/tls_internal.h"

static const char broken_memory[] = "there is no memory for it";

void tls_complain(struct tls *tls, const char *fmt, ...)
{
	if (tls->complaint)
		return;
	va_list ap;
	va_start(ap, fmt);
	if (vasprintf(&tls->complaint, fmt, ap) < 0)
		tls->complaint = (char *)(uintptr_t)broken_memory;
	va_end(ap);
}

void tls_complain_instead(struct tls *tls, char *text)
{
	if (tls->complaint != broken_memory)
		free(tls->complaint);
	tls->complaint = text;
}

const char *tls_complaint(const struct tls *tls)
{
	return tls->complaint ? tls->complaint : "";
}
