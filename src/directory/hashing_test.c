/* directory/hashing_test.c: the queue before the hashers is bounded and fair, and survives a hasher. */
#include "directory/hashing.c"

#include "base/test.h"

#include <string.h>

static char order[200]; /* what the hasher was given, a letter a job */
static size_t order_n;
static unsigned right, wrong, temporary;

struct hasher_end {
    struct chan *chan;
    uint64_t last;
};

static void on_hasher(void *arg, struct chan *c, struct msg *m)
{
    struct hasher_end *h = arg;

    (void)c;
    if (!m || m->type != MSG_HASH_ASK)
        return;
    order[order_n++] = m->hash_ask.password.p[0];
    h->last = m->hash_ask.id;
}

static void on_directory(void *arg, struct chan *c, struct msg *m)
{
    if (m)
        hash_queue_answer(arg, c, m);
}

static void on_hash(void *arg, bool ok, struct str hash, const struct error *err)
{
    (void)arg, (void)hash;
    if (ok)
        right++;
    else if (err->kind == ERROR_TEMPORARY)
        temporary++;
    else
        wrong++;
}

static struct {
    struct event_base *base;
    struct hash_queue *q;
    struct chan *ours;
    struct hasher_end hasher;
} t;

static void begin(void)
{
    int fd[2];

    memset(order, 0, sizeof order);
    order_n = right = wrong = temporary = 0;
    t.base = event_base_new();
    t.q = hash_queue_create(NULL);
    chan_pair(fd, true);
    t.ours = chan_create(t.base, fd[0], ROLE_DIRECTORY, ROLE_HASHER, on_directory, t.q);
    t.hasher.chan = chan_create(t.base, fd[1], ROLE_HASHER, ROLE_DIRECTORY, on_hasher, &t.hasher);
    hash_queue_peer_new(t.q, t.ours);
}

static void spin(void)
{
    for (int i = 0; i < 5; i++)
        event_base_loop(t.base, EVLOOP_NONBLOCK);
}

/* The hasher answers what it has. */
static void answer(uint64_t kind)
{
    struct msg m = {.type = MSG_HASH_TELL, .hash_tell = {t.hasher.last, kind, STR_NULL}};

    chan_send(t.hasher.chan, &m);
    spin();
}

static void end(void)
{
    chan_destroy(t.ours);
    chan_destroy(t.hasher.chan);
    event_base_free(t.base);
    mem_free(t.q);
}

static void prefixes_take_turns(void)
{
    begin();
    for (int i = 0; i < 5; i++)
        hash_queue_add(t.q, STR("flood"), STR("f"), STR("h"), on_hash, NULL);
    hash_queue_add(t.q, STR("home"), STR("h"), STR("h"), on_hash, NULL);
    hash_queue_add(t.q, STR("work"), STR("w"), STR("h"), on_hash, NULL);
    spin();
    for (int i = 0; i < 7; i++)
        answer(0);
    CHECK_STR(str_of(order, order_n), STR("ffhwfff")); /* who floods waits behind himself */
    CHECK(right == 7 && hash_queue_waiting(t.q) == 0);
    end();
}

static void one_hasher_has_one_job_at_a_time(void)
{
    begin();
    for (int i = 0; i < 3; i++)
        hash_queue_add(t.q, STR("p"), STR("x"), STR("h"), on_hash, NULL);
    spin();
    CHECK_U64(order_n, 1);
    answer(ERROR_DENIED);
    CHECK(wrong == 1 && order_n == 2);
    answer(0);
    answer(0);
    CHECK(right == 2);
    end();
}

static void a_full_queue_answers_at_once(void)
{
    begin();
    for (int i = 0; i < WAITING_MOST + 1 + 3; i++) /* one is with the hasher */
        hash_queue_add(t.q, STR("p"), STR("x"), STR("h"), on_hash, NULL);
    CHECK_U64(temporary, 3);
    spin();
    for (int i = 0; i < WAITING_MOST + 1; i++)
        answer(0);
    CHECK_U64(right, WAITING_MOST + 1);
    end();
}

static void what_a_lost_hasher_had_is_to_be_tried_again(void)
{
    int fd[2];

    begin();
    hash_queue_add(t.q, STR("p"), STR("a"), STR("h"), on_hash, NULL);
    hash_queue_add(t.q, STR("p"), STR("b"), STR("h"), on_hash, NULL);
    spin();
    hash_queue_peer_lost(t.q, t.ours);
    CHECK(temporary == 1 && hash_queue_waiting(t.q) == 1);
    chan_destroy(t.ours);
    chan_destroy(t.hasher.chan);
    chan_pair(fd, true);
    t.ours = chan_create(t.base, fd[0], ROLE_DIRECTORY, ROLE_HASHER, on_directory, t.q);
    t.hasher.chan = chan_create(t.base, fd[1], ROLE_HASHER, ROLE_DIRECTORY, on_hasher, &t.hasher);
    hash_queue_peer_new(t.q, t.ours);
    spin();
    answer(0);
    CHECK_STR(str_of(order, order_n), STR("ab"));
    CHECK(right == 1);
    end();
}

int main(void)
{
    RUN(prefixes_take_turns);
    RUN(one_hasher_has_one_job_at_a_time);
    RUN(a_full_queue_answers_at_once);
    RUN(what_a_lost_hasher_had_is_to_be_tried_again);
    return test_end();
}
