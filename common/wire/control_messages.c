/* SPDX-License-Identifier: MIT */
/* The members of each message, and what needs no JSON: copies and names. */
#include "wire/control_messages.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Indexed by the enum's values; lists end with NULL. */
static const char *const kinds[] = {"unknown", "tcp", "udp", "http", NULL};
static const char *const tls_words[] = {"none", "terminate", "pass", "unknown", NULL};
static const char *const schemes[] = {"unknown", "http", "https", NULL};
static const char *const protocols[] = {"http/1.1", "h2", "unknown", NULL};
static const char *const reasons[] = {"other", "taken", "denied", "invalid", "unsupported", "limit",
	"unknown", NULL};
static const char *const healths[] = {"other", "up", "down", NULL};
static const char *const states[] = {"other", "pending", "approved", "rejected", "disconnected",
	NULL};

#define MEMBER(type, field, ...)                                                        \
	{                                                                               \
		.name = #field, .at = offsetof(struct control, type.field), __VA_ARGS__ \
	}
#define TEXT(type, field, max, ...) \
	MEMBER(type, field, .form = FORM_TEXT, .bound = max, __VA_ARGS__)
#define HEX(type, field, size, ...) \
	MEMBER(type, field, .form = FORM_HEX, .bound = size, __VA_ARGS__)
#define NUMBER(type, field, max, ...) \
	MEMBER(type, field, .form = FORM_NUMBER, .bound = max, __VA_ARGS__)
#define WORD(type, field, list, otherwise, ...) \
	MEMBER(type, field, .form = FORM_WORD, .words = list, .bound = otherwise, __VA_ARGS__)
#define FLAG(type, field) MEMBER(type, field, .form = FORM_FLAG, .optional = true)
#define LIST(type, field) \
	MEMBER(type, field, .form = FORM_LIST, .bound = CONTROL_LIST, .optional = true)
#define IF(type, flag) .optional = true, .given_at = offsetof(struct control, type.flag)

const struct control_message control_messages[CONTROL_TYPES] = {
	[CONTROL_HELLO] = {.name = "hello",
		.members =
			{
				TEXT(hello, version, CONTROL_VERSION),
				HEX(hello, instance, CONTROL_INSTANCE),
				HEX(hello, resume, CONTROL_SECRET, IF(hello, resume_given)),
				HEX(hello, session, CONTROL_SESSION, IF(hello, session_given)),
				MEMBER(hello, remote, .form = FORM_CLEAN, .bound = CONTROL_REMOTE,
					.optional = true),
				MEMBER(hello, features, .form = FORM_CLEAN,
					.bound = CONTROL_FEATURES, .optional = true),
				NUMBER(hello, base_window, CONTROL_WINDOW),
				NUMBER(hello, max_streams, UINT32_MAX),
			}},
	[CONTROL_PUBLISH] =
		{.name = "publish",
			.members =
				{
					NUMBER(publish, service, UINT32_MAX),
					WORD(publish, kind, kinds, CONTROL_KIND_UNKNOWN),
					TEXT(publish, host, CONTROL_HOST),
					TEXT(publish, upstream, CONTROL_TEXT),
					TEXT(publish, path, CONTROL_TEXT, .optional = true),
					MEMBER(publish, rewrite, .form = FORM_CLEAN,
						.bound = CONTROL_REWRITE, .optional = true),
					NUMBER(publish, port, UINT16_MAX, IF(publish, port_given)),
					NUMBER(publish, ports, UINT16_MAX, .optional = true),
					WORD(publish, tls, tls_words, CONTROL_TLS_UNKNOWN,
						.optional = true),
					FLAG(publish, per_visitor),
					FLAG(publish, half_closed),
					FLAG(publish, exclusive),
					MEMBER(publish, alpn, .form = FORM_CLEAN,
						.bound = CONTROL_ALPN, .optional = true),
					WORD(publish, scheme, schemes, CONTROL_SCHEME_UNKNOWN,
						.optional = true),
					WORD(publish, protocol, protocols, CONTROL_PROTOCOL_UNKNOWN,
						.optional = true),
					FLAG(publish, host_only),
					{.name = "private",
						.at = offsetof(struct control, publish.private_name),
						.form = FORM_CLEAN,
						.bound = CONTROL_NAME,
						.optional = true},
					LIST(publish, visibility),
					LIST(publish, auto_approve),
					LIST(publish, fqdns),
					HEX(publish, e2e_key, CONTROL_KEY, IF(publish, e2e_given)),
					FLAG(publish, aes),
					MEMBER(publish, group, .form = FORM_CLEAN,
						.bound = CONTROL_HOST, .optional = true),
					MEMBER(publish, origin, .form = FORM_CLEAN,
						.bound = CONTROL_NAME, .optional = true),
					NUMBER(publish, priority, CONTROL_PRIORITY,
						.optional = true),
					NUMBER(publish, weight, CONTROL_WEIGHT, .optional = true),
					MEMBER(publish, enabled, .form = FORM_FLAG,
						IF(publish, enabled_given)),
					TEXT(publish, rules, CONTROL_RULES, .optional = true),
				}},
	[CONTROL_GRANTED] =
		{.name = "granted",
			.members =
				{
					NUMBER(granted, service, UINT32_MAX),
					TEXT(granted, address, CONTROL_TEXT),
					NUMBER(granted, port, UINT16_MAX, .optional = true),
					NUMBER(granted, ports, UINT16_MAX, .optional = true),
					FLAG(granted, exclusive),
				}},
	[CONTROL_REFUSED] =
		{.name = "refused",
			.members =
				{
					NUMBER(refused, service, UINT32_MAX),
					WORD(refused, reason, reasons, CONTROL_REASON_OTHER),
					TEXT(refused, sentence, CONTROL_TEXT),
				}},
	[CONTROL_SESSION_GRANT] =
		{.name = "session",
			.members =
				{
					HEX(session, session, CONTROL_SESSION),
					HEX(session, resume, CONTROL_SECRET),
				}},
	[CONTROL_JOIN] =
		{.name = "join",
			.members =
				{
					HEX(join, session, CONTROL_SESSION),
					HEX(join, mac, CONTROL_SECRET),
				}},
	[CONTROL_WITHDRAW] =
		{.name = "withdraw",
			.members =
				{
					NUMBER(withdraw, service, UINT32_MAX),
				}},
	[CONTROL_NOTICE] =
		{.name = "notice",
			.members =
				{
					TEXT(notice, sentence, CONTROL_TEXT),
					FLAG(notice, warning),
				}},
	[CONTROL_ATTACH] =
		{.name = "attach",
			.members =
				{
					NUMBER(attach, endpoint, UINT32_MAX),
					TEXT(attach, service, CONTROL_TEXT),
					WORD(attach, kind, kinds, CONTROL_KIND_UNKNOWN),
					MEMBER(attach, name, .form = FORM_CLEAN,
						.bound = CONTROL_NAME, .optional = true),
					TEXT(attach, message, CONTROL_MESSAGE, .optional = true),
					HEX(attach, e2e_key, CONTROL_KEY, IF(attach, e2e_given)),
				}},
	[CONTROL_DETACH] =
		{.name = "detach",
			.members =
				{
					NUMBER(detach, endpoint, UINT32_MAX),
				}},
	[CONTROL_ATTACHED] =
		{.name = "attached",
			.members =
				{
					NUMBER(attached, endpoint, UINT32_MAX),
					NUMBER(attached, link, UINT32_MAX),
					WORD(attached, state, states, CONTROL_ENDPOINT_OTHER),
					FLAG(attached, usable),
					MEMBER(attached, id, .form = FORM_CLEAN,
						.bound = CONTROL_ENDPOINT),
					TEXT(attached, alias, CONTROL_TEXT),
					TEXT(attached, sentence, CONTROL_TEXT, .optional = true),
					LIST(attached, fqdns),
					HEX(attached, e2e_key, CONTROL_KEY,
						IF(attached, e2e_given)),
					FLAG(attached, aes),
				}},
	[CONTROL_DECLINED] =
		{.name = "declined",
			.members =
				{
					NUMBER(declined, endpoint, UINT32_MAX),
					WORD(declined, reason, reasons, CONTROL_REASON_OTHER),
					TEXT(declined, sentence, CONTROL_TEXT),
				}},
	[CONTROL_PENDING] =
		{.name = "pending",
			.members =
				{
					MEMBER(pending, id, .form = FORM_CLEAN,
						.bound = CONTROL_ENDPOINT),
					MEMBER(pending, service, .form = FORM_CLEAN,
						.bound = CONTROL_NAME),
					MEMBER(pending, consumer, .form = FORM_CLEAN,
						.bound = CONTROL_NAME),
					TEXT(pending, message, CONTROL_MESSAGE, .optional = true),
					HEX(pending, e2e_key, CONTROL_KEY, IF(pending, e2e_given)),
				}},
	[CONTROL_HEALTH] =
		{.name = "health",
			.members =
				{
					NUMBER(health, service, UINT32_MAX),
					WORD(health, state, healths, CONTROL_HEALTH_OTHER),
					NUMBER(health, latency_us, UINT32_MAX, .optional = true),
				}},
};

/* It has one place: two would be two services. */
static const char *group_fault(const struct control *c)
{
	bool named = c->publish.host && *c->publish.host;
	if (c->publish.kind != CONTROL_HTTP)
		return "an origin of a group of another kind than http";
	if (named || c->publish.port_given || c->publish.ports || c->publish.tls ||
		c->publish.private_name || c->publish.exclusive)
		return "an origin of a group with a place of its own besides";
	return NULL;
}

/*
 * An exit node of an older version skips `private` and publishes the rest: of kind http with host "" that is
 * every visitor's, and with a port or a name anybody's who knows it. Of kind tcp or udp with neither it
 * refuses it.
 */
const char *control_fault(const struct control *c)
{
	if (c->type == CONTROL_PUBLISH && c->publish.group)
		return group_fault(c);
	if (c->type != CONTROL_PUBLISH || !c->publish.private_name)
		return NULL;
	if (c->publish.kind == CONTROL_HTTP)
		return "a private service of kind http";
	bool named = c->publish.host && *c->publish.host;
	if (named || c->publish.port_given || c->publish.ports || c->publish.tls)
		return "a private service with a public name, port or TLS";
	return NULL;
}

/* ---- Copies ---- */

static const char **text_at(const struct control_member *m, const struct control *c)
{
	return (const char **)((char *)c + m->at);
}

int control_copy(const struct control *from, struct control *to_out)
{
	const struct control_message *msg = &control_messages[from->type];
	size_t size = 0;
	control_for_each_member(m, msg) if (control_form_is_text(m->form) && *text_at(m, from))
		size += strlen(*text_at(m, from)) + 1;
	char *at = size ? malloc(size) : NULL;
	if (size && !at)
		return -ENOMEM;
	*to_out = *from;
	to_out->tree = NULL;
	to_out->texts = at;
	control_for_each_member(m, msg) if (control_form_is_text(m->form) && *text_at(m, from))
	{
		size_t n = strlen(*text_at(m, from)) + 1;
		*text_at(m, to_out) = memcpy(at, *text_at(m, from), n);
		at += n;
	}
	return 0;
}

void control_take(struct control *from, struct control *to_out)
{
	*to_out = *from;
	from->tree = NULL;
	from->texts = NULL;
}

/* ---- Names ---- */

bool control_has_feature(const char *features, const char *word)
{
	size_t n = strlen(word);
	while (features) {
		if (strncmp(features, word, n) == 0 && (features[n] == ',' || !features[n]))
			return true;
		features = strchr(features, ',');
		features += features != NULL;
	}
	return false;
}

/* It stands in logs, labels of metrics, and commands. */
bool control_is_origin(const char *text)
{
	static const char word[] =
		"-_.:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t n = strspn(text, word);
	return n && n <= CONTROL_NAME && !text[n];
}

const char *control_type_name(enum control_type type)
{
	return control_messages[type].name;
}

const char *control_kind_name(enum control_kind kind)
{
	return kinds[kind];
}

const char *control_tls_name(enum control_tls tls)
{
	return tls_words[tls];
}

const char *control_reason_name(enum control_reason reason)
{
	return reasons[reason];
}

const char *control_endpoint_state_name(enum control_endpoint_state state)
{
	return states[state];
}
