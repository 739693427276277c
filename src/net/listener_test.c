/* net/listener_test.c: accepting that pauses when descriptors run out, and ports. */
#include "net/listener.c"

#include "base/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/resource.h>

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
    struct timers *timers = timers_create(base);
    struct net_shared shared;
    struct net_gate g;
    struct rlimit before, few;
    struct error err;
    int fd = -1, clients[10], top;

    CHECK(net_address_parse(STR("127.0.0.1:0"), &a, &err) && net_listen(&a, &fd, &err));
    getsockname(fd, (struct sockaddr *)&a.sa, &a.n);
    net_shared_init(&shared);
    net_gate_init(&g, &shared, 100, 100);
    CHECK(net_shared_open(&shared, &err));
    struct listener *l = listener_create(base, timers, fd, &g, take, NULL);

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
    net_shared_done(&shared);
    timers_destroy(timers);
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
    RUN(accepting_pauses_without_descriptors_and_goes_on_with_them);
    RUN(a_port_in_use_is_said_so);
    return test_end();
}
