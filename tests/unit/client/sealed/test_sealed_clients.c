/* SPDX-License-Identifier: MIT */
/* Two clients whose streams are sealed end to end: that they are, and whose keys are believed. */
#include "sealed_scene.h"

/* A question and its answer, through everything. */
static void ask_and_answer(struct scene *s)
{
	size_t before = s->n_accepted;
	int program = connect_program(s);
	say(program, "question");
	UNTIL(s, s->n_accepted == before + 1);
	UNTIL(s, hears(s->accepted[before], "question"));
	say(s->accepted[before], "answer");
	UNTIL(s, hears(program, "answer"));
	close(program);
	UNTIL(s, has_ended(s->accepted[before]));
}

static struct buf carried; /* all that passed the exit node */

static void keep_all(struct scene *s, struct node_end *from, struct buf *bytes)
{
	assert_int_equal(buf_append(&carried, buf_head(bytes), buf_len(bytes)), 0);
}

static void the_exit_node_reads_nothing(void **state)
{
	struct scene s;
	begin(&s, &(struct scene_options){0});
	s.meddle = keep_all;
	attach(&s, s.published_key);
	UNTIL(&s, endpoint(&s)->state == CLIENT_ENDPOINT_USABLE);
	assert_memory_equal(s.published_key, s.provider_keys.own.public, KEY_PAIR_SIZE);
	ask_and_answer(&s);
	assert_int_equal(s.joins[0].open.link, 17);
	assert_true(buf_len(&carried) > 200);
	assert_null(memmem(buf_head(&carried), buf_len(&carried), "question", 8));
	assert_null(memmem(buf_head(&carried), buf_len(&carried), "answer", 6));
	end(&s);

	/* The same without, so that it is known that the test would see it. */
	buf_deinit(&carried);
	forget_all();
	begin(&s, &(struct scene_options){.plain = true});
	s.meddle = keep_all;
	attach(&s, NULL);
	UNTIL(&s, endpoint(&s)->state == CLIENT_ENDPOINT_USABLE);
	ask_and_answer(&s);
	assert_non_null(memmem(buf_head(&carried), buf_len(&carried), "question", 8));
	buf_deinit(&carried);
	end(&s);
}

static void the_end_of_data_is_the_end(void **state)
{
	struct scene s;
	forget_all();
	begin(&s, &(struct scene_options){0});
	attach(&s, s.published_key);
	UNTIL(&s, endpoint(&s)->state == CLIENT_ENDPOINT_USABLE);
	int program = connect_program(&s);
	say(program, "all of it");
	shutdown(program, SHUT_WR);
	UNTIL(&s, s.n_accepted == 1);
	UNTIL(&s, hears(s.accepted[0], "all of it"));
	UNTIL(&s, has_ended(s.accepted[0]));
	say(s.accepted[0], "thanks");
	shutdown(s.accepted[0], SHUT_WR);
	UNTIL(&s, hears(program, "thanks"));
	UNTIL(&s, has_ended(program));
	close(program);
	end(&s);
}

/* ---- Whose key it is: the provider's ---- */

static void is_barred(struct scene *s, const char *why)
{
	UNTIL(s, endpoint(s)->state == CLIENT_ENDPOINT_BARRED);
	if (!strstr(endpoint(s)->text, why))
		fail_msg("\"%s\" has no \"%s\"", endpoint(s)->text, why);
}

static void is_usable(struct scene *s)
{
	UNTIL(s, endpoint(s)->state == CLIENT_ENDPOINT_USABLE);
}

static void pinned(struct scene *s, const uint8_t *key, struct scene_options options)
{
	char service[256], text[KEY_TEXT_LEN + 1];
	key_text(key, text);
	snprintf(service, sizeof(service), "%s#%s", ALIAS, text);
	options.service = service;
	begin(s, &options);
}

static void a_pin_takes_no_other_key(void **state)
{
	struct scene s;
	struct key_pair other;
	forget_all();
	begin(&s, &(struct scene_options){0});
	uint8_t right[KEY_PAIR_SIZE];
	memcpy(right, s.published_key, sizeof(right));
	end(&s);
	key_pair_random(&other);

	pinned(&s, right, (struct scene_options){0});
	attach(&s, other.public);
	is_barred(&s, "does not stand behind the '#' of its alias");
	attach(&s, NULL);
	is_barred(&s, "does not seal it end to end, as the key behind its alias' '#' asks for");
	attach(&s, right);
	is_usable(&s);
	ask_and_answer(&s);
	/* Nothing of that was remembered. */
	assert_int_equal(access("consumer/" KNOWN_KEYS_FILE, F_OK), -1);
	end(&s);
}

static void the_first_key_is_remembered(void **state)
{
	struct scene s;
	struct key_pair other;
	forget_all();
	key_pair_random(&other);
	begin(&s, &(struct scene_options){0});
	attach(&s, s.published_key);
	is_usable(&s);
	ask_and_answer(&s);
	attach(&s, other.public);
	is_barred(&s, "tunnel key forget redis.k7m2q9x4p3ta");
	end(&s);

	/* The exit node's name is for people; the key is that of the tag. */
	begin(&s, &(struct scene_options){.service = "redis.k7m2q9x4p3ta.other.example"});
	attach(&s, other.public);
	is_barred(&s, "and was x25519/");
	attach(&s, s.published_key);
	is_usable(&s);
	end(&s);
}

/* What was sealed once is not used without: the exit node could say that it is not. */
static void there_is_no_way_back(void **state)
{
	struct scene s;
	struct kept_dir dir;
	struct error err;
	size_t n;
	forget_all();
	begin(&s, &(struct scene_options){0});
	attach(&s, NULL);
	is_usable(&s); /* nobody said that it would be */
	attach(&s, s.published_key);
	is_usable(&s);
	UNTIL(&s, endpoint(&s)->key.given);
	attach(&s, NULL);
	is_barred(&s, "sealed end to end before");
	assert_int_equal(kept_dir_open(&dir, "consumer", CLIENT_STATE_NAME, &err), 0);
	assert_int_equal(known_keys_forget(&dir, "redis.k7m2q9x4p3ta", &n, &err), 0);
	assert_int_equal(n, 1);
	kept_dir_close(&dir);
	attach(&s, NULL);
	is_usable(&s);
	assert_false(endpoint(&s)->key.given);
	end(&s);
}

/* `tunnel key forget` while the client runs, and the exit node says nothing new. */
static void what_is_forgotten_is_looked_at_again(void **state)
{
	struct scene s;
	struct kept_dir dir;
	struct error err;
	size_t n;
	struct key_pair other;
	forget_all();
	key_pair_random(&other);
	begin(&s, &(struct scene_options){0});
	attach(&s, other.public);
	is_usable(&s);
	attach(&s, s.published_key);
	is_barred(&s, "tunnel key forget");
	assert_int_equal(kept_dir_open(&dir, "consumer", CLIENT_STATE_NAME, &err), 0);
	assert_int_equal(known_keys_forget(&dir, "redis.k7m2q9x4p3ta", &n, &err), 0);
	kept_dir_close(&dir);
	endpoint(&s)->due = 0; /* not in ten seconds */
	is_usable(&s);
	ask_and_answer(&s);
	end(&s);
}

/* Else an exit node could have a client remember whatever key it likes for whatever name. */
static void what_the_exit_node_answers_is_no_name(void **state)
{
	struct scene s;
	char line[] = "redis.k7m2q9x4p3ta/17 x25519/"
		      "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f\nx";
	forget_all();
	begin(&s, &(struct scene_options){.answer = line});
	attach(&s, s.published_key);
	is_usable(&s);
	ask_and_answer(&s);
	const struct key_list *known = &s.provider_keys.known.list;
	assert_true(key_list_has(known, "redis/17", s.consumer_keys.own.public));
	for (size_t i = 0; i < known->n; i++)
		assert_null(strpbrk(known->v[i].name, " \n"));
	end(&s);
}

static void a_bare_name_is_remembered_by_its_exit_node(void **state)
{
	char name[KEY_NAME_SIZE];
	client_keys_name("Redis", "exit.example.org:8000", name);
	assert_string_equal(name, "redis@exit.example.org:8000");
	client_keys_name("Redis.K7M2Q9X4P3TA.exit.example.org", "x", name);
	assert_string_equal(name, "redis.k7m2q9x4p3ta");
	client_keys_consumer_name("redis.k7m2q9x4p3ta.exit", 17, name);
	assert_string_equal(name, "redis.k7m2q9x4p3ta/17");
	client_keys_consumer_name("redis", 17, name);
	assert_string_equal(name, "redis/17");
}

static void who_insists_is_not_served_without(void **state)
{
	struct scene s;
	forget_all();
	begin(&s, &(struct scene_options){.insist = true, .plain = true});
	attach(&s, NULL);
	is_barred(&s, "does not seal it end to end, as --end-to-end asks for");
	assert_int_equal(s.n_joins, 0);
	end(&s);
}

static void who_has_no_key_is_told_why(void **state)
{
	struct scene s;
	forget_all();
	begin(&s, &(struct scene_options){.no_state = true});
	assert_false(s.consumer_keys.has_own);
	attach(&s, NULL);
	is_usable(&s);
	attach(&s, s.published_key);
	is_barred(&s, "give --identity-key");
	end(&s);
}

/* ---- Whose key it is: the consumer's ---- */

static void is_refused(struct scene *s)
{
	int program = connect_program(s);
	say(program, "question");
	UNTIL(s, was_reset(program));
	close(program);
	assert_int_equal(s->n_accepted, 0);
	assert_int_equal(s->joins[s->n_joins - 1].far.reason, FRAME_RESET_DENIED);
}

static void another_consumer_s_key_is_refused(void **state)
{
	struct scene s;
	forget_all();
	begin(&s, &(struct scene_options){0});
	attach(&s, s.published_key);
	is_usable(&s);
	ask_and_answer(&s);
	end(&s);

	/* Somebody else under its link id. */
	begin(&s, &(struct scene_options){0});
	key_pair_random(&s.consumer_keys.own);
	attach(&s, s.published_key);
	is_usable(&s);
	is_refused(&s);
	/* Under another one it is another consumer. */
	s.link = 18;
	attach(&s, s.published_key);
	ask_and_answer(&s);
	end(&s);
}

static void write_list(const char *name, const uint8_t *key)
{
	char text[KEY_TEXT_LEN + 1];
	FILE *f = fopen("consumers", "w");
	assert_non_null(f);
	key_text(key, text);
	fprintf(f, "# whom we know\n%s %s\n", name, text);
	fclose(f);
}

static void a_list_counts_alone(void **state)
{
	struct scene s;
	struct key_pair other;
	key_pair_random(&other);
	forget_all();
	write_list("web", other.public);
	begin(&s, &(struct scene_options){.known_keys = "consumers"});
	attach(&s, s.published_key);
	is_usable(&s);
	is_refused(&s);
	uint8_t own[KEY_PAIR_SIZE];
	memcpy(own, s.consumer_keys.own.public, sizeof(own));
	end(&s);

	/* Its key, but not of that name. */
	write_list("batch", own);
	begin(&s, &(struct scene_options){.known_keys = "consumers"});
	attach(&s, s.published_key);
	is_usable(&s);
	is_refused(&s);

	/* Read again with the configuration. */
	write_list("web", own);
	struct error err;
	assert_int_equal(client_keys_load(&s.provider_keys, s.loop, s.offload, &s.provider_options,
				 &err),
		0);
	ask_and_answer(&s);
	assert_int_equal(access("provider/" KNOWN_KEYS_FILE, F_OK), -1);

	/* A list that cannot be read changes nothing. */
	FILE *f = fopen("consumers", "w");
	fputs("web\n", f);
	fclose(f);
	assert_true(client_keys_load(&s.provider_keys, s.loop, s.offload, &s.provider_options,
			    &err) < 0);
	assert_non_null(strstr(err.text, "--known-keys: consumers: line 1"));
	ask_and_answer(&s);
	end(&s);
}

/* One without end to end towards a provider that has it: its exit node says that there is none. */
static void a_stream_that_is_not_sealed_is_refused(void **state)
{
	struct scene s;
	forget_all();
	begin(&s, &(struct scene_options){0});
	attach(&s, NULL);
	is_usable(&s);
	int program = connect_program(&s);
	say(program, "question");
	UNTIL(&s, was_reset(program));
	close(program);
	assert_int_equal(s.n_accepted, 0);
	end(&s);
}

/* Nobody dials for an exit node that does not say for whom. */
static void a_stream_without_a_consumer_is_refused(void **state)
{
	struct scene s;
	forget_all();
	begin(&s, &(struct scene_options){0});
	attach(&s, s.published_key);
	is_usable(&s);
	s.link = 0;
	is_refused(&s);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_exit_node_reads_nothing),
		cmocka_unit_test(the_end_of_data_is_the_end),
		cmocka_unit_test(a_pin_takes_no_other_key),
		cmocka_unit_test(the_first_key_is_remembered),
		cmocka_unit_test(there_is_no_way_back),
		cmocka_unit_test(what_is_forgotten_is_looked_at_again),
		cmocka_unit_test(what_the_exit_node_answers_is_no_name),
		cmocka_unit_test(a_bare_name_is_remembered_by_its_exit_node),
		cmocka_unit_test(who_insists_is_not_served_without),
		cmocka_unit_test(who_has_no_key_is_told_why),
		cmocka_unit_test(another_consumer_s_key_is_refused),
		cmocka_unit_test(a_list_counts_alone),
		cmocka_unit_test(a_stream_that_is_not_sealed_is_refused),
		cmocka_unit_test(a_stream_without_a_consumer_is_refused),
	};
	return cmocka_run_group_tests(tests, in_own_folder, leave_folder);
}
