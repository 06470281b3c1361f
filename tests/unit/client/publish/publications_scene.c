/* SPDX-License-Identifier: MIT */
#include "publications_scene.h"

static void on_wake(struct mux *m)
{
}

static const struct option_ranges no_ports;

static const struct mux_ops mux_ops = {.wake = on_wake};

void set(struct scene *s, const char *upstreams, struct publications_change *change_out)
{
	struct error err;
	char copy[512], *save;
	upstreams_deinit(&s->upstreams);
	snprintf(copy, sizeof(copy), "%s", upstreams);
	for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		struct service_options what = {.upstream = p};
		if (upstreams_add(&s->upstreams, &what, &no_ports, &err))
			fail_msg("%s", err.text);
	}
	assert_int_equal(publications_set(&s->publications, &s->upstreams, &err, change_out), 0);
}

void begin(struct scene *s, const char *upstreams)
{
	struct mux_limits limits = {MUX_BASE_WINDOW, MUX_MAX_WINDOW, 1};
	*s = (struct scene){0};
	log_set_level(LOG_ERROR);
	budget_init(&s->budget, 1 << 20);
	s->link.state = LINK_UP;
	mux_init(&s->link.mux, &mux_ops, &limits, &s->budget, true);
	set(s, upstreams, NULL);
}

void end(struct scene *s)
{
	publications_deinit(&s->publications);
	upstreams_deinit(&s->upstreams);
	mux_deinit(&s->link.mux);
}

bool sent(struct scene *s, struct control *out)
{
	struct buf *b = &s->link.mux.frames;
	struct frame f;
	struct error err;
	if (!buf_len(b))
		return false;
	assert_int_equal(frame_read_header(buf_head(b), buf_len(b), &f), 0);
	assert_int_equal(control_decode(f.payload, f.size, &err, out), 0);
	buf_consume(b, FRAME_HEADER + f.size);
	return true;
}

size_t count_sent(struct scene *s)
{
	struct control m;
	size_t n = 0;
	for (; sent(s, &m); n++)
		control_deinit(&m);
	return n;
}

void grant(struct scene *s, uint32_t number)
{
	struct control m = {.type = CONTROL_GRANTED,
		.granted = {.service = number, .address = "http://here/"}};
	publications_granted(&s->publications, &m, CLOCK_S);
}

void refuse(struct scene *s, uint32_t number, enum control_reason reason)
{
	struct control m = {.type = CONTROL_REFUSED, .refused = {number, reason, "no"}};
	publications_refused(&s->publications, &m, CLOCK_S);
}

enum publication_state state_of(struct scene *s, uint32_t number)
{
	struct publication *publication = publications_find(&s->publications, number);
	assert_non_null(publication);
	return publication->state;
}

void expect(struct scene *s, enum control_type type, uint32_t number)
{
	struct control m;
	publications_offer(&s->publications, &s->link);
	assert_true(sent(s, &m));
	assert_int_equal(m.type, type);
	assert_int_equal(type == CONTROL_PUBLISH ? m.publish.service : m.withdraw.service, number);
	control_deinit(&m);
}

void grant_ports(struct scene *s, uint32_t number, uint32_t ports)
{
	struct control m = {.type = CONTROL_GRANTED,
		.granted = {.service = number,
			.address = "tcp://here:1",
			.port = 7000 + number,
			.ports = ports}};
	publications_granted(&s->publications, &m, CLOCK_S);
	publications_offer(&s->publications, &s->link);
}
