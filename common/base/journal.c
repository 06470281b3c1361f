/* SPDX-License-Identifier: MIT */
#include "base/journal.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

bool journal_has(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;
	int n = 0;
	return stream && sscanf(stream, "%ju:%ju%n", &device, &inode, &n) == 2 && !stream[n] &&
	       fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

const char *journal_priority(enum log_level level)
{
	/* As in syslog(3): err, warning, info, debug. */
	static const char *const priorities[] =
		{[LOG_ERROR] = "<3>", [LOG_WARN] = "<4>", [LOG_INFO] = "<6>", [LOG_DEBUG] = "<7>"};
	return priorities[level];
}
