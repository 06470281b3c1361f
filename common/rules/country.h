/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Which country an address is of, by the operator's file in MaxMind's format (libmaxminddb), whichever vendor
 * made it: the record's country.iso_code, else registered_country.iso_code.
 */
#include "base/error.h"
#include "wire/address.h"

#define COUNTRY_SIZE 3 /* two letters of ISO 3166-1 and a NUL */

struct country_file;

/* 0, or < 0 with a sentence that names the file. */
int country_open(const char *path, struct country_file **out, struct error *err);
/* Accepts NULL; returns NULL. */
struct country_file *country_close(struct country_file *f);

/* From any thread. False: the file does not say. */
bool country_find(const struct country_file *f, const struct address *a, char out[COUNTRY_SIZE]);
