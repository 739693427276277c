/* net/proxy.h: the PROXY protocol, version 2: the header with which a load balancer begins a connection, to say whose it
 * is ("The PROXY protocol", HAProxy Technologies, 2020, section 2.2). Version 1, which is text, is refused. */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "net/address.h"

enum net_proxy {
    NET_PROXY_MORE, /* the header is incomplete so far */
    NET_PROXY_DONE,
    NET_PROXY_BAD /* it is not such a header, or larger than LIMIT_PROXY_HEADER */
};

/* Reads a header from the front of `in`, and nothing after it. DONE: *used is its size (at least 16), and *source is the
 * client's address; *source is left alone for LOCAL (a health check by the balancer itself) and for addresses other than
 * TCP over IP. BAD: err says why, in words for the operator. */
MUST_CHECK enum net_proxy net_proxy_parse(struct str in, size_t *used, struct net_address *source,
                                          struct error *err);

#endif
