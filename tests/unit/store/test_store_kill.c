/* SPDX-License-Identifier: MIT */
/*
 * SIGKILL at random moments of many changes: test_store_kill [CHANGES [SEED]]. A child commits and tells each
 * revision that was answered; whatever moment it dies at, the store has every answered change, with its row of
 * the audit, and none of the others in part. What it must have is known from the number of changes alone.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "crypto/crypto.h"
#include "store_fixture.h"

#define CHANGES   300  /* a few seconds on a slow disk */
#define SLOTS     24   /* identities at most, each with a row of each kind below */
#define RUN       40   /* changes of a child at most, on average half of it */
#define AFTER_MAX 1500 /* µs behind the last answer that is waited for: some commits */
#define START_MAX 8000 /* µs behind the start, where a child is killed early */
#define EARLY     6    /* one child of so many is */
#define CLEAN     4    /* one look of so many closes the store as a server does */

static struct store_fixture fixture;
static unsigned changes = CHANGES;
static uint64_t seed = 1;

/* What one identity has: itself, a token, a private service, and an endpoint there. */
enum { IDENTITY, CREDENTIAL, SERVICE, ENDPOINT, KINDS };

/* What the store has after `n` changes. */
static struct model {
	uint64_t n;
	struct store_row rows[SLOTS][KINDS]; /* rev 0: not there */
} model;

static uint64_t mixed(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t draw(uint64_t below)
{
	seed += UINT64_C(0x9e3779b97f4a7c15);
	return mixed(seed) % below;
}

/* ---- The n-th change: the same in the child and in the model ---- */

static void slot_free(struct store_row rows[KINDS])
{
	for (size_t i = 0; i < KINDS; i++)
		fixture_row_free(&rows[i]);
}

static void make_rows(uint64_t n, unsigned slot, struct store_row rows[KINDS])
{
	char name[16], tag[POLICY_TAG_SIZE];
	snprintf(name, sizeof name, "n%" PRIu64, n);
	rows[IDENTITY] = fixture_identity(slot + 1, name);
	rows[CREDENTIAL] = fixture_credential(slot + 1, slot + 1);
	rows[SERVICE] = fixture_service(slot + 1, name, slot + 1);
	rows[ENDPOINT] = fixture_endpoint(slot + 1, slot + 1, slot + 1);
	rows[ENDPOINT].endpoint.link = (uint32_t)n + 1; /* never given twice */
	snprintf(tag, sizeof tag, "%012" PRIu64, n);
	policy_text_free(rows[SERVICE].service.tag);
	rows[SERVICE].service.tag = policy_text_new(str_from(tag));
	assert_non_null(rows[SERVICE].service.tag);
}

static void copy_rows(const struct store_row *from, struct store_row rows[KINDS])
{
	memcpy(rows, from, KINDS * sizeof *rows);
	assert_int_equal(policy_identity_copy(&rows[IDENTITY].identity, &from[IDENTITY].identity),
		0);
	assert_int_equal(policy_credential_copy(&rows[CREDENTIAL].credential,
				 &from[CREDENTIAL].credential),
		0);
	assert_int_equal(policy_private_service_copy(&rows[SERVICE].service,
				 &from[SERVICE].service),
		0);
	assert_int_equal(policy_endpoint_copy(&rows[ENDPOINT].endpoint, &from[ENDPOINT].endpoint),
		0);
}

static void change_rows(uint64_t n, uint64_t h, struct store_row rows[KINDS])
{
	struct policy_grants *g = &rows[IDENTITY].identity.grants;
	struct policy_endpoint *e = &rows[ENDPOINT].endpoint;
	char text[32];
	if (policy_grants_count(g, POLICY_UDP_PORT) > 30)
		policy_grants_clear(g, POLICY_UDP_PORT);
	snprintf(text, sizeof text, "%u", (unsigned)(h >> 16) % 65535 + 1);
	fixture_grant(&rows[IDENTITY], POLICY_UDP_PORT, text);
	rows[IDENTITY].identity.updated_at = n;
	rows[CREDENTIAL].credential.last_used_at = n;
	rows[SERVICE].service.managed = n % 2;
	rows[SERVICE].service.deleted = h >> 10 & 1;
	e->state = e->state == POLICY_APPROVED ? POLICY_REJECTED : POLICY_APPROVED;
	e->last_used_at = n;
}

/* The rows to be committed; `rows` has all of its slot. With the identity goes all that it has. */
static size_t next_change(const struct model *m, struct store_row rows[KINDS])
{
	uint64_t h = mixed(m->n + 1);
	unsigned slot = (unsigned)(h % SLOTS);
	if (!m->rows[slot][IDENTITY].rev) {
		make_rows(m->n, slot, rows);
		return KINDS;
	}
	copy_rows(m->rows[slot], rows);
	if (h >> 8 & 3) {
		change_rows(m->n, h, rows);
		return KINDS;
	}
	rows[IDENTITY].gone = true;
	return 1;
}

static void model_step(struct model *m)
{
	struct store_row rows[KINDS];
	size_t n = next_change(m, rows);
	struct store_row *slot = m->rows[rows[IDENTITY].identity.id - 1];
	m->n++;
	if (slot[IDENTITY].rev)
		slot_free(slot);
	for (size_t i = 0; i < KINDS; i++) {
		rows[i].rev = n == KINDS ? m->n : 0;
		*store_row_rev(&rows[i]) = m->n;
	}
	if (n == 1)
		slot_free(rows);
	memcpy(slot, rows, sizeof rows);
}

static char *model_text(const struct model *m)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	assert_non_null(f);
	fprintf(f, "meta program 5\nmeta salt 16\n");
	for (unsigned kind = 0; kind < KINDS; kind++)
		for (unsigned i = 0; i < SLOTS; i++)
			if (m->rows[i][kind].rev)
				fixture_print(f, &m->rows[i][kind]);
	fprintf(f, "rev %" PRIu64 "\n", m->n);
	for (uint64_t n = 1; n <= m->n; n++)
		fprintf(f, "%" PRIu64 " ", n);
	fclose(f);
	return text;
}

/* ---- The child ---- */

static void say(int fd, uint64_t v)
{
	if (write(fd, &v, sizeof v) != (ssize_t)sizeof v)
		_exit(3);
}

/* Opens, and commits until it is killed. Ends by itself only where something fails. */
static void commit_on(int fd)
{
	struct store *s = NULL;
	struct error err = {""};
	if (store_open(&s, fixture.path, fixture_salt, true, &err))
		_exit(4);
	say(fd, model.n);
	for (;;) {
		struct store_row rows[KINDS];
		char subject[24];
		struct store_note note = {"uid 0", "a test", "change", subject, "{}"};
		uint64_t rev;
		size_t n = next_change(&model, rows);
		snprintf(subject, sizeof subject, "%" PRIu64, model.n + 1);
		if (store_commit(s, rows, n, &note, &rev, &err) || rev != model.n + 1)
			_exit(5);
		say(fd, rev);
		model_step(&model);
	}
}

static bool hear(int fd, uint64_t *v)
{
	return read(fd, v, sizeof *v) == (ssize_t)sizeof *v;
}

static void wait_us(uint64_t us)
{
	nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
}

/* Runs one and kills it; the last revision that it answered. */
static uint64_t run_and_kill(void)
{
	int fds[2], status;
	uint64_t answered = model.n, run = draw(RUN) + 1;
	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(fds[0]);
		commit_on(fds[1]);
	}
	close(fds[1]);
	if (draw(EARLY) == 0)
		wait_us(draw(START_MAX));
	else
		while (run-- > 0 && hear(fds[0], &answered))
			;
	wait_us(draw(AFTER_MAX));
	kill(child, SIGKILL);
	while (hear(fds[0], &answered))
		;
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return answered;
}

/* ---- What is there ---- */

static char *text_of(struct store *s)
{
	char *text = NULL;
	auto_free char *rows = fixture_text(s, 0), *history = fixture_history(s);
	assert_non_null(history);
	assert_true(asprintf(&text, "%s%s", rows, history) > 0);
	return text;
}

/* By a process that ends without closing it: the next one finds the log as the killed one left it. */
static char *look_without_closing(void)
{
	int fds[2], status;
	char block[65536], *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	assert_non_null(f);
	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char *found = text_of(fixture_open(&fixture));
		for (size_t n = strlen(found), at = 0; at < n;) {
			ssize_t done = write(fds[1], found + at, n - at);
			if (done < 0)
				_exit(3);
			at += (size_t)done;
		}
		_exit(0);
	}
	close(fds[1]);
	for (ssize_t n; (n = read(fds[0], block, sizeof block)) > 0;)
		fwrite(block, 1, (size_t)n, f);
	close(fds[0]);
	fclose(f);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	return text;
}

static char *look(void)
{
	struct error err;
	if (draw(CLEAN))
		return look_without_closing();
	struct store *s = fixture_open(&fixture);
	char *text = text_of(s);
	assert_int_equal(store_check(s, &err), 0);
	store_close(s);
	return text;
}

static void test_killed(void **state)
{
	unsigned kills = 0, unanswered = 0;
	fixture_make(&fixture);
	while (model.n < changes) {
		uint64_t answered = run_and_kill();
		auto_free char *found = look();
		kills++;
		while (model.n < answered)
			model_step(&model);
		auto_free char *expected = model_text(&model);
		if (strcmp(found, expected) == 0)
			continue;
		/* The one that was under way, whole. */
		unanswered++;
		model_step(&model);
		auto_free char *next = model_text(&model);
		assert_string_equal(found, next);
	}
	print_message("%" PRIu64
		      " changes, killed %u times, %u times with a change that was written and not "
		      "answered\n",
		model.n, kills, unanswered);
	fixture_remove(&fixture);
	for (unsigned i = 0; i < SLOTS; i++)
		if (model.rows[i][IDENTITY].rev)
			slot_free(model.rows[i]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed),
	};
	if (argc > 1)
		changes = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoul(argv[2], NULL, 10);
	return crypto_start() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
