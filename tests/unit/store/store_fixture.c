/* SPDX-License-Identifier: MIT */
#include "store_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"

const uint8_t fixture_salt[TOKEN_SALT_SIZE] = "sixteen bytes...";

void fixture_make(struct store_fixture *f)
{
	const char *tmp = getenv("TMPDIR");
	if (!tmp)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(f->dir, sizeof f->dir, "%s/tunnel-store-XXXXXX", tmp);
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof f->path, "%s/%s", f->dir, STORE_FILE);
}

void fixture_remove(struct store_fixture *f)
{
	DIR *d = opendir(f->dir);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(f->dir);
}

struct store *fixture_open(const struct store_fixture *f)
{
	struct store *s = NULL;
	struct error err = {""};
	int r = store_open(&s, f->path, fixture_salt, true, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(r, 0);
	return s;
}

void fixture_grant(struct store_row *row, enum policy_grant_kind kind, const char *text)
{
	struct error err;
	assert_int_equal(policy_grants_add(&row->identity.grants, kind, str_from(text), &err), 0);
}

struct store_row fixture_identity(uint64_t id, const char *name)
{
	struct store_row row = {.kind = STORE_IDENTITY};
	char text[64];
	assert_int_equal(policy_identity_init(&row.identity, name), 0);
	row.identity.id = id;
	row.identity.created_at = row.identity.updated_at = 1000 + id;
	snprintf(text, sizeof text, "*.h%" PRIu64 ".example.org", id);
	fixture_grant(&row, POLICY_HOST, text);
	snprintf(text, sizeof text, "%u-%u", (unsigned)(id % 60000 + 1),
		(unsigned)(id % 60000 + 5));
	fixture_grant(&row, POLICY_TCP_PORT, text);
	fixture_grant(&row, POLICY_FROM, "192.0.2.0/24");
	return row;
}

struct store_row fixture_credential(uint64_t n, uint64_t identity)
{
	struct store_row row = {.kind = STORE_CREDENTIAL};
	row.credential.identity = identity;
	row.credential.created_at = 1000 + n;
	row.credential.expires_at = row.credential.revoked_at = POLICY_NONE;
	row.credential.last_used_at = POLICY_NONE;
	row.credential.label = strdup("");
	assert_non_null(row.credential.label);
	memcpy(row.credential.key_id, &n, sizeof n);
	memset(row.psk, (int)(n % 255 + 1), sizeof row.psk);
	return row;
}

void fixture_row_free(struct store_row *row)
{
	if (row->kind == STORE_CREDENTIAL)
		policy_credential_deinit(&row->credential);
	else
		store_row_deinit(row);
}

struct store_row fixture_service(uint64_t id, const char *name, uint64_t owner)
{
	struct store_row row = {.kind = STORE_SERVICE};
	assert_int_equal(policy_private_service_init(&row.service, name, owner, POLICY_TCP), 0);
	row.service.id = id;
	return row;
}

struct store_row fixture_endpoint(uint64_t id, uint64_t service, uint64_t consumer)
{
	struct store_row row = {.kind = STORE_ENDPOINT};
	assert_int_equal(policy_endpoint_init(&row.endpoint, "web", POLICY_HOW_NOT), 0);
	row.endpoint.id = id;
	row.endpoint.link = (uint32_t)id;
	row.endpoint.service = service;
	row.endpoint.consumer = consumer;
	return row;
}

uint64_t fixture_commit(struct store *s, const struct store_row *row)
{
	static const struct store_note note = {"uid 0", "a test", "test", "it", "{}"};
	struct error err = {""};
	uint64_t rev = 0;
	int r = store_commit(s, row, 1, &note, &rev, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(r, 0);
	return rev;
}

void fixture_put(struct store *s, struct store_row *row)
{
	row->rev = fixture_commit(s, row);
	*store_row_rev(row) = row->rev;
}

static void keep_next_link(void *arg, const struct store_row *row)
{
	uint64_t *next = arg, link = store_row_next_link(row);
	*next = link ? link : *next;
}

uint64_t fixture_next_link(struct store *s)
{
	struct error err = {""};
	uint64_t rev, next = 0;
	assert_int_equal(store_read(s, 0, keep_next_link, &next, &rev, &err), 0);
	return next;
}

static void print_hex(FILE *f, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%02x", p[i]);
	fputc(' ', f);
}

static void print_identity(FILE *f, const struct policy_identity *i)
{
	char text[POLICY_GRANT_SIZE];
	const uint64_t numbers[] = {i->max_sessions, i->max_streams, i->max_endpoints, i->rate_up,
		i->rate_down, i->expires_at, i->created_at, i->updated_at};
	fprintf(f, "%" PRIu64 " %s %d %d \"%s\"", i->id, i->name, i->revoked, i->is_operator,
		i->description);
	for (size_t n = 0; n < ARRAY_LEN(numbers); n++)
		fprintf(f, " %" PRId64, (int64_t)numbers[n]);
	for (enum policy_grant_kind kind = POLICY_HOST; kind < POLICY_GRANT_KINDS; kind++)
		for (size_t n = 0; n < policy_grants_count(&i->grants, kind); n++)
			fprintf(f, " %d:%s", kind, policy_grants_text(&i->grants, kind, n, text));
}

static void print_service(FILE *f, const struct policy_private_service *s)
{
	fprintf(f, "service %" PRIu64 " %s %s %" PRIu64 " %d \"%s\" \"%s\" %d%d", s->id, s->name,
		s->tag, s->owner, s->kind, s->visibility, s->auto_approval, s->managed, s->deleted);
}

static void print_endpoint(FILE *f, const struct policy_endpoint *e)
{
	fprintf(f, "endpoint %" PRIu64 " %u %" PRIu64 " %" PRIu64 " %s %d%d \"%s\" %" PRId64, e->id,
		e->link, e->service, e->consumer, e->name, e->state, e->how, e->message,
		(int64_t)e->last_used_at);
}

static void print_root(FILE *f, const struct store_row *row)
{
	const struct policy_root *r = &row->root;
	fprintf(f, "root %" PRIu64, r->id);
	if (!row->gone) {
		assert_int_equal(row->rev, r->rev);
		fprintf(f, " \"%s\" \"%s\" ", r->certificate, r->cross);
		print_hex(f, r->key, sizeof r->key);
		fprintf(f, "%" PRIu64 " %" PRId64, r->lifetime, (int64_t)r->listed_until);
	}
	fputc('\n', f);
}

void fixture_print(FILE *f, const struct store_row *row)
{
	if (row->kind == STORE_META) {
		/* Every store has another instance, and a copy another next link id. */
		if (strcmp(row->meta.name, STORE_META_INSTANCE) != 0 &&
			strcmp(row->meta.name, STORE_META_NEXT_LINK) != 0)
			fprintf(f, "meta %s %zu\n", row->meta.name, row->meta.n);
		return;
	}
	fprintf(f, "%s@%" PRIu64 " ", row->gone ? "gone " : "", row->rev);
	if (row->kind == STORE_ROOT) {
		print_root(f, row);
		return;
	}
	if (row->gone && row->kind == STORE_IDENTITY) {
		fprintf(f, "identity %" PRIu64, row->identity.id);
	} else if (row->kind == STORE_IDENTITY) {
		assert_int_equal(row->rev, row->identity.rev);
		print_identity(f, &row->identity);
	} else if (row->kind == STORE_SERVICE && !row->gone) {
		print_service(f, &row->service);
	} else if (row->kind == STORE_ENDPOINT && !row->gone) {
		print_endpoint(f, &row->endpoint);
	} else if (row->kind == STORE_SERVICE || row->kind == STORE_ENDPOINT) {
		fprintf(f, "%s %" PRIu64, row->kind == STORE_SERVICE ? "service" : "endpoint",
			row->kind == STORE_SERVICE ? row->service.id : row->endpoint.id);
	} else {
		const struct policy_credential *c = &row->credential;
		print_hex(f, c->key_id, sizeof c->key_id);
		if (!row->gone) {
			assert_int_equal(row->rev, c->rev);
			print_hex(f, row->psk, sizeof row->psk);
			fprintf(f,
				"%" PRIu64 " \"%s\" %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64,
				c->identity, c->label, c->created_at, (int64_t)c->expires_at,
				(int64_t)c->revoked_at, (int64_t)c->last_used_at);
		}
	}
	fputc('\n', f);
}

static void print_row(void *arg, const struct store_row *row)
{
	fixture_print(arg, row);
}

int fixture_dump(struct store *s, uint64_t since, char **text_out, struct error *err)
{
	char *text = NULL;
	size_t n;
	uint64_t rev;
	FILE *f = open_memstream(&text, &n);
	assert_non_null(f);
	int r = store_read(s, since, print_row, f, &rev, err);
	if (!r)
		fprintf(f, "rev %" PRIu64 "\n", rev);
	fclose(f);
	if (r)
		free(text);
	else
		*text_out = text;
	return r;
}

char *fixture_text(struct store *s, uint64_t since)
{
	struct error err = {""};
	char *text = NULL;
	int r = fixture_dump(s, since, &text, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(r, 0);
	return text;
}

static void print_subject(void *arg, const struct store_audit_row *row)
{
	fprintf(arg, "%s ", row->note.subject);
}

char *fixture_history(struct store *s)
{
	static const struct store_audit_query all = {.n = INT32_MAX, .oldest_first = true};
	struct error err;
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	assert_non_null(f);
	int r = store_audit(s, &all, print_subject, f, &err);
	fclose(f);
	if (!r)
		return text;
	free(text);
	return NULL;
}

void fixture_copy(const char *from, const char *to)
{
	char block[65536];
	auto_close int in = open(from, O_RDONLY | O_CLOEXEC);
	auto_close int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(in >= 0 && out >= 0);
	for (ssize_t n; (n = read(in, block, sizeof block)) != 0;) {
		assert_true(n > 0);
		assert_int_equal(write(out, block, (size_t)n), n);
	}
}
