/* SPDX-License-Identifier: MIT */
#include "server/base/access_log.h"

#include <errno.h>

#include "base/log.h"
#include "base/macros.h"

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

int access_log_check(struct str text, struct error *err)
{
	static const char *const yes[] = {"on", "true", "yes", "1", "stderr", "log", "default"};
	static const char *const no[] = {"false", "no", "0", "none", "null"};
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		if (str_eq_nocase(text, str_from(yes[i])))
			return error_set(err, -EINVAL,
				"\"%.*s\" is no file: without --access-log its lines go to the log "
				"on "
				"standard error, to standard output with stdout, nowhere with off",
				STR_ARG(text));
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (str_eq_nocase(text, str_from(no[i])))
			return error_set(err, -EINVAL, "\"%.*s\" is no file: write off",
				STR_ARG(text));
	return 0;
}
