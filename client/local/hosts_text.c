/* SPDX-License-Identifier: MIT */
#include "client/local/hosts_text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "wire/address.h"
#include "wire/hostname.h"

#define MARK       "# tunnel "
#define MARK_BEGIN ": private services; these lines go when it ends"
#define MARK_END   ": end"

/* "# tunnel PID" with that behind it; 0: it is no such line. */
static pid_t mark_of(struct str line, const char *behind)
{
	char text[96];
	char *end;
	if (line.n >= sizeof(text) || line.n < strlen(MARK) ||
		memcmp(line.p, MARK, strlen(MARK)) != 0)
		return 0;
	memcpy(text, line.p, line.n);
	text[line.n] = '\0';
	long long pid = strtoll(text + strlen(MARK), &end, 10);
	return pid > 0 && pid <= INT32_MAX && strcmp(end, behind) == 0 ? (pid_t)pid : 0;
}

/* Takes a line off the front, without what ends it; `whole_out` has that. */
static struct str take_line(struct str *text, struct str *whole_out)
{
	const char *end = memchr(text->p, '\n', text->n);
	size_t n = end ? (size_t)(end - text->p) : text->n;
	struct str line = {text->p, n};
	*whole_out = (struct str){text->p, n + (end != NULL)};
	*text = (struct str){text->p + whole_out->n, text->n - whole_out->n};
	return line;
}

/* What stands behind the block that began with `pid`'s line; a block without an end is none. */
static bool skip_block(struct str *rest, pid_t pid)
{
	struct str text = *rest, whole;
	while (text.n) {
		struct str line = take_line(&text, &whole);
		if (mark_of(line, MARK_BEGIN))
			return false;
		if (mark_of(line, MARK_END) == pid) {
			*rest = text;
			return true;
		}
	}
	return false;
}

/* All lines but those that go. */
static int keep_others(struct str old, pid_t own, bool (*alive)(pid_t pid), struct buf *out)
{
	struct str whole;
	int r = 0;
	while (old.n && !r) {
		struct str line = take_line(&old, &whole);
		pid_t pid = mark_of(line, MARK_BEGIN);
		bool goes = pid && (pid == own || !alive(pid));
		if (goes)
			skip_block(&old, pid); /* without an end, the line alone goes */
		else
			r = buf_append(out, whole.p, whole.n);
	}
	return r;
}

/* ---- Names ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Whether it stands there as a word; comments count, as a line may be put into force again. */
static bool has_word(struct str text, struct str word)
{
	while (text.n >= word.n) {
		size_t n = 0;
		while (n < text.n && !is_blank(text.p[n]))
			n++;
		if (n && str_eq_nocase((struct str){text.p, n}, word))
			return true;
		n = MIN(n + 1, text.n);
		text = (struct str){text.p + n, text.n - n};
	}
	return false;
}

/* "localhost", and what resolvers take for it (RFC 6761): programs trust it to be this machine. */
static bool is_localhost(struct str name)
{
	static const struct str words[] = {STR("localhost"), STR("localhost.localdomain")};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct str w = words[i];
		if (name.n < w.n || memcmp(name.p + name.n - w.n, w.p, w.n) != 0)
			continue;
		if (name.n == w.n || name.p[name.n - w.n - 1] == '.')
			return true;
	}
	return false;
}

/* " name", if it may be there. */
static int add_name(const struct hosts_entry *e, struct str name, const struct buf *others,
	struct buf *block)
{
	char canonical[HOSTNAME_SIZE];
	struct address address;
	size_t n;
	if (!name.n || hostname_canonical(name, canonical, &n) || !memchr(canonical, '.', n) ||
		hostname_is_number((struct str){canonical, n}) ||
		address_parse_ip((struct str){canonical, n}, &address))
		return 0;
	struct str text = {canonical, n};
	/* Whoever had the exit node's name would keep this client from it. */
	if (is_localhost(text) || (e->own && str_eq_nocase(text, str_from(e->own))))
		return 0;
	if (has_word((struct str){(const char *)buf_head(others), buf_len(others)}, text) ||
		has_word((struct str){(const char *)buf_head(block), buf_len(block)}, text))
		return 0;
	int r = buf_append(block, " ", 1);
	return r ? r : buf_append(block, canonical, n);
}

static int add_names(const struct hosts_entry *e, const struct buf *others, struct buf *block)
{
	/* An exit node that is known by its port has one in the alias, too. */
	size_t n = e->alias ? strcspn(e->alias, ":") : 0;
	int r = e->alias ? add_name(e, (struct str){e->alias, n}, others, block) : 0;
	for (const char *at = e->fqdns; at && *at && !r;) {
		n = strcspn(at, ",");
		r = add_name(e, (struct str){at, n}, others, block);
		at += n + (at[n] == ',');
	}
	return r;
}

/* Its line, if a name is left for it. */
static int add_entry(const struct hosts_entry *e, const struct buf *others, struct buf *block)
{
	size_t before = buf_len(block);
	int r = buf_append(block, e->address, strlen(e->address));
	size_t bare = buf_len(block);
	if (!r)
		r = add_names(e, others, block);
	if (!r && buf_len(block) > bare)
		return buf_append(block, "\n", 1);
	block->end -= buf_len(block) - before;
	return r;
}

static int add_mark(struct buf *to, pid_t pid, const char *behind)
{
	char text[96];
	int n = snprintf(text, sizeof(text), MARK "%ld%s\n", (long)pid, behind);
	return buf_append(to, text, (size_t)n);
}

int hosts_text_change(struct str old, pid_t pid, bool (*alive)(pid_t pid),
	const struct hosts_entry *entries, size_t n, struct buf *out)
{
	struct buf block = {0};
	int r = keep_others(old, pid, alive, out);
	for (size_t i = 0; i < n && !r; i++)
		r = add_entry(&entries[i], out, &block);
	if (!r && buf_len(&block)) {
		bool ended = !buf_len(out) || buf_head(out)[buf_len(out) - 1] == '\n';
		r = ended ? 0 : buf_append(out, "\n", 1);
		r = r ? r : add_mark(out, pid, MARK_BEGIN);
		r = r ? r : buf_append(out, buf_head(&block), buf_len(&block));
		r = r ? r : add_mark(out, pid, MARK_END);
	}
	buf_deinit(&block);
	return r;
}

/* FNV-1a: nobody else's choice is hashed here. */
void hosts_text_address(const char *alias, unsigned attempt, char out[HOSTS_ADDRESS_SIZE])
{
	uint32_t hash = 2166136261u;
	for (const char *p = alias; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	hash += attempt;
	/* 127.64.0.1 to 127.127.255.254: below it other programs have theirs. */
	snprintf(out, HOSTS_ADDRESS_SIZE, "127.%u.%u.%u", 64 + (hash >> 16) % 64, (hash >> 8) % 256,
		1 + hash % 254);
}
