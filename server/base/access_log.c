/* SPDX-License-Identifier: MIT */
#include "server/base/access_log.h"

#include "base/log.h"

void access_log(const struct access_entry *a)
{
	if (!log_access_enabled())
		return;
	char room[ACCESS_TARGET_SIZE];
#define TEXT(n, value)                                               \
	{                                                            \
		.name = (n), .kind = LOG_FIELD_TEXT, .text = (value) \
	}
#define NUMBER(n, value)                                                 \
	{                                                                \
		.name = (n), .kind = LOG_FIELD_NUMBER, .number = (value) \
	}
	struct log_field fields[] = {
		TEXT("visitor", a->visitor),
		TEXT("method", a->method),
		TEXT("host", a->host),
		TEXT("path", access_target(a->path, a->query, room)),
		NUMBER("status", a->status),
		NUMBER("bytes_in", a->bytes_in),
		NUMBER("bytes_out", a->bytes_out),
		NUMBER("duration_us", a->duration),
		TEXT("session", a->session),
		TEXT("request_id", a->request_id),
		TEXT("why", a->why ? str_from(a->why) : STR_NULL),
	};
#undef TEXT
#undef NUMBER
	size_t n = sizeof fields / sizeof fields[0];
	log_access(fields, a->why ? n : n - 1);
}
