/* SPDX-License-Identifier: MIT */
#pragma once
/* Spans as OTLP/HTTP takes them (ExportTraceServiceRequest in JSON: OTLP 1.3, "JSON Protobuf Encoding"). */
#include "server/trace/span.h"

/* `offset`: wall clock minus CLOCK_MONOTONIC, µs. Owned by the caller; NULL: no memory. */
char *otlp_json(const struct span *spans, size_t n, uint64_t offset, size_t *size_out);
