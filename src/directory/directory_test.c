/* directory/directory_test.c: the life of the directory: its start, its peers whenever they come and
 * go, whose an address is, and peers that say what they may not. */
#include "directory/directory.c"

#include "directory/test_directory.h"

#include <sys/wait.h>

/* ---- the start ---- */

static void it_is_ready_when_it_has_its_key(void)
{
    uint64_t id;

    begin();
    bench_stop();
    bench_set_up();
    role_test_go(&b.t);
    id = ask(ADA, ADAS, HOME); /* what comes before that waits */
    CHECK(role_end_take(b.t.supervisor, MSG_READY) == NULL);
    role_test_pass(&b.t, 5 * SECOND);
    CHECK(is_waiting(id) && b.hashes == 0);
    bench_give_key();
    CHECK(role_end_take(b.t.supervisor, MSG_READY) != NULL);
    work();
    CHECK(is_in(id));
    end();
}

static void a_lost_keys_is_asked_again(void)
{
    begin();
    bench_stop();
    bench_set_up();
    role_end_close(b.keys); /* before the question */
    role_test_go(&b.t);
    b.keys = role_test_peer(&b.t, ROLE_KEYS, 0);
    CHECK_U64(role_end_waiting(b.keys, MSG_SERVICE_KEY_ASK), 1);
    role_end_close(b.keys); /* while it has it */
    b.keys = role_test_peer(&b.t, ROLE_KEYS, 0);
    bench_give_key();
    CHECK(role_end_take(b.t.supervisor, MSG_READY) != NULL);
    role_end_close(b.keys); /* and after it */
    b.keys = role_test_peer(&b.t, ROLE_KEYS, 0);
    CHECK(role_end_waiting(b.keys, MSG_NONE) == 0 && login(ADA, ADAS, HOME).has_fd);
    end();
}

/* As after its own crash: they have been there all the while, and do not come anew. */
static void hashers_that_lived_before_it_are_found(void)
{
    begin();
    bench_stop();
    bench_start();
    CHECK(login(ADA, ADAS, HOME).has_fd && b.hashes == 1);
    end();
}

static void peers_that_come_in_any_order_are_found(void)
{
    begin();
    bench_stop();
    b.d = (struct directory){.db_fd = -1, .wal_fd = -1, .used_fd = -1};
    role_test_begin(&b.t, ROLE_DIRECTORY, &directory_ops, &b.d);
    b.t.p->gave_up = on_gave_up;
    role_test_file(&b.t, "db", b.db);
    role_test_file(&b.t, "wal", b.wal);
    role_test_go(&b.t);
    b.hasher = role_test_peer(&b.t, ROLE_HASHER, 0); /* after the start, before it is ready */
    b.edge = role_test_peer(&b.t, ROLE_EDGE_MAIL, 0);
    b.keys = role_test_peer(&b.t, ROLE_KEYS, 0);
    bench_give_key();
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0); /* after that */
    CHECK(login(ADA, ADAS, HOME).has_fd);
    end();
}

static void what_is_in_the_database_stays(void)
{
    uint64_t next;

    begin();
    next = b.d.next_account;
    bench_stop();
    bench_start();
    CHECK_U64(b.d.next_account, next);
    CHECK(login("augusta@example.test", ADAS, HOME).has_fd);
    remove_account(ada);
    bench_stop();
    bench_start();
    CHECK_U64(b.d.next_account, next); /* a number is never given out again */
    end();
}

/* ---- its ends ---- */

static void on_end(struct process *p, const struct error *err)
{
    (void)p;
    _exit(10 + (int)err->kind);
}

/* The kind with which it gives up while it does this, in a process of its own; ERROR_NONE: it does not. */
static enum error_kind gives_up(void (*what)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        what();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) > 10
               ? (enum error_kind)(WEXITSTATUS(status) - 10)
               : ERROR_NONE;
}

static void set_up_again(void)
{
    bench_stop();
    bench_set_up();
    b.t.p->gave_up = on_end;
    role_test_go(&b.t);
}

static void start_with_another_key(void)
{
    set_up_again();
    memset(b.key, 1, sizeof b.key);
    bench_give_key();
}

static void start_without_a_key(void)
{
    set_up_again();
    role_test_pass(&b.t, 11 * SECOND);
}

static void start_with_half_a_key(void)
{
    const struct msg *m;
    struct msg tell = {.type = MSG_SERVICE_KEY_TELL};

    set_up_again();
    m = role_end_take(b.keys, MSG_SERVICE_KEY_ASK);
    tell.service_key_tell.id = m->service_key_ask.id;
    tell.service_key_tell.key = str_of(b.key, 31);
    tell.service_key_tell.ticket_key = str_of(b.ticket_key, 32);
    role_end_send(b.keys, &tell);
}

static void without_its_own_key_it_does_not_start(void)
{
    begin();
    CHECK(gives_up(start_with_another_key) == ERROR_DAMAGED);
    CHECK(gives_up(start_without_a_key) == ERROR_TEMPORARY);
    CHECK(gives_up(start_with_half_a_key) == ERROR_TEMPORARY);
    end();
}

static void write_on_full_disk(void)
{
    b.t.p->gave_up = on_end;
    if (fcntl(b.wal, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) != 0)
        _exit(1);
    role_end_send(b.intake,
                  &(struct msg){.type = MSG_DELIVERY_OPEN_ASK, .delivery_open_ask = {1, ada}});
    open_one_with(ERROR_DAMAGED); /* which is to be written down */
}

static void a_disk_that_takes_nothing_ends_it(void)
{
    begin();
    CHECK(gives_up(write_on_full_disk) == ERROR_DISK);
    end();
}

/* It opens, and then the page with the addresses is not what was written. */
static void read_a_damaged_page(void)
{
    int64_t page = number_of("SELECT rootpage FROM sqlite_schema WHERE name = 'address'", 0);
    struct str name = STR(ADA);

    bench_stop();
    if (page < 2 || pwrite(b.db, "damaged", 7, (page - 1) * 4096 + 100) != 7)
        _exit(1);
    bench_start();
    b.t.p->gave_up = on_end;
    role_end_send(b.intake, &(struct msg){.type = MSG_RESOLVE_ASK, .resolve_ask = {1, {&name, 1}}});
}

static void a_page_that_does_not_verify_ends_it(void)
{
    begin();
    CHECK(gives_up(read_a_damaged_page) == ERROR_DISK);
    end();
}

static void it_ends_when_told(void)
{
    begin();
    ask(ADA, ADAS, HOME); /* whatever is under way */
    role_end_send(b.t.supervisor, &(struct msg){.type = MSG_DRAIN});
    CHECK(b.t.p->ended && b.d.db == NULL);
    bench_stop();
    close(b.db);
    close(b.wal);
    CHECK_U64(test_descriptors(), b.descriptors);
}

static void its_status_is_a_list_of_numbers(void)
{
    const struct msg *m;
    size_t found = 0;

    begin();
    CHECK(login(ADA, ADAS, HOME).has_fd);
    role_end_send(b.t.supervisor, &(struct msg){.type = MSG_STATUS_ASK, .status_ask = {7}});
    m = role_end_take(b.t.supervisor, MSG_STATUS_TELL);
    CHECK(m && m->status_tell.id == 7);
    for (size_t i = 0; m && i < m->status_tell.counters.n; i++)
        found += str_equal(m->status_tell.counters.v[i], STR("logins=1")) ||
                 str_equal(m->status_tell.counters.v[i], STR("logins-forbidden=0"));
    CHECK_U64(found, 2);
    end();
}

/* ---- what intake asks ---- */

static uint64_t resolve_ids;

/* The number of each recipient's account, 0 for none. False: the whole question was refused. */
static bool resolve(const struct str *recipients, size_t n, uint64_t *numbers)
{
    struct msg m = {.type = MSG_RESOLVE_ASK, .resolve_ask = {++resolve_ids, {recipients, n}}};
    const struct msg *tell;

    role_end_send(b.intake, &m);
    tell = role_end_take(b.intake, MSG_RESOLVE_TELL);
    if (!CHECK(tell && tell->resolve_tell.id == resolve_ids && tell->resolve_tell.accounts.n == n))
        return false;
    for (size_t i = 0; i < n; i++)
        numbers[i] = msg_u64_item(tell->resolve_tell.accounts.v[i]);
    return tell->resolve_tell.error.kind == ERROR_NONE;
}

static void recipients_lead_to_accounts_or_to_nobody(void)
{
    const struct str names[] = {STR(ADA),
                                STR("Augusta+x@EXAMPLE.test"),
                                STR("eve@example.test"),
                                STR("ada@nowhere.test"),
                                STR("no address"),
                                STR_NULL,
                                STR("@"),
                                STR("ada\0@example.test"),
                                STR("\xff\xfe@example.test"),
                                STR("postmaster@example.test"),
                                STR("'; DROP TABLE address; --@example.test")};
    uint64_t numbers[ARRAY_LEN(names)];

    begin();
    CHECK(resolve(names, ARRAY_LEN(names), numbers));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        CHECK_U64(numbers[i], i == 0 || i == 1 || i == 9 ? ada : 0);
    CHECK(resolve(NULL, 0, NULL));
    end();
}

static void as_many_recipients_as_a_message_has_room_for(void)
{
    static struct str names[LIMIT_MSG_LIST];
    static uint64_t numbers[LIMIT_MSG_LIST];
    bool all = true;

    begin();
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        names[i] = i % 2 ? STR(ADA) : STR("x@example.test");
    CHECK(resolve(names, ARRAY_LEN(names), numbers));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        all = all && numbers[i] == (i % 2 ? ada : 0);
    CHECK(all);
    end();
}

static void a_slow_account_is_named_to_accounts(void)
{
    const struct msg slow = {.type = MSG_ACCOUNT_SLOW, .account_slow = {17}};
    const struct msg *m;

    begin();
    role_end_send(b.intake, &slow);
    m = role_end_take(b.accounts, MSG_ACCOUNT_PROBE);
    CHECK(m && m->account_probe.account == 17);
    role_end_close(b.accounts);
    role_end_send(b.intake, &slow); /* whose successor knows nothing of it */
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    CHECK(role_end_take(b.accounts, MSG_NONE) == NULL);
    end();
}

/* ---- peers that were taken over ---- */

struct seat {
    struct role_end **end;
    enum role role;
};

static const struct seat seats[] = {{&b.edge, ROLE_EDGE_MAIL}, {&b.smtp, ROLE_EDGE_SMTP},
                                    {&b.intake, ROLE_INTAKE},  {&b.keys, ROLE_KEYS},
                                    {&b.hasher, ROLE_HASHER},  {&b.accounts, ROLE_ACCOUNTS},
                                    {&b.relay, ROLE_RELAY}};

/* Every message there is, from every peer: what it may not send ends its channel, and nobody else's;
 * what it may send with nothing in it harms nobody. */
static void each_peer_says_what_it_may_and_nothing_else(void)
{
    unsigned broken = 0, heard = 0;

    begin();
    for (size_t i = 0; i < ARRAY_LEN(seats); i++) {
        for (unsigned type = MSG_NONE + 1; type < MSG_TYPES; type++) {
            bool may = msg_allowed((enum msg_type)type, seats[i].role, ROLE_DIRECTORY);
            struct role_end *end = *seats[i].end;

            if (!may)
                test_expect_log("channel-broken");
            else if (type == MSG_LOGIN_ASK)
                test_expect_log("login-failed");
            role_end_send(end, &(struct msg){.type = (enum msg_type)type});
            role_test_pass(&b.t, 10);
            CHECK_ROW(role_end_is_closed(end) == !may, msg_name((enum msg_type)type));
            broken += !may;
            heard += may;
            if (!may)
                *seats[i].end = role_test_peer(&b.t, seats[i].role, 0);
            for (size_t k = 0; k < ARRAY_LEN(seats); k++)
                CHECK(!role_end_is_closed(*seats[k].end));
        }
    }
    CHECK(broken > 500 && heard > 10);
    open_all();
    CHECK(login(ADA, ADAS, HOME).has_fd);
    end();
}

static void what_is_no_message_ends_its_channel_alone(void)
{
    static const char *const bytes[] = {"", "x", "xxxx", "\xff\xff\xff\xff\xff\xff\xff\xff"};
    static char large[LIMIT_MSG_BYTES + 1];

    begin();
    for (size_t i = 0; i < ARRAY_LEN(seats); i++) {
        for (size_t k = 1; k <= ARRAY_LEN(bytes); k++) {
            test_expect_log("channel-broken");
            role_end_send_raw(*seats[i].end,
                              k < ARRAY_LEN(bytes) ? str_c(bytes[k]) : str_of(large, sizeof large));
            CHECK(role_end_is_closed(*seats[i].end));
            *seats[i].end = role_test_peer(&b.t, seats[i].role, 0);
        }
    }
    CHECK(login(ADA, ADAS, HOME).has_fd);
    end();
}

static void answer_under(struct role_end *end, enum msg_type type, uint64_t id)
{
    struct msg m = {.type = type};

    m.any_tell.id = id;
    role_end_send(end, &m);
}

/* An answer of one peer under the id of what another was asked: who has a question of ours and answers
 * another's loses its channel, and whose answer nobody waits for is not heard. */
static void no_peer_answers_for_another(void)
{
    char app[APP_PASSWORD_TEXT];
    uint64_t hashing, opening, hash, session;

    begin();
    add_app_password(ada, "all", false, INT64_MAX, app);
    hashing = ask(ADA, ADAS, HOME);
    opening = ask(ADA, app, HOME);
    hash = role_end_take(b.hasher, MSG_HASH_ASK)->hash_ask.id;
    session = role_end_take(b.accounts, MSG_SESSION_ASK)->session_ask.id;
    answer_under(b.keys, MSG_SERVICE_KEY_TELL, hash);
    answer_under(b.keys, MSG_KEYS_ERASE_TELL, session);
    answer_under(b.relay, MSG_QUEUE_PURGE_TELL, hash);
    answer_under(b.relay, MSG_QUEUE_PURGE_TELL, session);
    CHECK(is_waiting(hashing) && is_waiting(opening));
    test_expect_log("channel-broken");
    answer_under(b.accounts, MSG_SESSION_TELL, hash);
    CHECK(role_end_is_closed(b.accounts) && is_waiting(hashing) && is_waiting(opening));
    b.accounts = role_test_peer(&b.t, ROLE_ACCOUNTS, 0);
    session = role_end_take(b.accounts, MSG_SESSION_ASK)->session_ask.id;
    test_expect_log("channel-broken");
    answer_under(b.hasher, MSG_HASH_TELL, session);
    CHECK(role_end_is_closed(b.hasher) && is_waiting(hashing) && is_waiting(opening));
    b.hasher = role_test_peer(&b.t, ROLE_HASHER, 0);
    answer_under(b.accounts, MSG_SESSION_TELL, session);
    CHECK(is_in(opening) && is_waiting(hashing));
    work();
    CHECK(is_in(hashing));
    end();
}

/* ---- full channels ---- */

static void a_peer_that_does_not_read_holds_nobody_else(void)
{
    const struct str name = STR(ADA);
    struct msg m = {.type = MSG_RESOLVE_ASK, .resolve_ask = {1, {&name, 1}}};
    size_t answered = 0;

    begin();
    b.intake->deaf = true;
    for (int i = 0; i < 4000; i++)
        role_end_send(b.intake, &m);
    CHECK(!role_end_is_closed(b.intake) && login(ADA, ADAS, HOME).has_fd);
    b.intake->deaf = false;
    role_test_spin(&b.t);
    while (role_end_take(b.intake, MSG_RESOLVE_TELL))
        answered++;
    CHECK_U64(answered, 4000);
    end();
}

int main(void)
{
    RUN(it_is_ready_when_it_has_its_key);
    RUN(a_lost_keys_is_asked_again);
    RUN(hashers_that_lived_before_it_are_found);
    RUN(peers_that_come_in_any_order_are_found);
    RUN(what_is_in_the_database_stays);
    RUN(without_its_own_key_it_does_not_start);
    RUN(a_disk_that_takes_nothing_ends_it);
    RUN(a_page_that_does_not_verify_ends_it);
    RUN(it_ends_when_told);
    RUN(its_status_is_a_list_of_numbers);
    RUN(recipients_lead_to_accounts_or_to_nobody);
    RUN(as_many_recipients_as_a_message_has_room_for);
    RUN(a_slow_account_is_named_to_accounts);
    RUN(each_peer_says_what_it_may_and_nothing_else);
    RUN(what_is_no_message_ends_its_channel_alone);
    RUN(no_peer_answers_for_another);
    RUN(a_peer_that_does_not_read_holds_nobody_else);
    return test_end();
}
