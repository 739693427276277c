/* net/gate_test.c: connections by address and in all, of one process and of several. */
#include "net/gate.c"

#include "base/test.h"
#include "net/test_shared.h"

#include <stdio.h>

static struct net_address address(const char *text)
{
    struct net_address a = {0};
    struct error err;

    CHECK(net_address_parse(str_c(text), &a, &err));
    return a;
}

static void a_gate_counts_by_address_and_in_all(void)
{
    struct net_address a = address("192.0.2.1:1"), b = address("192.0.2.2:1"),
                       six1 = address("[2001:db8:0:1::1]:1"),
                       six2 = address("[2001:db8:0:1:ffff::2]:1"),
                       mapped = address("[::ffff:192.0.2.1]:1");
    struct net_shared shared;
    struct net_gate g;
    struct error err;

    net_shared_init(&shared);
    net_gate_init(&g, &shared, 5, 2);
    CHECK(net_shared_open(&shared, &err));
    CHECK(net_gate_enter(&g, &a) && net_gate_enter(&g, &mapped)); /* the same address */
    CHECK(!net_gate_enter(&g, &a) && g.refused_prefix == 1);
    CHECK(net_gate_enter(&g, &six1) && net_gate_enter(&g, &six2)); /* the same /64 */
    CHECK(!net_gate_enter(&g, &six1));
    CHECK(net_gate_enter(&g, &b));
    CHECK(!net_gate_enter(&g, &b) && g.refused_total == 1);
    net_gate_leave(&g, &a);
    CHECK(net_gate_enter(&g, &a));
    net_gate_leave(&g, &a);
    net_gate_leave(&g, &mapped);
    net_gate_leave(&g, &six1);
    net_gate_leave(&g, &six2);
    net_gate_leave(&g, &b);
    CHECK(g.open == 0 && g.by_prefix.used == 0);
    net_shared_done(&shared);
}

static void a_unix_socket_is_no_address(void)
{
    struct net_address local = {.sa.ss_family = AF_UNIX}, a = address("117.110.105.120:1");
    struct buf one, two;

    buf_init(&one, 16);
    buf_init(&two, 16);
    net_address_prefix(&one, &local);
    net_address_prefix(&two, &a); /* whose bytes are "unix" */
    CHECK(!str_equal(buf_view(&one), buf_view(&two)));
    buf_done(&one);
    buf_done(&two);
}

static void limits_hold_over_all_processes(void)
{
    struct net_address a = address("192.0.2.1:1");
    struct test_shared shared;
    struct net_gate g[3];
    unsigned within = 0;

    test_shared_begin(&shared, 3);
    for (unsigned i = 0; i < 3; i++)
        net_gate_init(&g[i], &shared.of[i], 100, 20);
    test_shared_open(&shared);
    for (unsigned i = 0; i < 40; i++)
        within += net_gate_enter(&g[i % 3], &a);
    CHECK_U64(within, 20);
    for (uint32_t i = 0; i < 200; i++) {
        char text[40];
        struct net_address other;

        snprintf(text, sizeof text, "198.51.100.%u:1", i);
        other = address(text);
        within += net_gate_enter(&g[i % 3], &other);
    }
    CHECK_U64(within, 100);
    CHECK_U64(g[0].refused_total + g[1].refused_total + g[2].refused_total, 120);
    CHECK_U64(g[0].refused_prefix + g[1].refused_prefix + g[2].refused_prefix, 20);
    /* One ends: its connections are gone with it, and it begins with none. */
    uint64_t gone = g[1].open;

    test_shared_again(&shared, 1);
    CHECK_U64(tally_total_sum(&g[0].total), 100 - gone);
    net_gate_init(&g[1], &shared.of[1], 100, 20);
    test_shared_open_again(&shared, 1);
    CHECK(net_gate_enter(&g[1], &a) && net_gate_enter(&g[0], &a));
    CHECK_U64(tally_total_sum(&g[2].total), 100 - gone + 2);
    test_shared_end(&shared);
}

static void memory_is_given_back_when_nobody_is_within(void)
{
    struct net_address a = address("192.0.2.1:1");
    struct net_shared shared;
    struct net_gate g;
    struct error err;

    net_shared_init(&shared);
    net_gate_init(&g, &shared, 10, 5);
    CHECK(net_shared_open(&shared, &err));
    CHECK(net_gate_enter(&g, &a));
    net_gate_trim(&g);
    net_gate_leave(&g, &a); /* it was still counted */
    net_gate_trim(&g);
    CHECK(net_gate_enter(&g, &a) && g.open == 1);
    net_shared_done(&shared);
}

int main(void)
{
    RUN(a_gate_counts_by_address_and_in_all);
    RUN(a_unix_socket_is_no_address);
    RUN(limits_hold_over_all_processes);
    RUN(memory_is_given_back_when_nobody_is_within);
    return test_end();
}
