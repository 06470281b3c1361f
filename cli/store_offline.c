/* SPDX-License-Identifier: MIT */
#include "cli/store_offline.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/exit_status.h"
#include "server/store/state_dir.h"
#include "store/store.h"
#include "store/store_lock.h"

int store_offline(const char *state_dir,
	int (*use)(struct store *s, const char *arg, struct error *err), const char *arg,
	struct error *err)
{
	auto_free char *dir = state_dir_find(state_dir);
	char path[PATH_MAX];
	if (!dir || snprintf(path, sizeof path, "%s/" STORE_FILE, dir) >= PATH_MAX)
		return error_set(err, STATUS_NOT_FOUND, "there is no state directory");
	/* First, as taking the lock would make its file. */
	if (access(path, F_OK) < 0)
		return error_set(err, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_FAILED,
			"no server runs on this machine, and there is no store %s: %m", path);
	auto_close int lock = -1;
	struct store *s = NULL;
	if (store_lock_take(dir, &lock, err) || store_open(&s, path, NULL, false, err))
		return STATUS_FAILED;
	int r = use(s, arg, err) ? STATUS_FAILED : 0;
	store_close(s);
	return r;
}
