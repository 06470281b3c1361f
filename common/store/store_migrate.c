/* SPDX-License-Identifier: MIT */
#include "store/store_migrate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "store/store_copy.h"
#include "version.h"

static int run_script(struct store *s, const struct store_script *script, unsigned version,
	struct error *err)
{
	char set_version[64];
	snprintf(set_version, sizeof set_version, "PRAGMA user_version = %u", version);
	int r = store_db_begin(s, err);
	if (r)
		return r;
	r = store_db_run(s, script->sql, err);
	if (!r && script->then)
		r = script->then(s, err);
	if (!r)
		r = store_db_set_meta(s, STORE_META_PROGRAM, TUNNEL_VERSION, strlen(TUNNEL_VERSION),
			err);
	if (!r)
		r = store_db_run(s, set_version, err);
	return store_db_end(s, r, err);
}

int store_migrate(struct store *s, const struct store_script *scripts, unsigned from, unsigned to,
	struct error *err)
{
	char copy[PATH_MAX];
	int r = 0;
	if (from > 0 && from < to) {
		if (snprintf(copy, sizeof copy, "%s.v%u", s->path, from) >= (int)sizeof copy)
			return error_set(err, -ENAMETOOLONG, "the name of the store is too long");
		r = store_copy(s, copy, true, err);
	}
	for (unsigned version = from; !r && version < to; version++)
		r = run_script(s, &scripts[version], version + 1, err);
	if (r && from > 0)
		error_prefix(err, "bringing the store from version %u to %u", from, to);
	return r;
}
