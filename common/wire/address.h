/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * An IP address with a port, small enough to be copied. An IPv4 address that came as IPv6
 * (::ffff:1.2.3.4, as dual-stack sockets report it) is kept as IPv4, so that each has one form.
 *
 * A link-local IPv6 address says nothing without its zone, the interface that leads to it. A zone means
 * something on its own machine only (RFC 4007, 6; RFC 9844): it is read where people configure this one,
 * kept for the sockets, and never written into anything that others read, logs included.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/str.h"

enum address_family { ADDRESS_NONE = 0, ADDRESS_V4 = 4, ADDRESS_V6 = 6 };

struct address {
	uint8_t bytes[16]; /* network order; the first 4 for IPv4, the rest zero */
	uint32_t zone;     /* of a link-local address, the interface's index; else 0 */
	uint16_t port;     /* host order */
	uint8_t family;    /* enum address_family; ADDRESS_NONE: unknown, shown as "-" */
};

#define ADDRESS_ZONE_SIZE 16 /* Linux's IFNAMSIZ, with the NUL */
#define ADDRESS_TEXT_SIZE 56 /* "[" + 45 characters + "]:65535" and the NUL, rounded up */

/* "1.2.3.4:80" or "[2001:db8::1]:80"; the port must be there, 0 is allowed. */
bool address_parse(struct str text, struct address *out);

/*
 * "1.2.3.4", "2001:db8::1" or "[2001:db8::1]"; the port becomes 0. A zone ("fe80::1%eth0", in brackets also
 * "%25eth0") is read and dropped: it is another machine's.
 */
bool address_parse_ip(struct str text, struct address *out);

/*
 * The same of what is configured on this machine: the zone is kept. False also when there is no such
 * interface now. Not for untrusted text, as it asks the kernel.
 */
bool address_parse_zoned(struct str text, struct address *out);

/*
 * Takes the zone off an IPv6 address's text without brackets. `url`: what stands in brackets, where '%' is
 * written "%25" (RFC 6874), or by most people as it is. `zone_out` is empty without one. False: what stands
 * there is no zone. Whether the address is link-local is not looked at.
 */
bool address_take_zone(struct str *text, bool url, struct str *zone_out);

/* With port, IPv6 in brackets; the length without the NUL. */
size_t address_format(const struct address *a, char out[ADDRESS_TEXT_SIZE]);

/* Without port or brackets. */
size_t address_format_ip(const struct address *a, char out[ADDRESS_TEXT_SIZE]);

/* A family that is neither IPv4 nor IPv6 gives ADDRESS_NONE. */
struct address address_from_sockaddr(const struct sockaddr *sa);

/* The length of what was written; 0 for ADDRESS_NONE. */
socklen_t address_to_sockaddr(const struct address *a, struct sockaddr_storage *out);

/* Equal but for the port; the zone counts. */
bool address_same_ip(const struct address *a, const struct address *b);

/*
 * What limits for each address count by: an IPv4 address, or the /64 of an IPv6 one, which is what one
 * subscriber gets; all link-local ones have the same /64, so of these the end. The kinds never meet: IPv4
 * takes the place of 0::/32, which is reserved.
 */
uint64_t address_network(const struct address *a);

/* fe80::/10. */
bool address_is_link_local(const struct address *a);

/*
 * An address that is reached from everywhere: none of those that are for a machine, a link, a site or a carrier's own
 * network, or for documentation (RFC 6890; IPv6: of 2000::/3).
 */
bool address_is_global(const struct address *a);

/* 127.0.0.0/8 or ::1. */
bool address_is_loopback(const struct address *a);
