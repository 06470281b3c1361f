/* SPDX-License-Identifier: MIT */
/*
 * What strangers' browsers and pages send to the panel, and what its feed is answered. The first byte says which. What
 * is claimed: views stay within what was given; a page that does not read costs its queue at most; what is told is
 * JSON; and what was told and what was skipped is all that there was.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "panel/panel_fields.h"
#include "panel/panel_live.h"
#include "panel/panel_reader.h"
#include "panel/panel_site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                 \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static void claim_inside(struct str part, struct str whole)
{
	CLAIM(!part.p || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void fields(struct str text)
{
	static char name[] = "panel.example.org", *names[] = {name};
	struct address at;
	address_parse_ip(STR("127.0.0.1"), &at);
	panel_fields_host(text, &at, names, 1);
	panel_fields_json(text);
	claim_inside(panel_fields_cookie(text, "tunnel_panel_4040"), text);
	claim_inside(panel_fields_bearer(text), text);
	panel_site_takes_gzip(text);
	panel_site_has_tag(text, "W/\"0123\"");
	/* Of another scheme nothing is the same origin, of no scheme nothing is with TLS alone. */
	CLAIM(!panel_fields_origin(text, STR("localhost"), true) ||
		panel_fields_origin(text, STR("localhost"), false));
}

static void drain(struct panel_reader *r)
{
	while (panel_reader_has(r)) {
		struct panel_message *m = panel_reader_next(r);
		if (!m)
			continue;
		json_t *json = json_loadb(m->text, m->n, 0, NULL);
		CLAIM(json_is_object(json));
		json_decref(json);
		panel_message_unref(m);
	}
	CLAIM(r->n == 0 && r->bytes == 0);
}

/* A page that says this, among others that want everything. */
static void hear(struct str text)
{
	struct panel_live live;
	struct panel_reader r;
	panel_live_init(&live, "server", "0");
	panel_reader_init(&r, &live);
	panel_reader_hear(&r, text);
	CLAIM(panel_live_wanted(&live) < 1u << PANEL_TOPICS);
	for (unsigned t = 0; t < PANEL_TOPICS; t++)
		panel_live_take(&live, t,
			"{\"items\":[{\"id\":\"1\",\"host\":\"a\",\"status\":200}]}", 46);
	drain(&r);
	panel_reader_deinit(&r);
	panel_live_deinit(&live);
}

/* Answers, one behind the other, with a NUL between. */
static void take(struct str text)
{
	struct panel_live live;
	struct panel_reader reads, stalls;
	panel_live_init(&live, "server", "0");
	panel_reader_init(&reads, &live);
	panel_reader_init(&stalls, &live);
	struct str all = STR("{\"subscribe\":[\"tick\",\"sessions\",\"services\",\"requests\"]}");
	CLAIM(panel_reader_hear(&reads, all) == 0 && panel_reader_hear(&stalls, all) == 0);
	for (unsigned i = 0; i < 16 && text.n; i++) {
		size_t n = strnlen(text.p, text.n);
		panel_live_take(&live, i % PANEL_TOPICS, text.p, n);
		text = (struct str){text.p + MIN(n + 1, text.n), text.n - MIN(n + 1, text.n)};
		drain(&reads);
	}
	drain(&stalls);
	panel_reader_deinit(&reads);
	panel_reader_deinit(&stalls);
	panel_live_deinit(&live);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	char *copy = malloc(size);
	CLAIM(copy);
	memcpy(copy, data + 1, size - 1);
	struct str text = {copy, size - 1};
	if (data[0] % 3 == 0)
		fields(text);
	else if (data[0] % 3 == 1)
		hear(text);
	else
		take(text);
	free(copy);
	return 0;
}
