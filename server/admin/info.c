/* SPDX-License-Identifier: MIT */
/* What the server was told: its version and its options, but for what is secret. */
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "config/value.h"
#include "server/admin/api.h"
#include "server/base/worker.h"
#include "version.h"

/* Bytes of a value: lists of networks or names may be long, and are cut. */
#define VALUE_SIZE 1024

/* As one would type them, "" for what was not given; of a secret whether it was. */
static json_t *options_json(const struct server_options *o)
{
	const struct option_table *t = &server_option_table;
	json_t *object = json_object();
	for (size_t i = 0; object && i < t->n; i++) {
		char text[VALUE_SIZE], safe[VALUE_SIZE];
		/* The table is for writing too; nothing is written. */
		value_format(&t->rows[i], (void *)(uintptr_t)o, text, sizeof(text));
		safe[escape_text(safe, sizeof(safe) - 1, text, strlen(text), ESCAPE_SENTENCE)] = 0;
		if (json_object_set_new(object, t->rows[i].name, json_string(safe)) < 0) {
			json_decref(object);
			object = NULL;
		}
	}
	return object;
}

static void info(struct api_request *rq)
{
	char name[256] = "";
	const struct worker *w = admin_of(rq)->node->workers[0];
	gethostname(name, sizeof(name) - 1);
	api_answer(rq, 200,
		json_pack("{s:s, s:s, s:s, s:i, s:o}", "version", TUNNEL_VERSION, "side", "server",
			"hostname", name, "pid", (int)getpid(), "options", options_json(w->opts)));
}

static const struct api_operation rows[] = {
	{API_GET, "/api/v1/info", API_OPERATOR, .run = info},
};
const struct api_operations admin_info = {rows, ARRAY_LEN(rows)};
