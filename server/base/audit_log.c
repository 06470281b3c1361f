/* SPDX-License-Identifier: MIT */
#include "server/base/audit_log.h"

/* Bytes of a detail that fits a line beside the rest; a list of grants may be longer. */
#define DETAIL_MAX 2048

static struct log_field text_field(const char *name, const char *text)
{
	return (struct log_field){.name = name, .kind = LOG_FIELD_TEXT, .text = str_from(text)};
}

void audit_log(const struct audit_entry *e)
{
	if (!log_audit_enabled())
		return;
	struct log_field fields[7] = {
		text_field("actor", e->actor),
		text_field("via", e->via),
		text_field("action", e->action),
		text_field("subject", e->subject),
	};
	size_t n = 4;
	if (e->grant)
		fields[n++] = text_field("grant", e->grant);
	if (e->why)
		fields[n++] = text_field("why", e->why);
	if (e->detail && strlen(e->detail) <= DETAIL_MAX)
		fields[n++] = (struct log_field){.name = "detail",
			.kind = LOG_FIELD_JSON,
			.text = str_from(e->detail)};
	else if (e->detail)
		fields[n++] = text_field("detail", "too long for a line; the store's audit has it");
	log_audit(fields, n);
}
