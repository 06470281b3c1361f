/* SPDX-License-Identifier: MIT */
#include "cli/intention_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/exit_status.h"
#include "base/file_error.h"
#include "base/macros.h"

enum meaning {
	TAKEN,    /* it becomes our member */
	COUNTED,  /* by the server itself, so what a file says of it is nothing */
	ONLY_ONE, /* there is one of it here; the name of that one, or nothing, may stand there */
	REFUSED,
};

/* Consul's names; its decoder takes them in any case, and so do we. */
static const struct {
	const char *name;
	enum meaning meaning;
	const char *ours; /* TAKEN: our member; ONLY_ONE: the one that there is */
} members[] = {
	{"SourceName", TAKEN, "source"},
	{"DestinationName", TAKEN, "destination"},
	{"Action", TAKEN, "action"},
	{"Description", TAKEN, "description"},
	{"Meta", TAKEN, "meta"},
	/* And as our own API answers. */
	{"Source", TAKEN, "source"},
	{"Destination", TAKEN, "destination"},
	{"ID", COUNTED, NULL},
	{"Precedence", COUNTED, NULL},
	{"CreatedAt", COUNTED, NULL},
	{"UpdatedAt", COUNTED, NULL},
	{"CreatedBy", COUNTED, NULL},
	{"CreateIndex", COUNTED, NULL},
	{"ModifyIndex", COUNTED, NULL},
	{"Revision", COUNTED, NULL},
	{"Hash", COUNTED, NULL},
	{"SourceType", ONLY_ONE, "consul"},
	{"SourceNS", ONLY_ONE, "default"},
	{"DestinationNS", ONLY_ONE, "default"},
	{"SourcePartition", ONLY_ONE, "default"},
	{"DestinationPartition", ONLY_ONE, "default"},
	{"SourcePeer", ONLY_ONE, ""},
	{"SourceSamenessGroup", ONLY_ONE, ""},
	{"Permissions", REFUSED, "requests are not told apart here, only connections"},
};

struct reading {
	const char *path;
	struct error *err;
};

static int wrong(const struct reading *f, const char *name, const char *what)
{
	return error_set(f->err, STATUS_USAGE, "%s: %s: %s", f->path, name, what);
}

static int no_memory(const struct reading *f)
{
	return error_set(f->err, STATUS_FAILED, "no memory");
}

static bool says_nothing(const json_t *value)
{
	return json_is_null(value) ||
	       (json_is_string(value) && *json_string_value(value) == '\0') ||
	       (json_is_array(value) && json_array_size(value) == 0);
}

static int take(const struct reading *f, const char *name, json_t *value, json_t *intention)
{
	size_t i = 0;
	while (i < ARRAY_LEN(members) && strcasecmp(members[i].name, name) != 0)
		i++;
	if (i == ARRAY_LEN(members))
		return wrong(f, name, "an intention has nothing of that name");
	const char *ours = members[i].ours;
	switch (members[i].meaning) {
	case TAKEN:
		return says_nothing(value) || json_object_set(intention, ours, value) == 0
			       ? 0
			       : no_memory(f);
	case COUNTED:
		return 0;
	case ONLY_ONE:
		if (says_nothing(value) ||
			(json_is_string(value) && strcmp(json_string_value(value), ours) == 0))
			return 0;
		return error_set(f->err, STATUS_USAGE, "%s: %s: there is %s%s here", f->path, name,
			*ours ? "one alone, " : "none", ours);
	case REFUSED:
		return says_nothing(value) ? 0 : wrong(f, name, ours);
	}
	return 0;
}

static int read_intention(const struct reading *f, json_t *object, json_t *list)
{
	const char *name;
	json_t *value, *intention = json_object();
	int r = 0;
	if (!json_is_object(object))
		r = error_set(f->err, STATUS_USAGE,
			"%s: an intention is an object: {\"SourceName\": \"web\", "
			"\"DestinationName\": "
			"\"redis\", \"Action\": \"deny\"}",
			f->path);
	json_object_foreach(object, name, value) r = r ? r : take(f, name, value, intention);
	if (!r && (!json_object_get(intention, "source") ||
			  !json_object_get(intention, "destination")))
		r = error_set(f->err, STATUS_USAGE,
			"%s: SourceName and DestinationName belong to each intention", f->path);
	if (!r && json_array_append(list, intention))
		r = no_memory(f);
	json_decref(intention);
	return r;
}

int intention_file_read(const char *path, json_t *list, struct error *err)
{
	bool standard = strcmp(path, "-") == 0;
	const struct reading f = {.path = standard ? "standard input" : path, .err = err};
	auto_close int fd = standard ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	json_error_t fault;
	if (fd < 0) {
		file_error(err, -errno, path, FILE_READ, "--file: %s cannot be opened", path);
		return STATUS_USAGE;
	}
	json_t *document = json_loadfd(fd, JSON_REJECT_DUPLICATES, &fault), *each;
	size_t i;
	if (!document)
		return error_set(err, STATUS_USAGE, "%s:%d: it is not JSON: %s", f.path, fault.line,
			fault.text);
	int r = 0;
	if (!json_is_array(document))
		r = read_intention(&f, document, list);
	json_array_foreach(document, i, each) r = r ? r : read_intention(&f, each, list);
	json_decref(document);
	return r;
}
