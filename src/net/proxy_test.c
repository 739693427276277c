/* net/proxy_test.c: headers as balancers write them, cut anywhere, and wrong ones. */
#include "net/proxy.h"

#include "base/limits.h"
#include "base/random.h"
#include "base/test.h"

#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define FOUR                                                                                       \
    SIGNATURE "\x21\x11\0\x0c"                                                                     \
              "\xc0\0\2\1"                                                                         \
              "\xc6\x33\x64\2"                                                                     \
              "\x30\x39"                                                                           \
              "\0\x19"
#define SIX                                                                                        \
    SIGNATURE "\x21\x21\0\x24"                                                                     \
              "\x20\1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\1"                                               \
              "\x20\1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\2"                                               \
              "\x30\x39"                                                                           \
              "\0\x19"

static const struct row {
    const char *name;
    struct str header;
    enum net_proxy result;
    const char *ip; /* of the client; "unix": untouched */
} rows[] = {
    {"IPv4", STR(FOUR), NET_PROXY_DONE, "192.0.2.1"},
    {"IPv6", STR(SIX), NET_PROXY_DONE, "2001:db8::1"},
    {"LOCAL", STR(SIGNATURE "\x20\0\0\0"), NET_PROXY_DONE, "unix"},
    {"LOCAL with addresses",
     STR(SIGNATURE "\x20\x11\0\x0c"
                   "\xc0\0\2\1\xc6\x33\x64\2\0\1\0\2"),
     NET_PROXY_DONE, "unix"},
    {"a family that is not known", STR(SIGNATURE "\x21\0\0\2xx"), NET_PROXY_DONE, "unix"},
    {"a Unix socket", STR(SIGNATURE "\x21\x31\0\3xyz"), NET_PROXY_DONE, "unix"},
    {"with an extra",
     STR(SIGNATURE "\x21\x11\0\x11"
                   "\xc0\0\2\1\xc6\x33\x64\2\0\1\0\2\1\0\2h2"),
     NET_PROXY_DONE, "192.0.2.1"},
    {"with its checksum",
     STR(SIGNATURE "\x21\x11\0\x13"
                   "\xc0\0\2\1\xc6\x33\x64\2\x30\x39\0\x19\3\0\4\x97\x8b\x0b\x4c"),
     NET_PROXY_DONE, "192.0.2.1"},
    {"with a wrong checksum",
     STR(SIGNATURE "\x21\x11\0\x13"
                   "\xc0\0\2\1\xc6\x33\x64\2\x30\x39\0\x19\3\0\4\0\0\0\0"),
     NET_PROXY_BAD, NULL},
    {"an extra that is longer than the header",
     STR(SIGNATURE "\x21\x11\0\x0f"
                   "\xc0\0\2\1\xc6\x33\x64\2\0\1\0\2\1\0\1"),
     NET_PROXY_BAD, NULL},
    {"an extra that is cut",
     STR(SIGNATURE "\x21\x11\0\x0d"
                   "\xc0\0\2\1\xc6\x33\x64\2\0\1\0\2\1"),
     NET_PROXY_BAD, NULL},
    {"too short for its addresses",
     STR(SIGNATURE "\x21\x11\0\x04"
                   "\xc0\0\2\1"),
     NET_PROXY_BAD, NULL},
    {"another version", STR(SIGNATURE "\x11\x11\0\0"), NET_PROXY_BAD, NULL},
    {"an unknown command", STR(SIGNATURE "\x22\x11\0\0"), NET_PROXY_BAD, NULL},
    {"too long", STR(SIGNATURE "\x21\x11\xff\xff"), NET_PROXY_BAD, NULL},
    {"version 1", STR("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n"), NET_PROXY_BAD, NULL},
    {"SMTP", STR("EHLO x\r\n"), NET_PROXY_BAD, NULL},
};

static void each_header_is_read_as_it_was_meant(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct str in = test_exact(row->header);
        struct net_address source = {.sa = {.ss_family = AF_UNIX}};
        struct error err = {0};
        struct buf ip;
        size_t used = 0;

        CHECK_ROW(net_proxy_parse(in, &used, &source, &err) == row->result, row->name);
        if (row->result != NET_PROXY_DONE) {
            CHECK_ROW(err.kind == ERROR_SYNTAX && err.text[0], row->name);
            continue;
        }
        buf_init(&ip, 64);
        net_address_print_ip(&ip, &source);
        CHECK_STR(buf_view(&ip), str_c(row->ip));
        CHECK_U64(used, in.n);
        buf_done(&ip);
        for (size_t n = 0; n < in.n; n++) {
            struct str part = test_exact(str_sub(row->header, 0, n));

            CHECK_ROW(net_proxy_parse(part, &used, &source, &err) == NET_PROXY_MORE, row->name);
        }
    }
}

static void random_bytes_behind_the_signature_are_harmless(void)
{
    for (int i = 0; i < 20000; i++) {
        char text[100];
        struct net_address source = {.sa = {.ss_family = AF_UNIX}};
        struct error err;
        size_t used = 0, n = 16 + random_below(80);
        enum net_proxy result;

        random_bytes(text, sizeof text);
        memcpy(text, SIGNATURE, 12);
        text[12] = (char)(0x20 | (text[12] & 1));
        text[13] = i % 2 ? 0x11 : 0x21;
        text[14] = 0;
        text[15] &= 127;
        result = net_proxy_parse(test_exact(str_of(text, n)), &used, &source, &err);
        if (!CHECK(result != NET_PROXY_DONE || (used >= 16 && used <= n)))
            return;
    }
}

int main(void)
{
    RUN(each_header_is_read_as_it_was_meant);
    RUN(random_bytes_behind_the_signature_are_harmless);
    return test_end();
}
