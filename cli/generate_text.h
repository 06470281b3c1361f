/* SPDX-License-Identifier: MIT */
#pragma once
/* Text in the forms that --generate prints. */
#include <stddef.h>
#include <stdio.h>

#include "cli/deployment.h"

/* A scalar of YAML, in quotes. */
void generate_yaml(FILE *to, const char *text);

/* The same where compose, and a cluster in arguments, would replace $NAME. */
void generate_yaml_dollars(FILE *to, const char *text);

/* The command and its words as a list of YAML, an item a line behind `indent` blanks; `$` doubled. */
void generate_yaml_command(FILE *to, const struct deployment *d, int indent);

/* A word of ExecStart= (systemd.service(5), COMMAND LINES). */
void generate_unit_word(FILE *to, const char *text);
/* The program itself there, in which `$` means nothing. */
void generate_unit_program(FILE *to, const char *path);
/* A path behind an option of its own (LoadCredential=), where blanks mean nothing. */
void generate_unit_path(FILE *to, const char *path);

/* A word of a command for a POSIX shell. */
void generate_shell_word(FILE *to, const char *text);

/* What "@name@" in a template becomes. */
struct generate_word {
	const char *name, *value;
};
void generate_fill(FILE *to, const char *template, const struct generate_word *words, size_t n);

/* Each line of a text behind `indent` blanks. */
void generate_indented(FILE *to, const char *text, int indent);

/* A comment about an option that is a secret and has no file, if there was one. */
void generate_left_out(FILE *to, const struct deployment *d);
