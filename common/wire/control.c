/* SPDX-License-Identifier: MIT */
/*
 * CONTROL messages as JSON: one encoder and one decoder walk the tables of wire/control_messages, so that
 * a bound holds for what is sent as for what is believed.
 */
#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/str.h"
#include "wire/control_messages.h"

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

/* Its names end up in lists of people and in headers, and none of it is escaped by JSON: its length counts once. */
static bool list_clean(const char *text)
{
	return !*text || (text_clean(text) && !strpbrk(text, "\"\\"));
}

static bool text_fits(enum control_form form, const char *text)
{
	if (form == FORM_LIST)
		return list_clean(text);
	return form == FORM_TEXT || text_clean(text);
}

static json_t *member_value(const struct control_member *m, const struct control *c, bool *refused)
{
	const void *at = (const char *)c + m->at;
	switch (m->form) {
	case FORM_TEXT:
	case FORM_CLEAN:
	case FORM_LIST: {
		const char *text = *(const char *const *)at;
		json_t *value = NULL;
		if (text && strlen(text) <= m->bound && text_fits(m->form, text))
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

static bool member_given(const struct control_member *m, const struct control *c)
{
	const void *at = (const char *)c + m->at;
	if (!m->optional)
		return true;
	if (m->given_at)
		return *(const bool *)((const char *)c + m->given_at);
	switch (m->form) {
	case FORM_TEXT:
	case FORM_CLEAN:
	case FORM_LIST:
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
	const struct control_message *msg = &control_messages[c->type];
	const char *fault = control_fault(c);
	if (fault)
		return error_set(err, CONTROL_E_MALFORMED, "%s is never sent", fault);
	auto_tree json_t *tree = json_object();
	if (!tree || json_object_set_new(tree, "type", json_string(msg->name)) != 0)
		return error_set(err, -ENOMEM, "out of memory");
	control_for_each_member(m, msg)
	{
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

static bool read_word(const json_t *value, const struct control_member *m, void *to)
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

static bool read_value(const struct control_member *m, const json_t *value, struct control *c)
{
	void *at = (char *)c + m->at;
	switch (m->form) {
	case FORM_TEXT:
	case FORM_CLEAN:
	case FORM_LIST:
		if (!json_is_string(value) || json_string_length(value) > m->bound)
			return false;
		*(const char **)at = json_string_value(value);
		return text_fits(m->form, *(const char **)at);
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

static bool read_member(const struct control_member *m, const json_t *value, struct control *c)
{
	if (!read_value(m, value, c))
		return false;
	if (m->given_at)
		*(bool *)((char *)c + m->given_at) = true;
	return true;
}

static const struct control_message *message_find(const char *name)
{
	for (size_t i = CONTROL_HELLO; i < CONTROL_TYPES; i++)
		if (strcmp(control_messages[i].name, name) == 0)
			return &control_messages[i];
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
	for (size_t i = CONTROL_HELLO; i < CONTROL_TYPES; i++)
		if (str_eq(type, str_from(control_messages[i].name)))
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
	const struct control_message *msg = message_find(name);
	if (!msg)
		return error_set(err, CONTROL_UNKNOWN, "a message of unknown type \"%.64s\"", name);

	struct control c = {.type = (enum control_type)(msg - control_messages)};
	control_for_each_member(m, msg)
	{
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
	const char *fault = control_fault(&c);
	if (fault)
		return error_set(err, CONTROL_E_MALFORMED, "%s", fault);
	c.tree = tree;
	tree = NULL;
	*control_out = c;
	return 0;
}

void control_deinit(struct control *c)
{
	if (!c || (!c->tree && !c->texts))
		return;
	json_decref(c->tree);
	free(c->texts);
	*c = (struct control){0};
}
