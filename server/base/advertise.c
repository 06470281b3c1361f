/* SPDX-License-Identifier: MIT */
#include "server/base/advertise.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "wire/address.h"
#include "wire/hostname.h"
#include "wire/url.h"

/*
 * Addresses that only the default route leads to: documentation prefixes, RFC 5737 and RFC 3849.
 * Connecting a datagram socket looks the route up and sends nothing.
 */
static const char *const far_away[] = {"192.0.2.1", "2001:db8::1"};

/* The local address on the way to `to`; false without a route, or when it is good only for here. */
static bool source_toward(const char *to, struct address *out)
{
	struct address far;
	struct sockaddr_storage ss;
	if (!address_parse_ip(str_from(to), &far))
		return false;
	far.port = 9; /* discard; 0 is refused by some systems */
	socklen_t n = address_to_sockaddr(&far, &ss);
	auto_close int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&ss, n) < 0)
		return false;
	n = sizeof ss;
	if (getsockname(fd, (struct sockaddr *)&ss, &n) < 0)
		return false;
	*out = address_from_sockaddr((struct sockaddr *)&ss);
	return out->family != ADDRESS_NONE && !address_is_link_local(out) &&
	       !address_is_loopback(out);
}

/* A machine without a default route is still reached from itself. */
static struct address guess(void)
{
	struct address a;
	for (size_t i = 0; i < sizeof far_away / sizeof far_away[0]; i++)
		if (source_toward(far_away[i], &a))
			return a;
	address_parse_ip(STR("127.0.0.1"), &a);
	return a;
}

const char *advertise_scheme(const char **option, uint16_t *port)
{
	static const struct {
		const char *prefix, *scheme;
		uint16_t port;
	} schemes[] = {
		{"https://", "https", URL_HTTPS_PORT},
		{"wss://", "https", URL_HTTPS_PORT},
		{"http://", "http", URL_HTTP_PORT},
		{"ws://", "http", URL_HTTP_PORT},
	};
	for (size_t i = 0; *option && i < ARRAY_LEN(schemes); i++) {
		size_t n = strlen(schemes[i].prefix);
		if (strncasecmp(*option, schemes[i].prefix, n) != 0)
			continue;
		*option += n;
		*port = schemes[i].port;
		return schemes[i].scheme;
	}
	return NULL;
}

static bool is_any(const struct address *a)
{
	static const uint8_t zero[sizeof a->bytes];
	return memcmp(a->bytes, zero, sizeof zero) == 0;
}

/* What is listened on, when that is one address, which others can be told. */
static bool take_bound(const char *bound, struct address *out)
{
	return bound && *bound && address_parse_ip(str_from(bound), out) && !is_any(out) &&
	       !address_is_link_local(out);
}

int advertise_address(const char *option, const char *bound, uint16_t port,
	char out[ADVERTISE_SIZE], enum advertise_how *how_out, struct error *err)
{
	struct address a;
	char text[ADDRESS_TEXT_SIZE], host[HOSTNAME_SIZE];
	enum advertise_how how = ADVERTISE_TOLD;
	if (!option || !*option) {
		if (!take_bound(bound, &a)) {
			a = guess();
			how = ADVERTISE_GUESS;
		} else {
			how = address_is_loopback(&a) ? ADVERTISE_HERE : ADVERTISE_BOUND;
		}
	}
	/* An IPv6 address without brackets is no host name, but people write it. */
	if (how != ADVERTISE_TOLD || address_parse_ip(str_from(option), &a)) {
		a.port = port;
		address_format(&a, text);
		snprintf(out, ADVERTISE_SIZE, "%s", text);
		*how_out = how;
		return 0;
	}
	size_t n;
	uint16_t own = 0;
	int r = hostname_with_port(str_from(option), host, &n, &own);
	if (strstr(option, "://") || (!r && hostname_is_number((struct str){host, n})))
		return error_set(err, -EINVAL,
			"--advertise \"%s\" is no host: write it as HOST or HOST:PORT", option);
	if (r)
		return error_set(err, -EINVAL,
			"--advertise \"%s\" %s: write it as HOST or HOST:PORT", option,
			hostname_error_text(r));
	unsigned shown = own ? own : port;
	snprintf(out, ADVERTISE_SIZE, "%s:%u", host, shown);
	*how_out = how;
	return 0;
}

/* In quotes when a shell would read more into it than it says. */
static int append_quoted(struct buf *out, struct str value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_./:,+@%=";
	bool quote = value.n == 0;
	for (size_t i = 0; i < value.n; i++)
		quote |= !memchr(plain, value.p[i], sizeof plain - 1);
	int r = quote ? buf_append(out, "'", 1) : 0;
	for (size_t i = 0; !r && i < value.n; i++) {
		if (value.p[i] == '\'')
			r = buf_append(out, "'\\''", 4);
		else
			r = buf_append(out, &value.p[i], 1);
	}
	return r || !quote ? r : buf_append(out, "'", 1);
}

/* " --name=value" */
static int append_option(struct buf *out, const char *name, struct str value)
{
	int r = buf_append(out, " --", 3);
	r = r ? r : buf_append(out, name, strlen(name));
	r = r ? r : buf_append(out, "=", 1);
	return r ? r : append_quoted(out, value);
}

int advertise_command(struct buf *out, const char *remote, struct str token, const char *token_file,
	const char *pin)
{
	static const struct str command = STR("tunnel client");
	static const struct str upstream = STR("http://127.0.0.1:3000");
	size_t before = buf_len(out);
	int r = buf_append(out, command.p, command.n);
	r = r ? r : append_option(out, "remote", str_from(remote));
	if (!r && pin)
		r = append_option(out, "tls-pin", str_from(pin));
	r = r ? r : append_option(out, "upstream", upstream);
	if (!r && token.n > 0)
		r = append_option(out, "token", token);
	else if (!r && token_file)
		r = append_option(out, "token-from", str_from(token_file));
	else if (!r)
		r = buf_append(out, " --no-token", 11);
	if (r)
		out->end = out->start + before;
	return r;
}

int advertise_copy(struct buf *out, const char *address, const char *path, const char *to)
{
	const char *port = strrchr(address, ':');
	struct buf from = BUF_NULL;
	int r = buf_append(&from, address, port ? (size_t)(port - address) : strlen(address));
	r = r ? r : buf_append(&from, ":", 1);
	r = r ? r : buf_append(&from, path, strlen(path));
	size_t before = buf_len(out);
	r = r ? r : buf_append(out, "scp ", 4);
	r = r ? r : append_quoted(out, (struct str){(const char *)buf_head(&from), buf_len(&from)});
	r = r ? r : buf_append(out, " ", 1);
	r = r ? r : append_quoted(out, str_from(to));
	if (r)
		out->end = out->start + before;
	buf_deinit(&from);
	return r;
}

bool advertise_may_show(bool print_token)
{
	return print_token || isatty(STDERR_FILENO);
}
