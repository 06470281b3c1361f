/* SPDX-License-Identifier: MIT */
/* A file of names that is replaced: its mode, links and locks; and what a consumer keeps there. */
#include "local_scene.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#define USUAL "127.0.0.1\tlocalhost\n"

static const struct hosts_entry redis = {"127.64.0.1", NULL, "redis.internal", NULL};

static void make(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static const char *text_of(const char *path)
{
	static char text[4096];
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static bool has(const char *path, const char *what)
{
	return strstr(text_of(path), what);
}

/* Files beside those that start so. */
static size_t count_others(const char *prefix)
{
	size_t n = 0;
	DIR *d = opendir(".");
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.' && strncmp(e->d_name, prefix, strlen(prefix)) != 0;
	closedir(d);
	return n;
}

static void test_replaced(void **state)
{
	struct error err;
	struct stat before, after;
	make("hosts", USUAL, 0640);
	assert_int_equal(symlink("hosts", "hosts-link"), 0);
	assert_int_equal(stat("hosts", &before), 0);
	assert_int_equal(hosts_file_write("hosts-link", getpid(), &redis, 1, NULL, &err), 0);
	assert_true(has("hosts", USUAL "# tunnel "));
	assert_true(has("hosts", "127.64.0.1 redis.internal\n"));
	assert_int_equal(stat("hosts", &after), 0);
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_uid, before.st_uid);
	assert_int_not_equal(after.st_ino, before.st_ino);
	assert_int_equal(lstat("hosts-link", &after), 0);
	assert_true(S_ISLNK(after.st_mode));
	/* The same once more writes nothing. */
	assert_int_equal(stat("hosts", &before), 0);
	assert_int_equal(hosts_file_write("hosts", getpid(), &redis, 1, NULL, &err), 0);
	assert_int_equal(stat("hosts", &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(hosts_file_write("hosts", getpid(), NULL, 0, NULL, &err), 0);
	assert_string_equal(text_of("hosts"), USUAL);
	assert_int_equal(count_others("hosts"), 0);
	unlink("hosts-link");
}

static void test_failures(void **state)
{
	struct error err;
	assert_int_equal(hosts_file_write("none", getpid(), &redis, 1, NULL, &err), -ENOENT);
	assert_non_null(strstr(err.text, "none cannot be opened"));
	assert_int_equal(hosts_file_check("none", &err), -ENOENT);
	make("hosts", USUAL, 0600);
	assert_int_equal(hosts_file_check("hosts", &err), 0);
	atomic_bool cancelled;
	atomic_init(&cancelled, true);
	assert_int_equal(hosts_file_write("hosts", getpid(), &redis, 1, &cancelled, &err),
		-ECANCELED);
	assert_string_equal(text_of("hosts"), USUAL);
}

/* Whoever holds the lock is waited for, and not for ever. */
static void test_locked(void **state)
{
	struct error err;
	make("hosts", USUAL, 0600);
	int fd = open("hosts", O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(hosts_file_write("hosts", getpid(), &redis, 1, NULL, &err), -EBUSY);
	assert_string_equal(text_of("hosts"), USUAL);
	close(fd);
	assert_int_equal(hosts_file_write("hosts", getpid(), &redis, 1, NULL, &err), 0);
}

/* Two processes' blocks in one file. */
static void test_two_processes(void **state)
{
	struct error err;
	const struct hosts_entry other = {"127.64.0.2", NULL, "other.internal", NULL};
	make("hosts", USUAL, 0600);
	assert_int_equal(hosts_file_write("hosts", getppid(), &other, 1, NULL, &err), 0);
	assert_int_equal(hosts_file_write("hosts", getpid(), &redis, 1, NULL, &err), 0);
	assert_true(has("hosts", "other.internal") && has("hosts", "redis.internal"));
	assert_int_equal(hosts_file_write("hosts", getppid(), NULL, 0, NULL, &err), 0);
	assert_false(has("hosts", "other.internal"));
	assert_true(has("hosts", "redis.internal"));
}

/* ---- What a consumer keeps there ---- */

static void begin_named(struct scene *s, const char *services)
{
	static char path[] = "hosts";
	make("hosts", USUAL, 0644);
	begin_with(s, services, (struct client_options){.hosts_file = path});
}

/* From the approval to the end; each at an address of its own, where it listens. */
static void test_consumer(void **state)
{
	struct scene s;
	char line[128];
	begin_named(&s, "redis=0 dns=udp:0 socket=unix:./s.sock given=127.0.0.3:0");
	offer(&s);
	assert_string_equal(text_of("hosts"), USUAL);
	const struct client_endpoint *ep = endpoint(&s, 1);
	assert_int_equal(strncmp(ep->host, "127.", 4), 0);
	assert_string_not_equal(ep->host, endpoint(&s, 2)->host);
	assert_string_equal(endpoint(&s, 3)->host, "");
	assert_string_equal(endpoint(&s, 4)->host, "");
	attached_names(&s, 1, "redis.k7m2q9x4p3ta.exit.example", "redis.internal");
	snprintf(line, sizeof(line), "\n%s redis.k7m2q9x4p3ta.exit.example redis.internal\n",
		ep->host);
	UNTIL(&s, has("hosts", line));
	assert_false(is_refused(ep->host, local_port_number(&ep->port)));
	assert_non_null(strstr(ep->text, ep->host));
	attached_names(&s, 2, "dns.k7m2q9x4p3ta.exit.example", NULL);
	attached_names(&s, 3, "socket.k7m2q9x4p3ta.exit.example", NULL);
	attached_names(&s, 4, "given.k7m2q9x4p3ta.exit.example", NULL);
	UNTIL(&s, has("hosts", "dns.k7m2q9x4p3ta.exit.example") &&
			  has("hosts", "127.0.0.3 given.k7m2q9x4p3ta."));
	assert_false(has("hosts", "socket.k7m2q9x4p3ta"));
	attached(&s, 1, CONTROL_ENDPOINT_REJECTED, false, NULL);
	UNTIL(&s, !has("hosts", "redis."));
	assert_true(has("hosts", "dns.k7m2q9x4p3ta.exit.example"));
	end(&s);
	assert_string_equal(text_of("hosts"), USUAL);
}

/* Its provider has another name for it now, and another place comes by a reload. */
static void test_consumer_changes(void **state)
{
	struct scene s;
	begin_named(&s, "redis=0");
	offer(&s);
	attached_names(&s, 1, "redis.k7m2q9x4p3ta.exit.example", "one.internal");
	UNTIL(&s, has("hosts", "one.internal"));
	attached_names(&s, 1, "redis.k7m2q9x4p3ta.exit.example", "two.internal");
	UNTIL(&s, has("hosts", "two.internal") && !has("hosts", "one.internal"));
	/* An alias of nothing that was asked for is a name that somebody wants. */
	static const char *const wrong[] = {"github.com", "api.k7m2q9x4p3ta.exit.example", "redis"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		attached_names(&s, 1, wrong[i], "one.internal");
		UNTIL(&s, has("hosts", "one.internal"));
		assert_false(has("hosts", wrong[i]));
		attached_names(&s, 1, wrong[i], "two.internal");
		UNTIL(&s, has("hosts", "two.internal"));
	}
	set(&s, "other=0");
	UNTIL(&s, !has("hosts", "internal"));
	offer(&s);
	attached_names(&s, 2, "other.k7m2q9x4p3ta.exit.example", NULL);
	UNTIL(&s, has("hosts", endpoint(&s, 2)->host));
	end(&s);
	assert_string_equal(text_of("hosts"), USUAL);
}

/* A file that cannot be written is tried again, and what is used goes on. */
static void test_consumer_fails(void **state)
{
	struct scene s;
	struct error err;
	begin_named(&s, "redis=0");
	unlink("hosts");
	assert_int_equal(consumer_probe(&s.consumer, &err), -ENOENT);
	assert_int_equal(strncmp(err.text, "--hosts-file: ", 14), 0);
	offer(&s);
	attached_names(&s, 1, "redis.k7m2q9x4p3ta.exit.example", NULL);
	UNTIL(&s, s.consumer.hosts.failed_said);
	assert_true(endpoint(&s, 1)->port.open);
	make("hosts", USUAL, 0644);
	s.consumer.hosts.retry.fired(&s.consumer.hosts.retry);
	UNTIL(&s, has("hosts", "redis.k7m2q9x4p3ta.exit.example"));
	end(&s);
	assert_string_equal(text_of("hosts"), USUAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_two_processes),
		cmocka_unit_test(test_consumer),
		cmocka_unit_test(test_consumer_changes),
		cmocka_unit_test(test_consumer_fails),
	};
	return cmocka_run_group_tests(tests, in_own_folder, leave_folder);
}
