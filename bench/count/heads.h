/* SPDX-License-Identifier: MIT */
#pragma once
/* Heads as they come, for whoever parses them and whoever passes them on. */

#define HEAD_CURL                      \
	"GET /index.html HTTP/1.1\r\n" \
	"Host: app.example.com\r\n"    \
	"User-Agent: curl/7.88.1\r\n"  \
	"Accept: */*\r\n"              \
	"\r\n"

#define HEAD_BROWSER                                                                             \
	"GET /assets/app.css?v=1736 HTTP/1.1\r\n"                                                \
	"Host: app.example.com\r\n"                                                              \
	"Connection: keep-alive\r\n"                                                             \
	"Cache-Control: max-age=0\r\n"                                                           \
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" \
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n" \
	"Accept-Encoding: gzip, deflate, br\r\n"                                                 \
	"Accept-Language: de,en-US;q=0.7,en;q=0.3\r\n"                                           \
	"Referer: https://app.example.com/account/orders\r\n"                                    \
	"Cookie: session=9f86d081884c7d659a2feaa0c55ad015; theme=dark; seen=2024-11-30\r\n"      \
	"If-None-Match: \"65a1f2c3-1d4a\"\r\n"                                                   \
	"Sec-Fetch-Mode: no-cors\r\n"                                                            \
	"Sec-Fetch-Site: same-origin\r\n"                                                        \
	"\r\n"

#define HEAD_ANSWER                                        \
	"HTTP/1.1 200 OK\r\n"                              \
	"Server: nginx/1.22.1\r\n"                         \
	"Date: Sat, 30 Nov 2024 12:00:00 GMT\r\n"          \
	"Content-Type: text/css; charset=utf-8\r\n"        \
	"Content-Length: 7498\r\n"                         \
	"Last-Modified: Fri, 12 Jan 2024 22:29:23 GMT\r\n" \
	"Connection: keep-alive\r\n"                       \
	"ETag: \"65a1f2c3-1d4a\"\r\n"                      \
	"Cache-Control: max-age=3600, public\r\n"          \
	"Accept-Ranges: bytes\r\n"                         \
	"\r\n"
