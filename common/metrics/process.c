/* SPDX-License-Identifier: MIT */
#include "metrics/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

/* proc(5): the fields behind the name in parentheses, which may have anything in it. */
struct stat_fields {
	unsigned long long utime, stime, starttime; /* ticks */
	long long rss;                              /* pages */
};

static bool read_stat(struct stat_fields *s)
{
	char text[1024];
	FILE *f = fopen("/proc/self/stat", "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (f)
		fclose(f);
	text[n] = 0;
	const char *behind = strrchr(text, ')');
	return behind && sscanf(behind + 1,
				 " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d "
				 "%*d %*d %*d %*d %llu %*u %lld",
				 &s->utime, &s->stime, &s->starttime, &s->rss) == 4;
}

static double seconds(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void stat_metrics(struct exposition *e)
{
	struct stat_fields s;
	if (!read_stat(&s))
		return;
	double ticks = (double)sysconf(_SC_CLK_TCK);
	double boot = seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME);
	exposition_counter(e, "process_cpu_seconds", "Processor time of this process.",
		(double)(s.utime + s.stime) / ticks);
	exposition_gauge(e, "process_resident_memory_bytes", "Memory of this process.",
		(double)s.rss * (double)sysconf(_SC_PAGESIZE));
	exposition_gauge(e, "process_start_time_seconds", "When this process began, since 1970.",
		boot + (double)s.starttime / ticks);
}

static void descriptor_metrics(struct exposition *e)
{
	struct rlimit limit;
	DIR *d = opendir("/proc/self/fd");
	if (d) {
		long n = -3; /* ".", ".." and the folder itself */
		while (readdir(d))
			n++;
		closedir(d);
		exposition_gauge(e, "process_open_fds", "Open descriptors.", (double)n);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		exposition_gauge(e, "process_max_fds", "Descriptors that may be open.",
			(double)limit.rlim_cur);
}

void metrics_process(struct exposition *e)
{
	stat_metrics(e);
	descriptor_metrics(e);
}

void metrics_build(struct exposition *e, const char *version, const char *side)
{
	exposition_family(e, "tunnel_build_info", EXPOSITION_GAUGE, "The version that runs.");
	exposition_sample(e, 1, "version", version, "side", side, NULL);
}

void metrics_log(struct exposition *e)
{
	exposition_counter(e, "tunnel_log_lines_dropped",
		"Lines of the logs that nobody took fast enough, or that could not be written.",
		(double)log_lines_dropped());
}
