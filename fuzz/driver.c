/* SPDX-License-Identifier: MIT */
/*
 * Stands in for libFuzzer where there is none: hands the files that are named, those in directories
 * that are named, or standard input to LLVMFuzzerTestOneInput(), each in memory of exactly its size.
 * Arguments that begin with "-" are libFuzzer's and are passed over, so one command replays a corpus
 * with either: fuzz_ws -runs=0 DIR.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (4u << 20) /* bytes: far above any input that a fuzzer keeps */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

static void run_stream(FILE *f, const char *name)
{
	uint8_t *all = malloc(INPUT_MAX);
	if (!all)
		die(name);
	size_t n = fread(all, 1, INPUT_MAX, f);
	if (ferror(f))
		die(name);
	uint8_t *exact = malloc(n ? n : 1);
	if (!exact)
		die(name);
	memcpy(exact, all, n);
	free(all);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	replayed++;
}

static void run_path(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0)
		die(path);
	if (!S_ISDIR(st.st_mode)) {
		FILE *f = fopen(path, "rb");
		if (!f)
			die(path);
		run_stream(f, path);
		fclose(f);
		return;
	}
	DIR *dir = opendir(path);
	if (!dir)
		die(path);
	for (struct dirent *e; (e = readdir(dir));) {
		char inner[4096];
		if (e->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(inner, sizeof inner, "%s/%s", path, e->d_name) < sizeof inner)
			run_path(inner);
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	bool named = false;
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			continue;
		named = true;
		run_path(argv[i]);
	}
	if (!named)
		run_stream(stdin, "standard input");
	fprintf(stderr, "%u inputs replayed\n", replayed);
	return replayed ? 0 : 1;
}
