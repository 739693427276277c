/* net/proxy.h: the PROXY protocol, version 2, as load balancers put it in front of a connection, so
 * that we know whose it is
 * ("The PROXY protocol", HAProxy Technologies, 2020, section 2.2). Version 1, which is text, is not
 * taken. */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "net/address.h"

enum net_proxy {
    NET_PROXY_MORE, /* the header is not whole yet */
    NET_PROXY_DONE,
    NET_PROXY_BAD /* it is no such header, or larger than LIMIT_PROXY_HEADER */
};

/* Reads a header from the front of `in`. DONE: *used is its size (at least 16), and *source is the
 * client's address; it is left as it was for LOCAL (a health check of the balancer itself) and for
 * families that are no IP. BAD: err says why, in words for the operator. `in` may begin with less
 * than a header; nothing but the header is looked at. */
MUST_CHECK enum net_proxy net_proxy_parse(struct str in, size_t *used, struct net_address *source,
                                          struct error *err);

#endif
