/* proc/call_test.c: questions and answers: who may answer, what happens to what is not answered, and
 * that a slow peer holds nobody but those who asked it. */
#include "proc/call.c"

#include "base/test.h"
#include "proc/test_role.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

static unsigned told, failed, messages;
static uint64_t last_reserved;
static char order[3000];
static size_t order_n;
static struct process *process;
static struct chan *asker;
static struct asked taken[4];
static size_t taken_n;

static bool on_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    (void)arg, (void)ready, (void)err;
    process = p;
    return true;
}

static void on_message(void *arg, struct chan *c, struct msg *m)
{
    (void)arg;
    messages++;
    asker = c;
    if (m->type == MSG_QUEUE_TRY_ASK && taken_n < ARRAY_LEN(taken))
        asked_take(&taken[taken_n++], c, m);
}

static void on_rcpt(void *arg, struct msg_rcpt_tell *tell, int *fd)
{
    CHECK(*fd == -1);
    if (tell->id == 0) {
        CHECK(tell->error.kind == ERROR_TEMPORARY && tell->error.text.n > 10);
        failed++;
    } else {
        told++;
        last_reserved = tell->reserved;
    }
    if (arg && order_n < sizeof order)
        order[order_n++] = *(const char *)arg;
}

static void on_queue_add(void *arg, struct msg_queue_add_tell *tell, int *fd)
{
    (void)arg, (void)fd;
    if (tell->id == 0)
        failed++;
    else
        told++;
}

static const struct process_ops ops = {.start = on_start, .message = on_message};

static void begin(struct role_test *t, enum role role)
{
    told = failed = messages = 0;
    order_n = taken_n = 0;
    memset(taken, 0, sizeof taken);
    role_test_begin(t, role, &ops, NULL);
}

static uint64_t ask_rcpt(const char *mark)
{
    return call_rcpt(process_to(process, ROLE_DIRECTORY),
                     &(struct msg_rcpt_ask){.session = STR("s")}, NULL, on_rcpt,
                     (void *)(uintptr_t)mark);
}

static void answer_rcpt(struct role_end *e, uint64_t id)
{
    role_end_send(e, &(struct msg){.type = MSG_RCPT_TELL, .rcpt_tell = {.id = id, .reserved = 7}});
}

static void an_answer_reaches_the_one_who_asked_once(void)
{
    struct role_test t;
    struct role_end *directory;
    uint64_t id;

    begin(&t, ROLE_EDGE_SMTP);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    role_test_go(&t);
    id = ask_rcpt(NULL);
    CHECK_U64(told, 0); /* never from within */
    role_test_spin(&t);
    CHECK(role_end_take(directory, MSG_RCPT_ASK)->rcpt_ask.id == id);
    answer_rcpt(directory, id);
    CHECK(told == 1 && last_reserved == 7 && calls_waiting(process->calls) == 0);
    answer_rcpt(directory, id); /* late: dropped */
    CHECK(told == 1 && messages == 0 && !role_end_is_closed(directory));
    role_test_end(&t);
}

static void nobody_but_the_one_asked_can_answer(void)
{
    struct role_test t;
    struct role_end *directory, *intake;
    uint64_t id;

    begin(&t, ROLE_EDGE_SMTP);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    intake = role_test_peer(&t, ROLE_INTAKE, 0);
    role_test_go(&t);
    id = ask_rcpt(NULL);
    /* Of its own type, under another's id. */
    role_end_send(intake, &(struct msg){.type = MSG_ARRIVAL_TELL, .arrival_tell = {.id = id}});
    CHECK(told == 0 && failed == 0 && calls_waiting(process->calls) == 1);
    answer_rcpt(directory, id);
    CHECK_U64(told, 1);
    role_test_end(&t);
}

static void on_hash(void *arg, struct msg_hash_tell *tell, int *fd)
{
    (void)arg, (void)fd;
    if (tell->id == 0)
        failed++;
    else
        told++;
}

/* A channel that was handed on may bring an answer to what the process before this one has asked. */
static void a_later_process_asks_by_other_ids(void)
{
    struct call_to later = {.role = ROLE_DIRECTORY};
    struct role_test t;
    uint64_t id;

    begin(&t, ROLE_EDGE_SMTP);
    role_test_go(&t);
    calls_unlike_predecessor(process->calls);
    for (int i = 0; i < 100; i++)
        id = ask_rcpt(NULL);
    role_test_pass(&t, 1000);
    later.calls = calls_create(process->timers);
    calls_unlike_predecessor(later.calls);
    CHECK(call_rcpt(later, &(struct msg_rcpt_ask){0}, NULL, on_rcpt, NULL) > id);
    calls_destroy(later.calls);
    role_test_end(&t);
}

/* Of the same role and the right type, and asked something itself: the id is not its own. */
static void one_instance_cannot_answer_for_another(void)
{
    struct msg forged = {.type = MSG_HASH_TELL};
    struct role_test t;
    struct role_end *hasher[2];
    uint64_t id[2];

    begin(&t, ROLE_DIRECTORY);
    hasher[0] = role_test_peer(&t, ROLE_HASHER, 0);
    role_test_go(&t);
    id[0] = call_hash(call_over(process->calls, process_peer(process, ROLE_HASHER)),
                      &(struct msg_hash_ask){0}, NULL, on_hash, NULL);
    hasher[1] = role_test_peer(&t, ROLE_HASHER, 1);
    id[1] = call_hash(call_over(process->calls, process_peer(process, ROLE_HASHER)),
                      &(struct msg_hash_ask){0}, NULL, on_hash, NULL);
    role_test_spin(&t);
    CHECK(role_end_take(hasher[0], MSG_HASH_ASK)->hash_ask.id == id[0]);
    CHECK(role_end_take(hasher[1], MSG_HASH_ASK)->hash_ask.id == id[1]);
    forged.hash_tell.id = id[1];
    test_expect_log("channel-broken");
    role_end_send(hasher[0], &forged);
    CHECK(told == 0 && role_end_is_closed(hasher[0]));
    CHECK(failed == 1 && calls_waiting(process->calls) == 1); /* its own is nobody's now */
    role_end_send(hasher[1], &forged);
    CHECK(told == 1 && !role_end_is_closed(hasher[1]));
    role_test_end(&t);
}

static void an_answer_of_another_type_ends_the_channel_and_not_the_question(void)
{
    struct msg wrong = {.type = MSG_DELIVERY_OPEN_TELL};
    struct role_test t;
    struct role_end *directory;
    uint64_t id;

    begin(&t, ROLE_INTAKE);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    role_test_go(&t);
    id = call_resolve(process_to(process, ROLE_DIRECTORY), &(struct msg_resolve_ask){0}, NULL, NULL,
                      NULL);
    role_test_spin(&t);
    wrong.delivery_open_tell.id = id;
    test_expect_log("channel-broken");
    role_end_send(directory, &wrong);
    CHECK(role_end_is_closed(directory) && calls_waiting(process->calls) == 1);
    calls_forget(process->calls, id);
    role_test_end(&t);
}

static void a_deadline_ends_a_question_with_words(void)
{
    struct role_test t;
    struct role_end *directory;
    uint64_t id;

    begin(&t, ROLE_EDGE_SMTP);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    role_test_go(&t);
    id = ask_rcpt(NULL);
    role_test_pass(&t, 14900000);
    CHECK(failed == 0);
    role_test_pass(&t, 200000);
    CHECK(failed == 1 && told == 0);
    answer_rcpt(directory, id);
    CHECK(told == 0 && !role_end_is_closed(directory));
    role_test_end(&t);
}

static void a_question_that_may_be_asked_again_goes_to_the_successor_in_order(void)
{
    struct role_test t;
    struct role_end *first, *second;
    uint64_t a, b, c;

    begin(&t, ROLE_EDGE_SMTP);
    first = role_test_peer(&t, ROLE_DIRECTORY, 0);
    role_test_go(&t);
    a = ask_rcpt("a");
    b = ask_rcpt("b");
    role_test_spin(&t);
    role_end_close(first);
    c = ask_rcpt("c"); /* while nobody is there */
    role_test_spin(&t);
    CHECK(told == 0 && failed == 0);
    second = role_test_peer(&t, ROLE_DIRECTORY, 0);
    CHECK_U64(role_end_take(second, MSG_RCPT_ASK)->rcpt_ask.id, a);
    CHECK_U64(role_end_take(second, MSG_RCPT_ASK)->rcpt_ask.id, b);
    CHECK_U64(role_end_take(second, MSG_RCPT_ASK)->rcpt_ask.id, c);
    answer_rcpt(second, b);
    answer_rcpt(second, a);
    answer_rcpt(second, c);
    CHECK_STR(str_of(order, order_n), STR("bac"));
    role_test_end(&t);
}

static void a_question_that_may_not_fails_when_its_answerer_is_lost(void)
{
    struct role_test t;
    struct role_end *intake;

    begin(&t, ROLE_RELAY);
    intake = role_test_peer(&t, ROLE_INTAKE, 0);
    role_test_go(&t);
    call_queue_try(process_to(process, ROLE_INTAKE), &(struct msg_queue_try_ask){0}, NULL,
                   (told_queue_try_fn)on_queue_add, NULL);
    role_test_spin(&t);
    CHECK_U64(role_end_waiting(intake, MSG_QUEUE_TRY_ASK), 1);
    role_end_close(intake);
    CHECK(failed == 1 && calls_waiting(process->calls) == 0);
    role_test_end(&t);
}

static void a_peer_that_does_not_read_holds_its_questions_and_nothing_else(void)
{
    static char text[60000];
    struct role_test t;
    struct role_end *relay, *directory;
    struct msg_queue_add_ask ask = {.trace = str_of(text, sizeof text)};
    size_t came = 0;

    begin(&t, ROLE_INTAKE);
    relay = role_test_peer(&t, ROLE_RELAY, 0);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    role_test_go(&t);
    relay->deaf = true;
    for (int i = 0; i < 2000; i++) /* 120 MB, more than a channel may queue */
        call_queue_add(process_to(process, ROLE_RELAY), &ask, NULL, on_queue_add, NULL);
    call_resolve(process_to(process, ROLE_DIRECTORY), &(struct msg_resolve_ask){0}, NULL, NULL,
                 NULL);
    role_test_spin(&t);
    CHECK(!role_end_is_closed(relay) && failed == 0);
    CHECK_U64(role_end_waiting(directory, MSG_RESOLVE_ASK), 1);
    CHECK(chan_idle(process_peer(process, ROLE_RELAY)) ||
          calls_waiting(process->calls) == 2001); /* they wait here, not in the channel */
    relay->deaf = false;
    role_test_spin(&t);
    while (role_end_take(relay, MSG_QUEUE_ADD_ASK))
        came++;
    CHECK_U64(came, 2000);
    role_test_end(&t);
}

static void what_waits_for_one_channel_only_fails_with_it(void)
{
    static char text[60000];
    struct role_test t;
    struct role_end *relay;
    struct msg_queue_add_ask ask = {.trace = str_of(text, sizeof text)};
    struct chan *chan;

    begin(&t, ROLE_INTAKE);
    relay = role_test_peer(&t, ROLE_RELAY, 0);
    role_test_go(&t);
    chan = process_peer(process, ROLE_RELAY);
    relay->deaf = true;
    for (int i = 0; i < 100; i++)
        call_queue_add(call_over(process->calls, chan), &ask, NULL, on_queue_add, NULL);
    role_test_spin(&t);
    CHECK(failed == 0 && chan->calls.n > 0 && chan->unsent.n > 0);
    role_end_close(relay);
    role_test_spin(&t);
    CHECK(failed == 100 && told == 0 && calls_waiting(process->calls) == 0);
    role_test_end(&t);
}

/* It may wait for whom to ask, but is asked once. */
static void a_question_that_waited_is_not_put_twice(void)
{
    struct role_test t;
    struct role_end *first, *second;

    begin(&t, ROLE_RELAY);
    role_test_go(&t);
    call_queue_try(process_to(process, ROLE_INTAKE), &(struct msg_queue_try_ask){0}, NULL,
                   (told_queue_try_fn)on_queue_add, NULL);
    first = role_test_peer(&t, ROLE_INTAKE, 0);
    CHECK_U64(role_end_waiting(first, MSG_QUEUE_TRY_ASK), 1);
    role_end_close(first);
    CHECK(failed == 1 && calls_waiting(process->calls) == 0);
    second = role_test_peer(&t, ROLE_INTAKE, 0);
    CHECK_U64(role_end_waiting(second, MSG_QUEUE_TRY_ASK), 0);
    role_test_end(&t);
}

static void a_question_waits_for_its_own_role(void)
{
    struct role_test t;
    struct role_end *directory, *intake;

    begin(&t, ROLE_EDGE_SMTP);
    role_test_go(&t);
    (void)ask_rcpt(NULL);
    intake = role_test_peer(&t, ROLE_INTAKE, 0);
    CHECK(role_end_waiting(intake, MSG_NONE) == 0 && calls_waiting(process->calls) == 1);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    CHECK_U64(role_end_waiting(directory, MSG_RCPT_ASK), 1);
    role_test_end(&t);
}

static void who_asks_over_a_channel_that_is_not_there_is_told_at_once(void)
{
    struct role_test t;

    begin(&t, ROLE_EDGE_SMTP);
    role_test_go(&t);
    call_rcpt(call_over(process->calls, NULL), &(struct msg_rcpt_ask){0}, NULL, on_rcpt, NULL);
    CHECK_U64(failed, 0); /* never from within */
    role_test_spin(&t);
    CHECK(failed == 1 && calls_waiting(process->calls) == 0);
    role_test_end(&t);
}

static void a_question_that_waits_keeps_a_copy_of_its_descriptor(void)
{
    struct role_test t;
    struct role_end *intake;
    struct stat was, is;
    struct msg *m;
    int fd;

    begin(&t, ROLE_RELAY);
    role_test_go(&t);
    fd = memfd_create("x", MFD_CLOEXEC);
    CHECK(fstat(fd, &was) == 0);
    call_queue_try(process_to(process, ROLE_INTAKE), &(struct msg_queue_try_ask){0}, CALL_FD(fd),
                   (told_queue_try_fn)on_queue_add, NULL);
    close(fd);
    intake = role_test_peer(&t, ROLE_INTAKE, 0);
    m = role_end_take(intake, MSG_QUEUE_TRY_ASK);
    if (CHECK(m && m->nfds == 1))
        CHECK(fstat(m->fd[0], &is) == 0 && is.st_ino == was.st_ino && is.st_dev == was.st_dev);
    role_end_send(intake, &(struct msg){.type = MSG_QUEUE_TRY_TELL,
                                        .queue_try_tell = {.id = m ? m->queue_try_ask.id : 0}});
    CHECK_U64(told, 1);
    role_test_end(&t);
}

static void a_forgotten_question_calls_nobody(void)
{
    struct role_test t;
    struct role_end *directory;
    uint64_t id;

    begin(&t, ROLE_EDGE_SMTP);
    directory = role_test_peer(&t, ROLE_DIRECTORY, 0);
    role_test_go(&t);
    id = ask_rcpt(NULL);
    role_test_spin(&t);
    calls_forget(process->calls, id);
    answer_rcpt(directory, id);
    role_test_pass(&t, 20000000);
    CHECK(told == 0 && failed == 0);
    role_test_end(&t);
}

/* ---- the one who is asked ---- */

static void who_asked_and_went_away_is_nobody(void)
{
    struct role_test t;
    struct role_end *relay;

    begin(&t, ROLE_INTAKE);
    relay = role_test_peer(&t, ROLE_RELAY, 0);
    role_test_go(&t);
    role_end_send(relay,
                  &(struct msg){.type = MSG_QUEUE_TRY_ASK, .nfds = 0, .queue_try_ask = {.id = 5}});
    CHECK(taken_n == 1 && asked_waits(&taken[0]));
    role_end_close(relay);
    CHECK(!asked_waits(&taken[0]));
    tell_queue_try(&taken[0], &(struct msg_queue_try_tell){0}, -1); /* to nobody */
    role_test_end(&t);
}

static void a_question_that_was_moved_is_its_new_place_alone(void)
{
    struct asked place = {0};
    struct role_test t;
    struct role_end *relay;
    struct msg *m;

    begin(&t, ROLE_INTAKE);
    relay = role_test_peer(&t, ROLE_RELAY, 0);
    role_test_go(&t);
    role_end_send(relay, &(struct msg){.type = MSG_QUEUE_TRY_ASK, .queue_try_ask = {.id = 5}});
    role_end_send(relay, &(struct msg){.type = MSG_QUEUE_TRY_ASK, .queue_try_ask = {.id = 6}});
    asked_move(&place, &taken[0]);
    CHECK(asked_waits(&place) && !asked_waits(&taken[0]));
    tell_queue_try(&place, &(struct msg_queue_try_tell){0}, -1);
    role_test_spin(&t);
    m = role_end_take(relay, MSG_QUEUE_TRY_TELL);
    CHECK(m && m->queue_try_tell.id == 5);
    asked_move(&place, &taken[1]);
    role_end_close(relay);
    CHECK(!asked_waits(&place));
    role_test_end(&t);
}

static void a_question_whose_descriptor_was_lost_is_refused_with_words(void)
{
    struct msg ask = {.type = MSG_QUEUE_TRY_ASK, .nfds = 1, .queue_try_ask = {.id = 5}};
    struct rlimit before, none;
    struct role_test t;
    struct role_end *relay;
    struct msg *m;

    begin(&t, ROLE_INTAKE);
    relay = role_test_peer(&t, ROLE_RELAY, 0);
    role_test_go(&t);
    ask.fd[0] = memfd_create("x", MFD_CLOEXEC);
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){3, before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none); /* this process has none left */
    role_end_send(relay, &ask);
    setrlimit(RLIMIT_NOFILE, &before);
    close(ask.fd[0]);
    m = role_end_take(relay, MSG_QUEUE_TRY_TELL);
    CHECK(messages == 0 && m && m->queue_try_tell.id == 5);
    CHECK(m && m->queue_try_tell.error.kind == ERROR_TEMPORARY);
    role_test_end(&t);
}

static void an_answer_carries_the_id_of_its_question(void)
{
    struct role_test t;
    struct role_end *relay;
    struct error err;
    struct msg *m;

    begin(&t, ROLE_INTAKE);
    relay = role_test_peer(&t, ROLE_RELAY, 0);
    role_test_go(&t);
    role_end_send(relay, &(struct msg){.type = MSG_QUEUE_TRY_ASK, .queue_try_ask = {.id = 5}});
    role_end_send(relay, &(struct msg){.type = MSG_QUEUE_TRY_ASK, .queue_try_ask = {.id = 6}});
    error_set(&err, ERROR_DISK, "no room");
    tell_queue_try(&taken[1], &(struct msg_queue_try_tell){.error = msg_error_of(&err)}, -1);
    tell_queue_try(&taken[1], &(struct msg_queue_try_tell){0}, -1); /* it was answered */
    role_test_spin(&t);
    m = role_end_take(relay, MSG_QUEUE_TRY_TELL);
    CHECK(m && m->queue_try_tell.id == 6 && m->queue_try_tell.error.kind == ERROR_DISK);
    CHECK_STR(m->queue_try_tell.error.text, STR("no room"));
    CHECK(role_end_take(relay, MSG_QUEUE_TRY_TELL) == NULL);
    asked_forget(&taken[0]);
    role_test_end(&t);
}

static void a_peer_is_not_heard_while_too_many_of_its_questions_are_open(void)
{
    static struct asked many[LIMIT_CHAN_ASKED];
    struct role_test t;
    struct role_end *relay;
    struct msg m = {.type = MSG_QUEUE_TRY_ASK, .queue_try_ask = {.id = 1}};

    begin(&t, ROLE_INTAKE);
    relay = role_test_peer(&t, ROLE_RELAY, 0);
    role_test_go(&t);
    role_end_send(relay, &m);
    for (size_t i = 0; i < ARRAY_LEN(many) - 1; i++)
        asked_take(&many[i], asker, &m);
    messages = 0;
    role_end_send(relay, &m);
    CHECK_U64(messages, 0);
    asked_forget(&many[0]);
    role_test_spin(&t);
    CHECK_U64(messages, 1);
    role_test_end(&t);
}

int main(void)
{
    RUN(an_answer_reaches_the_one_who_asked_once);
    RUN(nobody_but_the_one_asked_can_answer);
    RUN(one_instance_cannot_answer_for_another);
    RUN(an_answer_of_another_type_ends_the_channel_and_not_the_question);
    RUN(a_deadline_ends_a_question_with_words);
    RUN(a_question_that_may_be_asked_again_goes_to_the_successor_in_order);
    RUN(a_question_that_may_not_fails_when_its_answerer_is_lost);
    RUN(a_peer_that_does_not_read_holds_its_questions_and_nothing_else);
    RUN(what_waits_for_one_channel_only_fails_with_it);
    RUN(a_question_that_waited_is_not_put_twice);
    RUN(a_question_waits_for_its_own_role);
    RUN(who_asks_over_a_channel_that_is_not_there_is_told_at_once);
    RUN(a_question_that_waits_keeps_a_copy_of_its_descriptor);
    RUN(a_forgotten_question_calls_nobody);
    RUN(who_asked_and_went_away_is_nobody);
    RUN(a_question_that_was_moved_is_its_new_place_alone);
    RUN(a_question_whose_descriptor_was_lost_is_refused_with_words);
    RUN(an_answer_carries_the_id_of_its_question);
    RUN(a_later_process_asks_by_other_ids);
    RUN(a_peer_is_not_heard_while_too_many_of_its_questions_are_open);
    return test_end();
}
