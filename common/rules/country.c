/* SPDX-License-Identifier: MIT */
#include "rules/country.h"

#include <errno.h>
#include <maxminddb.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_error.h"

struct country_file {
	MMDB_s db;
};

int country_open(const char *path, struct country_file **out, struct error *err)
{
	struct country_file *f = calloc(1, sizeof(*f));
	if (!f)
		return error_set(err, -ENOMEM, "%s: no memory", path);
	int r = MMDB_open(path, MMDB_MODE_MMAP, &f->db);
	if (r == MMDB_SUCCESS) {
		*out = f;
		return 0;
	}
	int cause = errno;
	free(f);
	if (r == MMDB_FILE_OPEN_ERROR)
		return file_error(err, -cause, path, FILE_READ,
			"the country file %s cannot be opened", path);
	return error_set(err, -EINVAL, "%s is no file of MaxMind's format: %s", path,
		MMDB_strerror(r));
}

struct country_file *country_close(struct country_file *f)
{
	if (f)
		MMDB_close(&f->db);
	free(f);
	return NULL;
}

static bool read_code(MMDB_entry_s *entry, const char *which, char out[COUNTRY_SIZE])
{
	MMDB_entry_data_s code;
	if (MMDB_get_value(entry, &code, which, "iso_code", NULL) != MMDB_SUCCESS)
		return false;
	if (!code.has_data || code.type != MMDB_DATA_TYPE_UTF8_STRING ||
		code.data_size != COUNTRY_SIZE - 1)
		return false;
	memcpy(out, code.utf8_string, COUNTRY_SIZE - 1);
	out[COUNTRY_SIZE - 1] = 0;
	return true;
}

bool country_find(const struct country_file *f, const struct address *a, char out[COUNTRY_SIZE])
{
	struct sockaddr_storage at;
	int error;
	if (!address_to_sockaddr(a, &at))
		return false;
	MMDB_lookup_result_s found =
		MMDB_lookup_sockaddr(&f->db, (const struct sockaddr *)&at, &error);
	if (error != MMDB_SUCCESS || !found.found_entry)
		return false;
	return read_code(&found.entry, "country", out) ||
	       read_code(&found.entry, "registered_country", out);
}
