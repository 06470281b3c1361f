#pragma once
/*
 * Why a file that was named could not be opened, for whoever named it: which user may not, which directory
 * on the way or which owner and mode keeps him out, and what to do.
 */
#include "base/error.h"

enum file_wish {
	FILE_READ,        /* the user, or a group of his */
	FILE_READ_SECRET, /* the user alone, as others are not allowed to read it */
	FILE_WRITE,       /* to be made where it is missing */
};

/*
 * The sentence of `fmt` ("the CA file /x cannot be read"), the cause that `code` (-errno) stands for, and
 * what can be seen of it now. Returns `code`. Looks at files and users: for beginnings and reloads.
 */
int file_error(struct error *err, int code, const char *path, enum file_wish wish, const char *fmt,
	...) __attribute__((format(printf, 5, 6)));

/* Whether it could be written, or made where it is missing: 0 or -errno. Makes nothing. */
int file_may_write(const char *path);
