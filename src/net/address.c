/* net/address.c: see address.h. */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static bool address_fill(struct str ip, uint64_t port, bool v6, struct net_address *out)
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

        if (address_fill(v6 ? str_sub(ip, 1, ip.n - 2) : ip, port, v6, &a)) {
            *out = a;
            return true;
        }
    }
    return error_set(err, ERROR_SYNTAX,
                     "\"%.*s\" is not an address such as 192.0.2.1:25 or [2001:db8::1]:25",
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

/* One network: the bytes of its address (4 or 16) and how many bits count. */
struct network {
    unsigned char ip[16];
    unsigned bytes, bits;
};

/* The next item of the list; false at the end, or with *wrong set at a mistake. */
static bool next_network(struct str list, size_t *at, struct network *out, struct str *wrong)
{
    struct str item, ip, rest = STR_NULL;
    char text[INET6_ADDRSTRLEN + 1] = "";
    uint64_t bits;
    size_t from;
    bool six;

    *wrong = STR_NULL;
    while (*at < list.n && is_separator(list.p[*at]))
        (*at)++;
    from = *at;
    while (*at < list.n && !is_separator(list.p[*at]))
        (*at)++;
    ip = item = str_sub(list, from, *at - from);
    if (item.n == 0)
        return false;
    bool sized = str_cut(item, '/', &ip, &rest);

    six = str_find_char(ip, ':') != SIZE_MAX;
    *wrong = item;
    if (ip.n == 0 || ip.n >= sizeof text)
        return false;
    memcpy(text, ip.p, ip.n);
    bits = out->bytes = six ? 16 : 4;
    bits *= 8;
    if (inet_pton(six ? AF_INET6 : AF_INET, text, out->ip) != 1 ||
        (sized && !str_to_u64(rest, bits, &bits)))
        return false;
    out->bits = (unsigned)bits;
    *wrong = STR_NULL;
    return true;
}

bool net_networks_check(struct str list, struct error *err)
{
    struct network n;
    struct str wrong;
    size_t at = 0;

    while (next_network(list, &at, &n, &wrong))
        ;
    return !wrong.n || error_set(err, ERROR_SYNTAX,
                                 "\"%.*s\" is not a network such as 192.0.2.0/24 or 2001:db8::/32",
                                 STR_ARG(str_sub(wrong, 0, 100)));
}

static const struct in_addr *mapped_ipv4(const struct sockaddr_in6 *s)
{
    return IN6_IS_ADDR_V4MAPPED(&s->sin6_addr) ? (const void *)&s->sin6_addr.s6_addr[12] : NULL;
}

void net_address_print_ip(struct buf *out, const struct net_address *a)
{
    char text[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a->sa;

    if (a->sa.ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)&a->sa)->sin_addr, text, sizeof text);
    else if (a->sa.ss_family == AF_INET6 && mapped_ipv4(six))
        inet_ntop(AF_INET, mapped_ipv4(six), text, sizeof text);
    else if (a->sa.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
    buf_c(out, text[0] ? text : "unix");
}

void net_address_prefix(struct buf *out, const struct net_address *a)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a->sa;

    if (a->sa.ss_family == AF_INET)
        buf_add(out, &((const struct sockaddr_in *)&a->sa)->sin_addr, 4);
    else if (a->sa.ss_family == AF_INET6 && mapped_ipv4(six))
        buf_add(out, mapped_ipv4(six), 4);
    else if (a->sa.ss_family == AF_INET6)
        buf_add(out, six->sin6_addr.s6_addr, 8);
    else
        buf_add(out, "unix:", 5);
}

static bool same_bits(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned rest = bits % 8;

    if (memcmp(a, b, bits / 8) != 0)
        return false;
    return rest == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

bool net_networks_hold(struct str list, const struct net_address *a)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a->sa;
    const unsigned char *ip = NULL;
    unsigned bytes = 4;
    struct network n;
    struct str wrong;
    size_t at = 0;

    if (a->sa.ss_family == AF_INET)
        ip = (const unsigned char *)&((const struct sockaddr_in *)&a->sa)->sin_addr;
    else if (a->sa.ss_family == AF_INET6 && mapped_ipv4(six))
        ip = (const unsigned char *)mapped_ipv4(six);
    else if (a->sa.ss_family == AF_INET6)
        ip = six->sin6_addr.s6_addr, bytes = 16;
    while (ip && next_network(list, &at, &n, &wrong))
        if (n.bytes == bytes && same_bits(n.ip, ip, n.bits))
            return true;
    return false;
}

bool net_address_loopback(const struct net_address *a)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&a->sa;
    const struct in_addr *four = NULL;

    if (a->sa.ss_family == AF_INET)
        four = &((const struct sockaddr_in *)&a->sa)->sin_addr;
    else if (a->sa.ss_family == AF_INET6 && mapped_ipv4(six))
        four = mapped_ipv4(six);
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
