/* SPDX-License-Identifier: MIT */
#pragma once
/* What can be wrong with a message, the status that answers it, and the sentence for page and log. */

/* X(name, word for the access log, status, sentence) */
#define HTTP1_ERRORS(X)                                                                          \
	X(START_LINE, "start-line", 400, "the first line is malformed")                          \
	X(VERSION, "version", 505, "the HTTP version is neither 1.0 nor 1.1")                    \
	X(METHOD, "method", 405, "the method CONNECT is not offered")                            \
	X(TARGET, "target", 400, "the request target is malformed")                              \
	X(LINE_END, "line-end", 400, "a line does not end in CR LF, or a CR or LF stands alone") \
	X(CONTROL, "control", 400, "a field value contains a control character")                 \
	X(FOLD, "fold", 400, "a field is folded over several lines")                             \
	X(NAME, "name", 400, "a field name is malformed")                                        \
	X(FIELDS, "fields", 431, "there are too many fields")                                    \
	X(TOO_LARGE, "too-large", 431, "the head is too large")                                  \
	X(HOST, "host", 400, "the Host field is missing, repeated or malformed")                 \
	X(HOST_DIFFERS, "host-differs", 400,                                                     \
		"the request target and the Host field name different hosts")                    \
	X(LENGTH, "length", 400, "Content-Length is repeated or malformed")                      \
	X(CODING, "coding", 400, "Transfer-Encoding is something else than one chunked")         \
	X(BOTH_LENGTHS, "both-lengths", 400,                                                     \
		"both Content-Length and Transfer-Encoding are present")                         \
	X(CODING_IN_1_0, "coding-in-1.0", 400, "Transfer-Encoding is used with HTTP/1.0")        \
	X(CONNECTION, "connection", 400, "the Connection field is malformed or too long")        \
	X(CONNECTION_NAMES, "connection-names", 400,                                             \
		"Connection names a field that frames the message")                              \
	X(MAX_FORWARDS, "max-forwards", 400, "Max-Forwards is repeated or malformed")            \
	X(EXPECT, "expect", 417, "the expectation is something else than 100-continue")          \
	X(CHUNK_SIZE, "chunk-size", 400, "a chunk size is malformed")                            \
	X(CHUNK_EXTENSION, "chunk-extension", 400,                                               \
		"a chunk extension is malformed, or there is too much of them")                  \
	X(CHUNK_END, "chunk-end", 400, "a chunk is longer or shorter than its size says")        \
	X(TRAILER, "trailer", 400, "a field stands behind the body that is not allowed there")   \
	X(TRAILERS_TOO_LARGE, "trailers-too-large", 431,                                         \
		"the fields behind the body are too large")                                      \
	X(SWITCH, "switch", 502, "it switches to a protocol that was not asked for")             \
	X(INTERIM, "interim", 502, "too many interim responses come before the final one")

enum http1_result {
	HTTP1_OK,
	HTTP1_MORE, /* all bytes are used, none is wrong, the end is not among them */
#define HTTP1_ERROR_CODE(name, word, status, text) HTTP1_E_##name,
	HTTP1_ERRORS(HTTP1_ERROR_CODE)
#undef HTTP1_ERROR_CODE
};

#define HTTP1_N_RESULTS (HTTP1_E_INTERIM + 1)

/* For HTTP1_E_* codes only. The status is a request's; a response with an error is always 502. */
int http1_error_status(int code);
const char *http1_error_text(int code);
