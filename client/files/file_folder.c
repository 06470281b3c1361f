/* SPDX-License-Identifier: MIT */
#include "client/files/file_folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "client/files/file_open.h"

struct file_folder *file_folder_new(const struct upstream *u)
{
	struct file_folder *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->users = 1;
	f->listing = u->listing;
	f->path = strdup(u->folder);
	f->text = strdup(u->text);
	return f->path && f->text ? f : file_folder_unref(f);
}

struct file_folder *file_folder_ref(struct file_folder *f)
{
	f->users++;
	return f;
}

struct file_folder *file_folder_unref(struct file_folder *f)
{
	if (!f || --f->users)
		return NULL;
	free(f->path);
	free(f->text);
	free(f);
	return NULL;
}

enum file_folder_state file_folder_check(const struct upstream *u, struct error *sentence_out)
{
	struct stat st;
	if (!u->folder)
		return FILE_FOLDER_OK;
	auto_close int folder = file_open_folder(u->folder);
	if (folder < 0) {
		file_error(sentence_out, folder, u->folder, FILE_READ,
			"%s cannot be opened, so visitors get 502 until it can", u->text);
		return FILE_FOLDER_UNREADABLE;
	}
	auto_close int index = file_open(folder, "index.html", &st);
	if (index >= 0 || u->listing || (index != -EACCES && index != -ENOENT && index != -EISDIR))
		return FILE_FOLDER_OK; /* or the machine is short of something, which is not the folder's */
	error_set(sentence_out, 0,
		index == -EACCES
			? "%s: its index.html cannot be read, so visitors of / get 403"
			: "%s has no index.html, so visitors of / get 404; --listing behind it "
			  "lists what is there",
		u->text);
	return FILE_FOLDER_NO_INDEX;
}
