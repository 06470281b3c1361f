/* SPDX-License-Identifier: MIT */
/*
 * Both sides as launch() takes them. Each side's functions take its own struct of options; those that SIDE
 * makes of them take whichever struct launch() has.
 */
#include "cli/commands.h"
#include "cli/launch.h"
#include "client/client.h"
#include "client/inspect.h"
#include "server/inspect.h"
#include "server/server.h"

#define SIDE(side, needs_token, access, format, audit)                                        \
	static int side##_check(void *opts, struct error *err)                                \
	{                                                                                     \
		return side##_options_check(opts, err);                                       \
	}                                                                                     \
                                                                                              \
	static void side##_look(const void *opts, void (*found)(void *arg, const char *text), \
		void *arg)                                                                    \
	{                                                                                     \
		side##_inspect(opts, found, arg);                                             \
	}                                                                                     \
                                                                                              \
	static int side##_start(const void *opts, struct reloader *r)                         \
	{                                                                                     \
		return side##_run(opts, r);                                                   \
	}                                                                                     \
                                                                                              \
	static void side##_deinit(void *opts)                                                 \
	{                                                                                     \
		side##_options_deinit(opts);                                                  \
	}                                                                                     \
                                                                                              \
	static void side##_place(const void *opts, struct deployment_place *out)              \
	{                                                                                     \
		deployment_place_##side(opts, out);                                           \
	}                                                                                     \
                                                                                              \
	static struct launch_fields side##_fields(void *opts)                                 \
	{                                                                                     \
		struct side##_options *o = opts;                                              \
		return (struct launch_fields){&o->token, &o->token_from, &o->no_token,        \
			&o->log_level, &o->log_format, &o->log_rooms, &o->generate, access,   \
			format, audit};                                                       \
	}                                                                                     \
                                                                                              \
	const struct launch launch_##side = {                                                 \
		.table = &side##_option_table,                                                \
		.size = sizeof(struct side##_options),                                        \
		.check = side##_check,                                                        \
		.inspect = side##_look,                                                       \
		.run = side##_start,                                                          \
		.deinit = side##_deinit,                                                      \
		.fields = side##_fields,                                                      \
		.place = side##_place,                                                        \
		.token_needed = needs_token,                                                  \
	};                                                                                    \
                                                                                              \
	int command_##side(int argc, char **argv)                                             \
	{                                                                                     \
		return launch(&launch_##side, argc, argv);                                    \
	}

SIDE(server, false, &o->access_log, &o->access_log_format, &o->audit_log)
SIDE(client, true, NULL, NULL, NULL)
