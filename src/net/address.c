/* net/address.c: see address.h. */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static bool fill(struct str ip, uint64_t port, bool v6, struct net_address *out)
{
    char text[INET6_ADDRSTRLEN + 1] = "";

    if (ip.n == 0 || ip.n >= sizeof text)
        return false;
    memcpy(text, ip.p, ip.n);
    memset(out, 0, sizeof *out);
    if (v6) {
        struct sockaddr_in6 *s = (struct sockaddr_in6 *)&out->sa;

        s->sin6_family = AF_INET6;
        s->sin6_port = htons((uint16_t)port);
        out->n = sizeof *s;
        return inet_pton(AF_INET6, text, &s->sin6_addr) == 1;
    }
    struct sockaddr_in *s = (struct sockaddr_in *)&out->sa;

    s->sin_family = AF_INET;
    s->sin_port = htons((uint16_t)port);
    out->n = sizeof *s;
    return inet_pton(AF_INET, text, &s->sin_addr) == 1;
}

bool net_address_parse(struct str text, struct net_address *out, struct error *err)
{
    size_t colon = str_rfind_char(text, ':');
    struct net_address a;
    uint64_t port;

    if (colon != SIZE_MAX && str_to_u64(str_skip(text, colon + 1), 65535, &port)) {
        struct str ip = str_sub(text, 0, colon);
        bool v6 = ip.n > 2 && ip.p[0] == '[' && ip.p[ip.n - 1] == ']';

        if (fill(v6 ? str_sub(ip, 1, ip.n - 2) : ip, port, v6, &a)) {
            *out = a;
            return true;
        }
    }
    return error_set(err, ERROR_SYNTAX, "\"%.*s\" is not an address as 192.0.2.1:25 or [2001:db8::1]:25",
                     STR_ARG(str_sub(text, 0, 100)));
}

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == ',';
}

bool net_address_next(struct str list, size_t *at, struct net_address *out, struct error *err)
{
    size_t from;

    while (*at < list.n && is_separator(list.p[*at]))
        (*at)++;
    from = *at;
    if (from == list.n)
        return false;
    while (*at < list.n && !is_separator(list.p[*at]))
        (*at)++;
    if (net_address_parse(str_sub(list, from, *at - from), out, err))
        return true;
    *at = from;
    return false;
}

static const struct in_addr *mapped(const struct sockaddr_in6 *s)
{
    return IN6_IS_ADDR_V4MAPPED(&s->sin6_addr) ? (const void *)&s->sin6_addr.s6_addr[12] : NULL;
}

void net_address_print_ip(struct buf *out, const struct net_address *a)
{
    char text[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a->sa;

    if (a->sa.ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)&a->sa)->sin_addr, text, sizeof text);
    else if (a->sa.ss_family == AF_INET6 && mapped(six))
        inet_ntop(AF_INET, mapped(six), text, sizeof text);
    else if (a->sa.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
    buf_c(out, text[0] ? text : "unix");
}

void net_address_prefix(struct buf *out, const struct net_address *a)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a->sa;

    if (a->sa.ss_family == AF_INET)
        buf_add(out, &((const struct sockaddr_in *)&a->sa)->sin_addr, 4);
    else if (a->sa.ss_family == AF_INET6 && mapped(six))
        buf_add(out, mapped(six), 4);
    else if (a->sa.ss_family == AF_INET6)
        buf_add(out, six->sin6_addr.s6_addr, 8);
    else
        buf_add(out, "unix", 4);
}

bool net_address_loopback(const struct net_address *a)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a->sa;
    const struct in_addr *four = NULL;

    if (a->sa.ss_family == AF_INET)
        four = &((const struct sockaddr_in *)&a->sa)->sin_addr;
    else if (a->sa.ss_family == AF_INET6 && mapped(six))
        four = mapped(six);
    else if (a->sa.ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    return !four || ntohl(four->s_addr) >> 24 == 127;
}

uint16_t net_address_port(const struct net_address *a)
{
    if (a->sa.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&a->sa)->sin_port);
    if (a->sa.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&a->sa)->sin6_port);
    return 0;
}
