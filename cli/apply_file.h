/* SPDX-License-Identifier: MIT */
#pragma once
/* A file of identities and intentions, YAML or JSON, as the API takes it: {"identities": […], "intentions": […]}. */
#include <jansson.h>

#include "base/error.h"

/*
 * "-" is standard input. A value of an identity is read as the option of `tunnel token create` reads it, under the member's name
 * (maxSessions) or the option's (max-sessions): "10MiB", "7000-7010", one host or a list of them. 0 or an exit
 * status, with a sentence that names file and line.
 */
int apply_file_read(const char *path, json_t **out, struct error *err);
