/* SPDX-License-Identifier: MIT */
#include "wire/http1_error.h"

#include <stdint.h>

static const struct {
	uint16_t status;
	const char *text;
} errors[HTTP1_N_RESULTS] = {
#define HTTP1_ERROR_ROW(name, word, code, sentence) [HTTP1_E_##name] = {code, sentence},
	HTTP1_ERRORS(HTTP1_ERROR_ROW)
#undef HTTP1_ERROR_ROW
};

int http1_error_status(int code)
{
	return errors[code].status;
}

const char *http1_error_text(int code)
{
	return errors[code].text;
}
