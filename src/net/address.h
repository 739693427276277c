/* net/address.h: IP addresses with ports, as settings and logs write them. No name is ever looked up here. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/buf.h"
#include "base/error.h"

#include <sys/socket.h>

struct net_address {
    struct sockaddr_storage sa;
    socklen_t n;
};

/* "192.0.2.1:25" or "[2001:db8::1]:25". ERROR_SYNTAX. */
MUST_CHECK bool net_address_parse(struct str text, struct net_address *out, struct error *err);
/* Iterates a list with spaces or commas between: *at begins at 0; false at the end (*at is then list.n) or at a mistake. */
bool net_address_next(struct str list, size_t *at, struct net_address *out, struct error *err);
/* "192.0.2.1" or "2001:db8::1", without port; "unix" for a Unix socket. */
void net_address_print_ip(struct buf *out, const struct net_address *a);
/* The part that limits count by: the IPv4 address, or the /64 of an IPv6 address (an IPv4-mapped one counts as IPv4).
 * Appends 4 or 8 bytes; 5 for a Unix socket. */
void net_address_prefix(struct buf *out, const struct net_address *a);
/* A list of networks as "127.0.0.0/8, ::1" with spaces or commas between; an address alone is a network of one.
 * ERROR_SYNTAX names the item that is none. */
MUST_CHECK bool net_networks_check(struct str list, struct error *err);
/* Whether one of a list that was checked holds the address (an IPv4-mapped one as IPv4). */
bool net_networks_hold(struct str list, const struct net_address *a);
bool net_address_loopback(const struct net_address *a);
uint16_t net_address_port(const struct net_address *a);

#endif
