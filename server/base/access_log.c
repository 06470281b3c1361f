/* SPDX-License-Identifier: MIT */
#include "server/base/access_log.h"

#include <errno.h>

#include "base/log.h"
#include "base/macros.h"

/* Those that each line has, and the most that one has. */
#define ACCESS_FIELDS_ALWAYS 10
#define ACCESS_FIELDS        13

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
	struct log_field fields[ACCESS_FIELDS] = {
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
	};
	size_t n = ACCESS_FIELDS_ALWAYS;
	if (a->consumer.n) {
		fields[n++] = (struct log_field)TEXT("consumer", a->consumer);
		fields[n++] = (struct log_field)NUMBER("link", a->link);
	}
	if (a->why)
		fields[n++] = (struct log_field)TEXT("why", str_from(a->why));
#undef TEXT
#undef NUMBER
	log_access(fields, n);
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
