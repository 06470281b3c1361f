/* SPDX-License-Identifier: MIT */
/*
 * CONTROL messages. Each type is a table of members, and one encoder and one decoder walk it: a
 * bound stands in one place and holds for what is sent as for what is believed.
 */
#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <string.h>

#include "base/macros.h"
#include "base/str.h"
#include "wire/control.h"

enum form {
	FORM_TEXT,   /* const char *; `bound` is the largest length */
	FORM_HEX,    /* uint8_t[bound], as lower-case digits */
	FORM_NUMBER, /* uint32_t; `bound` is the largest value */
	FORM_CLEAN,  /* FORM_TEXT that goes into a message head: visible ASCII, 1 byte or more */
	FORM_WORD,   /* an enum; `words`; `bound` is what a word that is not among them reads as */
	FORM_FLAG,   /* bool */
};

struct member {
	const char *name;
	enum form form;
	uint32_t bound;
	size_t at;
	bool optional;   /* NULL, 0 or false when absent, unless there is a given_at */
	size_t given_at; /* of the bool that tells whether an optional one is there; 0: none */
	const char *const *words;
};

#define MEMBERS_MAX 15 /* in one type: publish */

/* Indexed by the enum's values; lists end with NULL. */
static const char *const kinds[] = {"unknown", "tcp", "udp", "http", NULL};
static const char *const tls_words[] = {"none", "terminate", "pass", "unknown", NULL};
static const char *const schemes[] = {"unknown", "http", "https", NULL};
static const char *const reasons[] = {"other", "taken", "denied", "invalid", "unsupported", "limit",
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
#define IF(type, flag)    .optional = true, .given_at = offsetof(struct control, type.flag)

static const struct message {
	const char *name;
	struct member members[MEMBERS_MAX];
} messages[] = {
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
	[CONTROL_PUBLISH] = {.name = "publish",
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
				MEMBER(publish, alpn, .form = FORM_CLEAN, .bound = CONTROL_ALPN,
					.optional = true),
				WORD(publish, scheme, schemes, CONTROL_SCHEME_UNKNOWN,
					.optional = true),
				FLAG(publish, host_only),
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
};

static void free_tree(json_t **tree)
{
	json_decref(*tree);
}
#define auto_tree __attribute__((cleanup(free_tree)))

/* It ends up in a request's head or a list, where a CR or a space would begin something else. */
static bool text_clean(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return false;
	return *text != '\0';
}

/* Encoding: a JSON value for one member. NULL with *refused set when the peer would not take it. */

static json_t *hex_value(const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * CONTROL_SECRET];
	for (size_t i = 0; i < n; i++) {
		text[2 * i] = digits[p[i] >> 4];
		text[2 * i + 1] = digits[p[i] & 15];
	}
	return json_stringn(text, 2 * n);
}

static json_t *member_value(const struct member *m, const struct control *c, bool *refused)
{
	const void *at = (const char *)c + m->at;
	switch (m->form) {
	case FORM_TEXT:
	case FORM_CLEAN: {
		const char *text = *(const char *const *)at;
		json_t *value = NULL;
		if (text && strlen(text) <= m->bound && (m->form == FORM_TEXT || text_clean(text)))
			value = json_string(text); /* also NULL when it is not UTF-8 */
		*refused = !value;
		return value;
	}
	case FORM_HEX:
		return hex_value(at, m->bound);
	case FORM_NUMBER: {
		uint32_t number = *(const uint32_t *)at;
		*refused = number > m->bound;
		return *refused ? NULL : json_integer(number);
	}
	case FORM_WORD: {
		unsigned word;
		memcpy(&word, at, sizeof word);
		for (unsigned i = 0; m->words[i]; i++)
			if (i == word)
				return json_string(m->words[i]);
		*refused = true;
		return NULL;
	}
	case FORM_FLAG:
		return json_boolean(*(const bool *)at);
	}
	return NULL;
}

static bool member_given(const struct member *m, const struct control *c)
{
	const void *at = (const char *)c + m->at;
	if (!m->optional)
		return true;
	if (m->given_at)
		return *(const bool *)((const char *)c + m->given_at);
	switch (m->form) {
	case FORM_TEXT:
	case FORM_CLEAN:
		return *(const char *const *)at != NULL;
	case FORM_NUMBER:
	case FORM_WORD:
		return *(const uint32_t *)at != 0;
	case FORM_FLAG:
		return *(const bool *)at;
	case FORM_HEX: /* has a given_at */
		break;
	}
	return true;
}

int control_encode(const struct control *c, void *at, size_t cap, struct error *err,
	size_t *size_out)
{
	const struct message *msg = &messages[c->type];
	auto_tree json_t *tree = json_object();

	if (!tree || json_object_set_new(tree, "type", json_string(msg->name)) != 0)
		return error_set(err, -ENOMEM, "out of memory");
	for (const struct member *m = msg->members; m < msg->members + MEMBERS_MAX && m->name;
		m++) {
		bool refused = false;
		if (!member_given(m, c))
			continue;
		json_t *value = member_value(m, c, &refused);
		if (refused)
			return error_set(err, CONTROL_E_MALFORMED,
				"the \"%s\" of a \"%s\" message is missing, too long or has a "
				"character that it may not have",
				m->name, msg->name);
		if (json_object_set_new(tree, m->name, value) != 0)
			return error_set(err, -ENOMEM, "out of memory");
	}
	size_t size = json_dumpb(tree, at, cap, JSON_COMPACT);
	if (size == 0)
		return error_set(err, -ENOMEM, "out of memory");
	if (size > cap)
		return error_set(err, -ENOBUFS, "a \"%s\" message of %zu bytes does not fit",
			msg->name, size);
	*size_out = size;
	return 0;
}

/* Decoding: false when the value is not what the member may be. */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1; /* one spelling for one value: upper case is not sent, so it is not read */
}

static bool read_hex(const json_t *value, uint8_t *to, size_t n)
{
	const char *text = json_string_value(value);
	if (!text || json_string_length(value) != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		to[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool read_word(const json_t *value, const struct member *m, void *to)
{
	const char *text = json_string_value(value);
	unsigned word = m->bound;
	if (!text)
		return false;
	for (unsigned i = 0; m->words[i]; i++)
		if (strcmp(m->words[i], text) == 0)
			word = i;
	memcpy(to, &word, sizeof word);
	return true;
}

static bool read_value(const struct member *m, const json_t *value, struct control *c)
{
	void *at = (char *)c + m->at;
	switch (m->form) {
	case FORM_TEXT:
	case FORM_CLEAN:
		if (!json_is_string(value) || json_string_length(value) > m->bound)
			return false;
		*(const char **)at = json_string_value(value);
		return m->form == FORM_TEXT || text_clean(*(const char **)at);
	case FORM_HEX:
		return read_hex(value, at, m->bound);
	case FORM_NUMBER: {
		json_int_t number = json_integer_value(value);
		if (!json_is_integer(value) || number < 0 || number > m->bound)
			return false;
		*(uint32_t *)at = (uint32_t)number;
		return true;
	}
	case FORM_WORD:
		return read_word(value, m, at);
	case FORM_FLAG:
		*(bool *)at = json_is_true(value);
		return json_is_boolean(value);
	}
	return false;
}

static bool read_member(const struct member *m, const json_t *value, struct control *c)
{
	if (!read_value(m, value, c))
		return false;
	if (m->given_at)
		*(bool *)((char *)c + m->given_at) = true;
	return true;
}

static const struct message *message_find(const char *name)
{
	for (size_t i = CONTROL_HELLO; i < ARRAY_LEN(messages); i++)
		if (strcmp(messages[i].name, name) == 0)
			return &messages[i];
	return NULL;
}

/* Where the string that begins at `i` ends: at its quote, or `n`. */
static size_t string_end(const char *p, size_t n, size_t i)
{
	for (i++; i < n && p[i] != '"'; i++)
		if (p[i] == '\\')
			i++;
	return MIN(i, n);
}

/*
 * The type, without parsing: to build the tree of a message that is skipped takes twenty times as long as
 * to look through it. False where there is none, where it is written with escapes, and for much of what
 * is no JSON: then the parser decides.
 */
static bool find_type(const char *p, size_t n, struct str *type_out)
{
	size_t depth = 0;
	bool name = false;  /* the next string is a member's, of the outermost object */
	bool value = false; /* the next string is the type */
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '{' || p[i] == '[') {
			depth++;
			name = depth == 1;
			value = false;
		} else if (p[i] == '}' || p[i] == ']') {
			depth -= depth > 0;
			value = false;
		} else if (p[i] == ',') {
			name = depth == 1;
			value = false;
		} else if (p[i] == '"') {
			size_t end = string_end(p, n, i);
			struct str text = {p + i + 1, end - i - 1};
			if (value) {
				*type_out = text;
				return end < n && !memchr(text.p, '\\', text.n);
			}
			value = name && str_eq(text, STR("type"));
			name = false;
			i = end;
		}
	}
	return false;
}

static bool is_unknown(const char *p, size_t n, struct error *err)
{
	struct str type;
	if (!find_type(p, n, &type))
		return false;
	for (size_t i = CONTROL_HELLO; i < ARRAY_LEN(messages); i++)
		if (str_eq(type, str_from(messages[i].name)))
			return false;
	error_set(err, 0, "a message of unknown type \"%.*s\"", (int)MIN(type.n, 64), type.p);
	return true;
}

int control_decode(const void *p, size_t n, struct error *err, struct control *control_out)
{
	json_error_t parse;
	if (is_unknown(p, n, err))
		return CONTROL_UNKNOWN;
	if (n > CONTROL_MAX)
		return error_set(err, CONTROL_E_MALFORMED, "a message of %zu bytes is too long", n);
	auto_tree json_t *tree = json_loadb(p, n, JSON_REJECT_DUPLICATES, &parse);
	if (!tree && json_error_code(&parse) == json_error_out_of_memory)
		return error_set(err, -ENOMEM, "out of memory");
	if (!tree)
		return error_set(err, CONTROL_E_MALFORMED, "not JSON: %s", parse.text);
	const char *name = json_string_value(json_object_get(tree, "type"));
	if (!name)
		return error_set(err, CONTROL_E_MALFORMED, "a message without a \"type\"");
	const struct message *msg = message_find(name);
	if (!msg)
		return error_set(err, CONTROL_UNKNOWN, "a message of unknown type \"%.64s\"", name);

	struct control c = {.type = (enum control_type)(msg - messages)};
	for (const struct member *m = msg->members; m < msg->members + MEMBERS_MAX && m->name;
		m++) {
		const json_t *value = json_object_get(tree, m->name);
		if (!value && m->optional)
			continue;
		if (!value)
			return error_set(err, CONTROL_E_MALFORMED,
				"a \"%s\" message without \"%s\"", msg->name, m->name);
		if (!read_member(m, value, &c))
			return error_set(err, CONTROL_E_MALFORMED,
				"the \"%s\" of a \"%s\" message is of the wrong type or out of "
				"bounds",
				m->name, msg->name);
	}
	c.tree = tree;
	tree = NULL;
	*control_out = c;
	return 0;
}

void control_take(struct control *from, struct control *to_out)
{
	*to_out = *from;
	from->tree = NULL;
}

void control_deinit(struct control *c)
{
	if (!c || !c->tree)
		return;
	json_decref(c->tree);
	*c = (struct control){0};
}

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

const char *control_type_name(enum control_type type)
{
	return messages[type].name;
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
