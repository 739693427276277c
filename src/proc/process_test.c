/* proc/process_test.c: a role's peers: before it is ready, replaced, lost; its settings; its end. */
#include "proc/process.c"

#include "base/test.h"
#include "proc/test_role.h"

static unsigned introduced, lost, heard, reloads, starts, drains;
static bool is_ready = true;
static struct process *process;

static bool on_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    (void)arg, (void)err;
    starts++;
    process = p;
    *ready = is_ready;
    return true;
}

static void on_message(void *arg, struct chan *c, struct msg *m)
{
    (void)arg, (void)c, (void)m;
    heard++;
}

static void on_peer_new(void *arg, enum role role, struct chan *c)
{
    (void)arg, (void)role, (void)c;
    introduced++;
}

static void on_peer_lost(void *arg, enum role role, struct chan *c)
{
    (void)arg, (void)role, (void)c;
    lost++;
}

static void on_reload(void *arg)
{
    (void)arg;
    reloads++;
}

static void on_drain(void *arg)
{
    (void)arg;
    drains++;
}

static void on_status(void *arg, struct process_status *s)
{
    (void)arg;
    for (unsigned i = 0; i < 2 * STATUS_ROWS; i++)
        process_status_add(s, "own", i);
}

static const struct process_ops ops = {.start = on_start,
                                       .message = on_message,
                                       .peer_new = on_peer_new,
                                       .peer_lost = on_peer_lost,
                                       .reload = on_reload,
                                       .drain = on_drain,
                                       .status = on_status};

static void begin(struct role_test *t)
{
    introduced = lost = heard = reloads = starts = drains = 0;
    is_ready = true;
    role_test_begin(t, ROLE_DIRECTORY, &ops, NULL);
}

static void a_peer_that_comes_before_the_start_is_introduced_after_it(void)
{
    struct role_test t;

    begin(&t);
    role_test_peer(&t, ROLE_HASHER, 0);
    CHECK_U64(introduced, 0); /* nothing of the role is there yet */
    role_test_go(&t);
    CHECK_U64(introduced, 1);
    role_test_peer(&t, ROLE_HASHER, 1);
    CHECK_U64(introduced, 2);
    role_test_end(&t);
}

static void a_peer_that_is_lost_before_the_role_is_ready_is_forgotten(void)
{
    struct role_test t;
    struct role_end *hasher;

    begin(&t);
    is_ready = false;
    hasher = role_test_peer(&t, ROLE_HASHER, 0);
    role_test_go(&t);
    role_end_close(hasher);
    process_ready(process);
    role_test_spin(&t);
    CHECK(process_peer(process, ROLE_HASHER) == NULL);
    CHECK(role_end_take(t.supervisor, MSG_READY) != NULL);
    CHECK(role_end_take(t.supervisor, MSG_PEER_LOST) != NULL);
    role_test_end(&t);
}

static void what_peers_say_waits_until_the_role_is_ready(void)
{
    struct msg end = {.type = MSG_RCPT_END, .rcpt_end = {STR("s")}};
    struct role_test t;
    struct role_end *edge;

    begin(&t);
    is_ready = false;
    edge = role_test_peer(&t, ROLE_EDGE_SMTP, 0);
    role_test_go(&t);
    role_end_send(edge, &end);
    CHECK_U64(heard, 0);
    process_ready(process);
    role_test_spin(&t);
    CHECK_U64(heard, 1);
    role_test_end(&t);
}

static void a_lost_peer_is_told_with_its_serial_and_whether_it_broke_the_rules(void)
{
    struct msg bad = {.type = MSG_LINK_READY};
    struct role_test t;
    struct role_end *edge, *intake;
    struct msg *m;

    begin(&t);
    edge = role_test_peer(&t, ROLE_EDGE_SMTP, 1);
    intake = role_test_peer(&t, ROLE_INTAKE, 0);
    role_test_go(&t);
    role_end_close(intake);
    m = role_end_take(t.supervisor, MSG_PEER_LOST);
    CHECK(m && m->peer_lost.role == ROLE_INTAKE && m->peer_lost.serial == 2 && !m->peer_lost.broke);
    test_expect_log("channel-broken");
    role_end_send(edge, &bad);
    m = role_end_take(t.supervisor, MSG_PEER_LOST);
    CHECK(m && m->peer_lost.role == ROLE_EDGE_SMTP && m->peer_lost.instance == 1 &&
          m->peer_lost.broke);
    CHECK(lost == 2 && role_end_is_closed(edge));
    role_test_end(&t);
}

static void a_new_channel_replaces_the_one_before(void)
{
    struct role_test t;
    struct role_end *first, *second, *other;

    begin(&t);
    first = role_test_peer(&t, ROLE_EDGE_SMTP, 0);
    other = role_test_peer(&t, ROLE_EDGE_SMTP, 1);
    role_test_go(&t);
    second = role_test_peer(&t, ROLE_EDGE_SMTP, 0);
    CHECK(role_end_is_closed(first) && !role_end_is_closed(second) && !role_end_is_closed(other));
    CHECK_U64(process->peers.n, 2);
    role_test_end(&t);
}

static void at_a_reload_live_settings_change_and_the_others_stay_where_they_were(void)
{
    struct role_test t;
    const char *hostname;

    begin(&t);
    role_test_set(&t, "hostname = first.test");
    role_test_set(&t, "tls-names = first.test");
    role_test_go(&t);
    hostname = process->config.hostname;
    buf_reset(&t.config);
    role_test_set(&t, "hostname = second.test");
    role_test_set(&t, "tls-names = second.test");
    role_test_set(&t, "plain-login-on-loopback = yes");
    role_test_set(&t, "connections-per-address = 7");
    role_test_reload(&t);
    CHECK_U64(reloads, 1);
    CHECK(process->config.hostname == hostname); /* START: the same memory, still valid */
    CHECK_STR(str_c(hostname), STR("first.test"));
    CHECK(!process->config.plain_login);
    CHECK_STR(str_c(process->config.tls_names), STR("second.test"));
    CHECK_U64(process->config.connections_address, 7);
    role_test_end(&t);
}

static void drain_before_the_start_ends_it(void)
{
    struct role_test t;

    begin(&t);
    role_end_send(t.supervisor, &(struct msg){.type = MSG_DRAIN});
    CHECK(t.p->ended && drains == 0);
    role_test_end(&t);
}

static void drain_after_the_start_is_the_roles_own_affair(void)
{
    struct role_test t;

    begin(&t);
    role_test_go(&t);
    role_end_send(t.supervisor, &(struct msg){.type = MSG_DRAIN});
    CHECK(drains == 1 && !t.p->ended && process_is_draining(t.p));
    role_test_end(&t);
}

static void it_starts_once(void)
{
    struct role_test t;

    begin(&t);
    role_test_go(&t);
    role_end_send(t.supervisor, &(struct msg){.type = MSG_SETUP_GO});
    CHECK(starts == 1 && role_end_waiting(t.supervisor, MSG_READY) == 1);
    role_test_end(&t);
}

static void who_is_no_peer_is_not_joined(void)
{
    struct role_test t;
    struct role_end *stranger;

    begin(&t);
    role_test_go(&t);
    stranger = role_test_peer(&t, ROLE_ACCOUNT, 0);
    role_test_spin(&t);
    CHECK(role_end_is_closed(stranger) && t.p->peers.n == 0);
    role_end_send(t.supervisor,
                  &(struct msg){.type = MSG_SETUP_PEER, .setup_peer = {ROLE_HASHER, 0, 9}});
    CHECK(t.p->peers.n == 0 && introduced == 0); /* without its channel */
    role_test_end(&t);
}

static void a_status_has_what_every_process_counts_and_no_more_than_there_is_room_for(void)
{
    struct role_test t;
    struct msg *m;

    begin(&t);
    role_test_go(&t);
    role_end_send(t.supervisor, &(struct msg){.type = MSG_STATUS_ASK, .status_ask = {.id = 3}});
    m = role_end_take(t.supervisor, MSG_STATUS_TELL);
    if (CHECK(m && m->status_tell.id == 3 && m->status_tell.counters.n == STATUS_ROWS)) {
        CHECK_STR(m->status_tell.counters.v[0], STR("log-lines-dropped=0"));
        CHECK_STR(m->status_tell.counters.v[1], STR("requests-waiting=0"));
        CHECK_STR(m->status_tell.counters.v[STATUS_ROWS - 1], STR("own=97"));
    }
    role_test_end(&t);
}

static void the_end_of_the_supervisor_is_its_own(void)
{
    struct role_test t;

    begin(&t);
    role_test_go(&t);
    role_end_close(t.supervisor);
    CHECK(t.p->ended);
    role_test_end(&t);
}

int main(void)
{
    RUN(a_peer_that_comes_before_the_start_is_introduced_after_it);
    RUN(a_peer_that_is_lost_before_the_role_is_ready_is_forgotten);
    RUN(what_peers_say_waits_until_the_role_is_ready);
    RUN(a_lost_peer_is_told_with_its_serial_and_whether_it_broke_the_rules);
    RUN(a_new_channel_replaces_the_one_before);
    RUN(at_a_reload_live_settings_change_and_the_others_stay_where_they_were);
    RUN(drain_before_the_start_ends_it);
    RUN(drain_after_the_start_is_the_roles_own_affair);
    RUN(it_starts_once);
    RUN(who_is_no_peer_is_not_joined);
    RUN(a_status_has_what_every_process_counts_and_no_more_than_there_is_room_for);
    RUN(the_end_of_the_supervisor_is_its_own);
    return test_end();
}
