#pragma once
/* What is to be said of a folder before anybody asks for something in it. */
#include "base/error.h"
#include "client/config/upstreams.h"

enum file_folder_state {
	FILE_FOLDER_FINE, /* or the upstream is no folder */
	FILE_FOLDER_BARE, /* visitors of / get none of its files, nor a list of them */
	FILE_FOLDER_GONE, /* it cannot be opened */
};

/* But for FINE, `sentence_out` says what visitors miss, and why. It may be otherwise a moment later. */
enum file_folder_state file_folder_look(const struct upstream *u, struct error *sentence_out);
