/* net/proxy.c: see proxy.h. */
#include "net/proxy.h"

#include "base/limits.h"

#include <netinet/in.h>
#include <string.h>

#define HEAD 16
#define TLV_CRC32C 0x03

static const unsigned char signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                            0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static enum net_proxy header_bad(struct error *err, const char *words)
{
    error_set(err, ERROR_SYNTAX, "%s", words);
    return NET_PROXY_BAD;
}

static size_t read_u16(const unsigned char *p)
{
    return (size_t)p[0] << 8 | p[1];
}

/* CRC-32C (Castagnoli, 1993), bit by bit: a header is short. */
static uint32_t crc32c_add(uint32_t crc, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
    }
    return crc;
}

/* Section 2.2.5: over the whole header, the checksum itself taken as zero. */
static bool checksum_is_right(const unsigned char *p, size_t n, size_t at)
{
    static const unsigned char zero[4];
    uint32_t crc = crc32c_add(0xffffffff, p, at), want;

    crc = crc32c_add(crc, zero, 4);
    crc = ~crc32c_add(crc, p + at + 4, n - at - 4);
    want = (uint32_t)p[at] << 24 | (uint32_t)p[at + 1] << 16 | (uint32_t)p[at + 2] << 8 | p[at + 3];
    return crc == want;
}

/* Type-length-values fill the header to its end; only the checksum is used. */
static bool extras_are_right(const unsigned char *p, size_t n, size_t at)
{
    while (at < n) {
        size_t size;

        if (n - at < 3)
            return false;
        size = read_u16(p + at + 1);
        if (size > n - at - 3)
            return false;
        if (p[at] == TLV_CRC32C && (size != 4 || !checksum_is_right(p, n, at + 3)))
            return false;
        at += 3 + size;
    }
    return true;
}

/* The source of the four that a TCP header carries: source and destination addresses, then their
 * ports. */
static void take_source(const unsigned char *p, bool six, struct net_address *out)
{
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->sa;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->sa;

    memset(out, 0, sizeof *out);
    if (six) {
        v6->sin6_family = AF_INET6;
        memcpy(&v6->sin6_addr, p, 16);
        memcpy(&v6->sin6_port, p + 32, 2);
        out->n = sizeof *v6;
    } else {
        v4->sin_family = AF_INET;
        memcpy(&v4->sin_addr, p, 4);
        memcpy(&v4->sin_port, p + 8, 2);
        out->n = sizeof *v4;
    }
}

/* What follows the head of a complete header of n bytes. */
static bool take_addresses(const unsigned char *p, size_t n, struct net_address *source)
{
    bool six = p[13] == 0x21, four = p[13] == 0x11; /* TCP over IPv6, IPv4 */
    size_t end = HEAD + (six ? 36 : 12);

    if (!six && !four)
        return true;
    if (n < end || !extras_are_right(p, n, end))
        return false;
    if ((p[12] & 15) == 1) /* PROXY, not LOCAL */
        take_source(p + HEAD, six, source);
    return true;
}

enum net_proxy net_proxy_parse(struct str in, size_t *used, struct net_address *source,
                               struct error *err)
{
    const unsigned char *p = (const unsigned char *)in.p;
    size_t n;

    if (in.n && memcmp(p, signature, size_min(in.n, sizeof signature)) != 0)
        return header_bad(err, "this is not a PROXY header of version 2");
    if (in.n < HEAD)
        return NET_PROXY_MORE;
    n = HEAD + read_u16(p + 14);
    if (p[12] >> 4 != 2 || (p[12] & 15) > 1)
        return header_bad(err, "a PROXY header of another version, or an unknown command");
    if (n > LIMIT_PROXY_HEADER)
        return header_bad(err, "a PROXY header that is too long");
    if (in.n < n)
        return NET_PROXY_MORE;
    if (!take_addresses(p, n, source))
        return header_bad(err, "a PROXY header whose parts do not fit its size or its checksum");
    *used = n;
    return NET_PROXY_DONE;
}
