/* proc/process_test.c: a role's peers, before it is ready. */
#include "proc/process.c"

#include "base/test.h"

static void message(void *arg, struct chan *c, struct msg *m)
{
    (void)arg, (void)c, (void)m;
}

static void a_peer_that_is_lost_before_the_role_is_ready_is_forgotten(void)
{
    static const struct process_ops ops = {.message = message};
    struct process p = {.role = ROLE_DIRECTORY, .ops = &ops, .base = event_base_new()};
    struct msg peer = {.type = MSG_SETUP_PEER, .nfds = 1, .setup_peer = {.role = ROLE_HASHER}};
    struct msg ask = {.type = MSG_HASH_ASK, .hash_ask = {.id = 1}};
    int above[2], beside[2];

    chan_pair(above, true);
    chan_pair(beside, true);
    vec_init(&p.deaf, sizeof(struct chan *));
    p.calls = calls_create(p.base);
    p.supervisor = chan_create(p.base, above[0], p.role, ROLE_SUPERVISOR, on_supervisor, &p);
    peer.fd[0] = beside[0];
    add_peer(&p, &peer);
    CHECK(process_peer(&p, ROLE_HASHER) != NULL);
    close(beside[1]);
    CHECK(!chan_send(process_peer(&p, ROLE_HASHER), &ask));
    event_base_loop(p.base, EVLOOP_NONBLOCK);
    CHECK(process_peer(&p, ROLE_HASHER) == NULL);
    process_ready(&p);
    CHECK(p.ready_said);
    chan_destroy(p.supervisor);
    close(above[1]);
    calls_destroy(p.calls);
    event_base_free(p.base);
}

int main(void)
{
    RUN(a_peer_that_is_lost_before_the_role_is_ready_is_forgotten);
    return test_end();
}
