/* SPDX-License-Identifier: MIT */
/* OpenSSL's reasons in sentences of ours. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "tls/tls_internal.h"

int tls_error(struct error *err, int code, const char *fmt, ...)
{
	char what[sizeof err->text];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	/* A file that is not there is the first error, and the last says that something was one. */
	unsigned long first = ERR_peek_error();
	const char *why = ERR_SYSTEM_ERROR(first) ? strerror(ERR_GET_REASON(first))
						  : ERR_reason_error_string(ERR_peek_last_error());
	error_set(err, code, "%s: %s", what, why ? why : strerror(-code));
	ERR_clear_error();
	return code;
}

int tls_ca_error(struct error *err, const char *ca, const char *what)
{
	auto_close int fd = open(ca, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		return tls_error(err, -EINVAL, "%s %s cannot be read", what, ca);
	return file_error(err, -errno, ca, FILE_READ, "%s %s cannot be read", what, ca);
}
