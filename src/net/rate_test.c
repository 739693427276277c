/* net/rate_test.c: minutes that turn, networks, and no more memory than was said. */
#include "net/rate.h"

#include "base/test.h"
#include "net/test_shared.h"

#include <netinet/in.h>
#include <string.h>

#define MINUTE 60000000LL

static struct net_address four(uint32_t ip)
{
    struct net_address a = {.n = sizeof(struct sockaddr_in)};
    struct sockaddr_in *s = (struct sockaddr_in *)&a.sa;

    s->sin_family = AF_INET;
    s->sin_addr.s_addr = htonl(ip);
    return a;
}

static struct net_shared shared;

static void begin(struct net_rates *r)
{
    struct error err;

    net_shared_init(&shared);
    net_rates_init(r, &shared);
    CHECK(net_shared_open(&shared, &err));
}

static void end(void)
{
    net_shared_done(&shared);
}

static void an_address_has_its_measure_a_minute(void)
{
    struct net_address a = four(0xc0000201), b = four(0xc0000202);
    struct net_rates r;
    int taken = 0;

    begin(&r);
    r.most[NET_RATE_MESSAGES] = 10;
    for (int i = 0; i < 30; i++)
        taken += net_rates_take(&r, NET_RATE_MESSAGES, &a, 1, 1000 * MINUTE + i);
    CHECK_U64(taken, 10);
    CHECK_U64(r.refused[NET_RATE_MESSAGES], 20);
    CHECK(net_rates_take(&r, NET_RATE_MESSAGES, &b, 1, 1000 * MINUTE + 40)); /* another address */
    CHECK(net_rates_take(&r, NET_RATE_CONNECTIONS, &a, 1,
                         1000 * MINUTE + 40)); /* no limit on these */
    /* A minute later half a minute of the last one still counts, and after two nothing. */
    taken = 0;
    for (int i = 0; i < 30; i++)
        taken += net_rates_take(&r, NET_RATE_MESSAGES, &a, 1, 1001 * MINUTE + MINUTE / 2);
    CHECK(taken >= 5 && taken <= 6);
    CHECK(!net_rates_below(&r, NET_RATE_MESSAGES, &a, 1001 * MINUTE + MINUTE / 2));
    CHECK(net_rates_below(&r, NET_RATE_MESSAGES, &a, 1004 * MINUTE));
    end();
}

static void a_network_has_ten_times_as_much(void)
{
    struct net_rates r;
    int taken = 0;

    begin(&r);
    r.most[NET_RATE_CONNECTIONS] = 5;
    for (uint32_t i = 0; i < 250; i++) {
        struct net_address a = four(0xc0000200 + i);

        taken += net_rates_take(&r, NET_RATE_CONNECTIONS, &a, 1, MINUTE);
    }
    CHECK_U64(taken, 50);
    struct net_address other = four(0xc0000301);

    CHECK(net_rates_take(&r, NET_RATE_CONNECTIONS, &other, 1, MINUTE));
    end();
}

static void ipv6_counts_by_its_64_and_48(void)
{
    struct net_rates r;
    int same = 0, other = 0;

    begin(&r);
    r.most[NET_RATE_ERRORS] = 3;
    for (unsigned i = 0; i < 100; i++) {
        struct net_address a = {.n = sizeof(struct sockaddr_in6)};
        struct sockaddr_in6 *s = (struct sockaddr_in6 *)&a.sa;

        s->sin6_family = AF_INET6;
        memcpy(&s->sin6_addr, "\x20\x01\x0d\xb8\x00\x01\x00\x00", 8);
        s->sin6_addr.s6_addr[15] = (unsigned char)i;
        same += net_rates_take(&r, NET_RATE_ERRORS, &a, 1, MINUTE);
        s->sin6_addr.s6_addr[7] = (unsigned char)(i + 1);
        other += net_rates_take(&r, NET_RATE_ERRORS, &a, 1, MINUTE);
    }
    CHECK_U64(same, 3);
    CHECK_U64(same + other, 30);
    end();
}

/* The limit of a minute is not passed at its turn either. */
static void nobody_gets_more_by_waiting_for_the_turn(void)
{
    struct net_address a = four(0xc0000201);
    struct net_rates r;
    int taken = 0;

    begin(&r);
    r.most[NET_RATE_CONNECTIONS] = 4;
    for (int i = 0; i < 10; i++)
        taken += net_rates_take(&r, NET_RATE_CONNECTIONS, &a, 1, 10 * MINUTE - 1000 + i);
    for (int i = 0; i < 10; i++)
        taken += net_rates_take(&r, NET_RATE_CONNECTIONS, &a, 1, 10 * MINUTE + 1000000 + i);
    CHECK_U64(taken, 4);
    for (int i = 0; i < 60; i++)
        taken += net_rates_take(&r, NET_RATE_CONNECTIONS, &a, 1, 10 * MINUTE + i * 1000000);
    CHECK_U64(taken, 7); /* the fourth of this minute may come when the last one counts no more */
    end();
}

static void limits_hold_over_all_processes(void)
{
    struct net_address a = four(0xc0000201);
    struct test_shared several;
    struct net_rates r[3];
    int taken = 0;

    test_shared_begin(&several, 3);
    for (int i = 0; i < 3; i++) {
        net_rates_init(&r[i], &several.of[i]);
        r[i].most[NET_RATE_MESSAGES] = 20;
        r[i].most[NET_RATE_BYTES] = 1000;
    }
    test_shared_open(&several);
    for (int i = 0; i < 60; i++)
        taken += net_rates_take(&r[i % 3], NET_RATE_MESSAGES, &a, 1, 7 * MINUTE + i);
    CHECK_U64(taken, 20);
    CHECK_U64(r[0].refused[NET_RATE_MESSAGES] + r[1].refused[NET_RATE_MESSAGES] +
                  r[2].refused[NET_RATE_MESSAGES],
              40);
    /* One that has not looked since the minute turned says nothing of this one. */
    CHECK(net_rates_take(&r[0], NET_RATE_MESSAGES, &a, 1, 9 * MINUTE));
    CHECK(net_rates_take(&r[1], NET_RATE_BYTES, &a, 999, 9 * MINUTE));
    CHECK(net_rates_below(&r[2], NET_RATE_BYTES, &a, 9 * MINUTE));
    CHECK(net_rates_take(&r[2], NET_RATE_BYTES, &a, 5000, 9 * MINUTE)); /* it was below */
    CHECK(!net_rates_below(&r[0], NET_RATE_BYTES, &a, 9 * MINUTE));
    /* What one had counted before it ended is forgotten. */
    test_shared_again(&several, 2);
    CHECK(net_rates_below(&r[0], NET_RATE_BYTES, &a, 9 * MINUTE));
    net_rates_init(&r[2], &several.of[2]);
    test_shared_open_again(&several, 2);
    test_shared_end(&several);
}

static void a_million_addresses_take_bounded_memory(void)
{
    struct net_rates r;

    begin(&r);
    r.most[NET_RATE_CONNECTIONS] = 1000000;
    for (uint32_t i = 0; i < 300000; i++) {
        struct net_address a = four(i * 4099);

        net_rates_take(&r, NET_RATE_CONNECTIONS, &a, 1, MINUTE);
    }
    CHECK_U64(r.minutes[0].used + r.minutes[1].used, NET_RATE_MOST);
    CHECK(shared.size < (16U << 20));
    net_rates_trim(&r, 3 * MINUTE - 1); /* it still counts */
    CHECK_U64(r.minutes[0].used + r.minutes[1].used, NET_RATE_MOST);
    net_rates_trim(&r, 3 * MINUTE);
    CHECK_U64(r.minutes[0].used + r.minutes[1].used, 0);
    end();
}

static void networks_are_read_and_compared(void)
{
    static const struct {
        const char *address, *networks;
        bool within;
    } rows[] = {
        {"127.0.0.1:1", "127.0.0.0/8, ::1", true},
        {"[::1]:1", "127.0.0.0/8, ::1", true},
        {"[::ffff:127.0.0.9]:1", "127.0.0.0/8", true},
        {"128.0.0.1:1", "127.0.0.0/8 ::1", false},
        {"192.0.2.130:1", "192.0.2.128/25", true},
        {"192.0.2.127:1", "192.0.2.128/25", false},
        {"192.0.2.1:1", "192.0.2.1", true},
        {"192.0.2.2:1", "192.0.2.1", false},
        {"[2001:db8:1::5]:1", "2001:db8::/32", true},
        {"[2001:db9::5]:1", "2001:db8::/32", false},
        {"192.0.2.1:1", "0.0.0.0/0", true},
        {"[2001:db8::1]:1", "0.0.0.0/0", false},
        {"192.0.2.1:1", "", false},
    };
    static const char *const wrong[] = {"127.0.0.1/33", "::1/129",    "x",
                                        "127.0.0.1/",   "1.2.3.4/-1", "1.2.3/8"};
    struct error err;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net_address a;

        CHECK(net_address_parse(str_c(rows[i].address), &a, &err));
        CHECK(net_networks_check(str_c(rows[i].networks), &err));
        CHECK_ROW(net_networks_hold(str_c(rows[i].networks), &a) == rows[i].within,
                  rows[i].networks);
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        CHECK_ROW(!net_networks_check(str_c(wrong[i]), &err) && err.kind == ERROR_SYNTAX, wrong[i]);
}

int main(void)
{
    RUN(an_address_has_its_measure_a_minute);
    RUN(a_network_has_ten_times_as_much);
    RUN(ipv6_counts_by_its_64_and_48);
    RUN(nobody_gets_more_by_waiting_for_the_turn);
    RUN(limits_hold_over_all_processes);
    RUN(a_million_addresses_take_bounded_memory);
    RUN(networks_are_read_and_compared);
    return test_end();
}
