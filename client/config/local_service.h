/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * One private service that this client wants to use, at a place of this machine: what a --service, or --stdio,
 * and the options behind it say. An alias may have keys behind it, ALIAS#x25519/KEY,x25519/KEY: those by which its
 * provider is known, and nobody else is believed.
 */
#include "client/config/local_place.h"
#include "crypto/key_pair.h"
#include "policy/name.h"
#include "wire/control.h"

/* Characters of a request's message, as Azure has it. */
#define LOCAL_SERVICE_MESSAGE_MAX 140

/* Keys behind the '#' of an alias: the provider's, and the one that is to follow it. */
#define LOCAL_SERVICE_PINS 8

/* One entry of the option group, or of the file's `endpoints`. */
struct local_options {
	char *service;  /* ALIAS=LISTEN; NULL: `stdio` is there */
	char *stdio;    /* ALIAS */
	char *endpoint; /* a name; NULL: the identity's */
	char *message;  /* for who approves it; NULL: none */
	bool end_to_end;
};

/* Texts are owned. */
struct local_service {
	char name[POLICY_NAME_SIZE]; /* the private service's, for people: the alias' first label */
	char *alias;                 /* or its name alone: what the exit node is asked for */
	enum control_kind kind;
	struct local_place place;
	char *endpoint, *message; /* NULL: not said */
	bool end_to_end;          /* it is used so or not at all: as said, or by a pin */
	uint8_t pins[LOCAL_SERVICE_PINS][KEY_PAIR_SIZE]; /* one of these is its provider's */
	size_t n_pins;                                   /* 0: whichever is seen first */
};

/* 0, -EINVAL with a sentence, or -ENOMEM; `out` is for local_service_deinit() in any case. */
int local_service_init(struct local_service *out, const struct local_options *o, struct error *err);

void local_service_deinit(struct local_service *s);

/* Its own texts. 0 or -ENOMEM; `to` is for local_service_deinit() in any case. */
int local_service_copy(struct local_service *to, const struct local_service *from);

/* The same but for the message, which may change while it is used. */
bool local_service_same(const struct local_service *a, const struct local_service *b);
