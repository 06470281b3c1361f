#include "client/files/file_folder.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/file_error.h"
#include "client/files/file_open.h"

enum file_folder_state file_folder_look(const struct upstream *u, struct error *sentence_out)
{
	struct stat st;
	if (!u->folder)
		return FILE_FOLDER_FINE;
	auto_close int folder = file_open_folder(u->folder);
	if (folder < 0) {
		file_error(sentence_out, folder, u->folder, FILE_READ,
			"%s cannot be opened, so visitors get 502 until it can", u->text);
		return FILE_FOLDER_GONE;
	}
	auto_close int index = file_open(folder, "index.html", &st);
	if (index >= 0 || u->listing || (index != -EACCES && index != -ENOENT && index != -EISDIR))
		return FILE_FOLDER_FINE; /* or the machine is short of something, which is not the folder's */
	error_set(sentence_out, 0,
		index == -EACCES
			? "%s: its index.html cannot be read, so visitors of / get 403"
			: "%s has no index.html, so visitors of / get 404; --listing behind it "
			  "lists what is there",
		u->text);
	return FILE_FOLDER_BARE;
}
