/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Fields of --otlp-headers-from, as a collector's key: what OTEL_EXPORTER_OTLP_HEADERS is elsewhere (OpenTelemetry
 * Protocol Exporter), from a file, as they are secrets.
 */
#include "base/error.h"

#define OTLP_HEADERS_MAX 8192 /* bytes of the file: a long token, and room for others */

/*
 * Reads a file of lines "Name: value"; blank lines, and those that begin with #, are passed over. `text_out` has each with CR LF
 * behind it; the caller's to otlp_headers_free(). 0, with a sentence in `warning_out` or ""; -errno with a sentence where
 * it cannot be read, others can read it too, or a line is no field or one that each request has already.
 */
int otlp_headers_read(const char *path, char **text_out, struct error *warning_out,
	struct error *err);

/* Wipes it. Accepts NULL; returns NULL. */
char *otlp_headers_free(char *text);
