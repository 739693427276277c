/* net/address.h: IP addresses with ports, as settings and logs write them. Names are never looked up. A Unix socket is an
 * address too, one without a port. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/buf.h"
#include "base/error.h"

#include <sys/socket.h>

struct net_address {
    struct sockaddr_storage sa;
    socklen_t n;
};

/* Reads "192.0.2.1:25" or "[2001:db8::1]:25". ERROR_SYNTAX: it is neither; *out is then as it was. */
MUST_CHECK bool net_address_parse(struct str text, struct net_address *out, struct error *err);
/* Walks a list whose items are separated by spaces or commas; *at starts at 0. False at the end, where *at is list.n, or
 * with ERROR_SYNTAX at an item that is not an address, where *at is that item's first byte. */
bool net_address_next(struct str list, size_t *at, struct net_address *out, struct error *err);
/* Appends "192.0.2.1" or "2001:db8::1", without the port (an IPv4-mapped address as IPv4); "unix" for a Unix socket. */
void net_address_print_ip(struct buf *out, const struct net_address *a);
/* The part that limits count by: the IPv4 address, or the /64 of an IPv6 address (an IPv4-mapped one counts as IPv4).
 * Appends 4 or 8 bytes; 5 for a Unix socket. */
void net_address_prefix(struct buf *out, const struct net_address *a);
/* Checks a list of networks such as "127.0.0.0/8, ::1", separated by spaces or commas; an address alone is a network of
 * one. ERROR_SYNTAX names the first item that is not a network. */
MUST_CHECK bool net_networks_check(struct str list, struct error *err);
/* Whether a network of this list, which net_networks_check accepted, holds the address (an IPv4-mapped one as IPv4). */
bool net_networks_hold(struct str list, const struct net_address *a);
/* Whether the peer is on this machine: 127.0.0.0/8 (also IPv4-mapped), ::1, or a Unix socket. */
bool net_address_loopback(const struct net_address *a);
/* The port in the machine's byte order; 0 for a Unix socket. */
uint16_t net_address_port(const struct net_address *a);

#endif
