/* net/listener_test.c: limits by address and in all, and accepting that pauses when descriptors run out. */
#include "net/listener.c"

#include "base/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/resource.h>

static void a_gate_counts_by_address_and_in_all(void)
{
    struct net_address a, b, six1, six2, mapped;
    struct net_gate g;
    struct error err;

    CHECK(net_address_parse(STR("192.0.2.1:1"), &a, &err) &&
          net_address_parse(STR("192.0.2.2:1"), &b, &err));
    CHECK(net_address_parse(STR("[2001:db8:0:1::1]:1"), &six1, &err) &&
          net_address_parse(STR("[2001:db8:0:1:ffff::2]:1"), &six2, &err));
    CHECK(net_address_parse(STR("[::ffff:192.0.2.1]:1"), &mapped, &err));
    net_gate_init(&g, 5, 2);
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
    CHECK(g.open == 0 && g.by_prefix.n == 0);
    map_done(&g.by_prefix);
}

static int taken[100];
static size_t taken_n;

static void take(void *arg, int fd, const struct net_address *peer, bool within)
{
    (void)arg, (void)peer;
    CHECK(within);
    taken[taken_n++] = fd;
}

static int connect_to(const struct sockaddr_storage *sa, socklen_t n)
{
    int fd = socket(sa->ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

    (void)!connect(fd, (const struct sockaddr *)sa, n);
    return fd;
}

static void accepting_pauses_without_descriptors_and_goes_on_with_them(void)
{
    struct event_base *base = event_base_new();
    struct net_address a;
    struct net_gate g;
    struct rlimit before, few;
    struct error err;
    int fd = -1, clients[10], top;

    CHECK(net_address_parse(STR("127.0.0.1:0"), &a, &err) && net_listen(&a, &fd, &err));
    getsockname(fd, (struct sockaddr *)&a.sa, &a.n);
    net_gate_init(&g, 100, 100);
    struct listener *l = listener_create(base, fd, &g, take, NULL);

    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        clients[i] = connect_to(&a.sa, a.n);
    top = open("/dev/null", O_RDONLY);
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = (rlim_t)top + 4; /* room for a few */
    close(top);
    setrlimit(RLIMIT_NOFILE, &few);
    for (int i = 0; i < 50; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    CHECK(taken_n > 0 && taken_n < ARRAY_LEN(clients));
    CHECK_U64(g.paused, 1); /* fifty turns of the loop, and it tried once: it does not spin */
    setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < 100 && taken_n < ARRAY_LEN(clients); i++) {
        usleep(10000);
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    CHECK_U64(taken_n, ARRAY_LEN(clients));
    for (size_t i = 0; i < taken_n; i++) {
        close(taken[i]);
        close(clients[i]);
    }
    listener_destroy(l);
    map_done(&g.by_prefix);
    event_base_free(base);
}

static void a_port_in_use_is_said_so(void)
{
    struct net_address a;
    struct error err = {0};
    int one = -1, two;

    CHECK(net_address_parse(STR("127.0.0.1:0"), &a, &err) && net_listen(&a, &one, &err));
    getsockname(one, (struct sockaddr *)&a.sa, &a.n);
    CHECK(!net_listen(&a, &two, &err) && err.kind == ERROR_CONFLICT);
    close(one);
}

int main(void)
{
    RUN(a_gate_counts_by_address_and_in_all);
    RUN(accepting_pauses_without_descriptors_and_goes_on_with_them);
    RUN(a_port_in_use_is_said_so);
    return test_end();
}
