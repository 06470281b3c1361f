/* SPDX-License-Identifier: MIT */
#pragma once
/* Inside the room: the way every source of options takes to set one. */
#include "base/error.h"
#include "base/str.h"
#include "config/config.h"

/* In rising precedence. */
enum config_source { FROM_DEFAULT, FROM_ENVIRONMENT, FROM_FILE, FROM_COMMAND_LINE };

/* Where a value stands, for sentences and for precedence. */
struct config_origin {
	enum config_source source;
	const char *file; /* FROM_FILE */
	unsigned line;
	bool operand;     /* FROM_COMMAND_LINE: it stood there without the option's name */
	struct str typed; /* FROM_COMMAND_LINE: the name, which may be an alias; empty: a letter */
};

/*
 * Sets the option unless a source of higher precedence did; a group's key begins an element. A value
 * that is not allowed, a secret's second value, and a group's setting before any key are -EINVAL
 * with a sentence that names option and place.
 */
int config_apply(struct config *c, struct option_at at, struct str text,
	struct config_origin origin, struct error *err);

const struct option_table *config_table(const struct config *c);

/* Keeps a sentence for config_note(). */
int config_add_note(struct config *c, const char *text, struct error *err);

/* The whole command line; CONFIG_HELP when it asks for help. */
int config_read_argv(struct config *c, int argc, char **argv, struct error *err);

/* The YAML file; how many options in it the table does not know, also on failure. */
int config_read_file(struct config *c, const char *path, size_t *unknown_out, struct error *err);
