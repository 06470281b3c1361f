/* SPDX-License-Identifier: MIT */
/* That the level which meson.build asks for is the one that the C library gives. */
#include <string.h>

int main(void)
{
	return __USE_FORTIFY_LEVEL == LEVEL ? 0 : 1;
}
