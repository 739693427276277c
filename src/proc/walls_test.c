/* proc/walls_test.c: nobody answers for another. For each role: it puts one question of every CALL
 * that it may ask, and then every other peer, a second process of the same role among them, sends
 * every answer that messages.h lets it send, under the id of each of these questions. None is taken.
 * The roles, who may ask whom and who may send what come from the tables, so that a new CALL is tested
 * by itself. */
#include "proc/call.c"

#include "base/test.h"
#include "proc/test_role.h"

#define SEATS (2 * ROLE_COUNT)
#define CALLS_MOST 64

/* Where one peer sits: two of each role. */
struct seat {
    enum role role;
    struct chan *chan; /* ours; NULL: it has ended */
    struct role_end *end;
};

struct question {
    const struct msg_call *what;
    struct seat *to;
    uint64_t id;
    unsigned told, failed;
};

static struct role_test bench;
static struct seat seats[SEATS];
static unsigned messages, attempts, broken;

/* All CALLs. */
static const enum msg_type asks[] = {
#define MSG(...)
#define CALL(NAME, ...) MSG_##NAME##_ASK,
    MESSAGES(MSG, CALL)
#undef CALL
#undef MSG
};

/* ---- a role and its peers ---- */

static bool on_start(void *arg, struct process *p, bool *ready, struct error *err)
{
    (void)arg, (void)p, (void)ready, (void)err;
    return true;
}

static void on_message(void *arg, struct chan *c, struct msg *m)
{
    (void)arg, (void)c, (void)m;
    messages++;
}

static const struct process_ops ops = {.start = on_start, .message = on_message};

static void on_peer(void *arg, struct chan *c, struct msg *m)
{
    struct seat *s = arg;

    if (m) {
        messages++;
        return;
    }
    s->chan = NULL;
    chan_destroy(c);
}

static void begin(enum role self)
{
    messages = 0;
    role_test_begin(&bench, self, &ops, NULL);
    for (unsigned i = 0; i < SEATS; i++) {
        int fd[2];

        seats[i].role = (enum role)(1U << i / 2);
        CHECK(chan_pair(fd));
        seats[i].chan = chan_create(bench.p->base, fd[0], self, seats[i].role, on_peer, &seats[i]);
        seats[i].end = role_test_over(&bench, seats[i].role, fd[1]);
    }
}

static void end(void)
{
    for (size_t i = 0; i < SEATS; i++)
        chan_destroy(seats[i].chan);
    role_test_end(&bench);
}

static void on_told(call_any_fn fn, void *arg, struct msg *m)
{
    struct question *q = arg;

    (void)fn;
    if (m->any_tell.id)
        q->told++;
    else
        q->failed++;
}

static void ask(struct question *q)
{
    struct msg m = {.type = q->what->ask};

    q->told = q->failed = 0;
    q->id = calls_ask(call_over(bench.p->calls, q->to->chan), &m, NULL, on_told, NULL, q);
    role_test_spin(&bench);
    CHECK(role_end_take(q->to->end, q->what->ask) != NULL);
}

static void answer(struct seat *from, enum msg_type tell, uint64_t id)
{
    struct msg m = {.type = tell};

    m.any_tell.id = id;
    attempts++;
    role_end_send(from->end, &m);
}

static bool is_pending(const struct question *q)
{
    const struct call *k = map_find_u64(&bench.p->calls->by_id, q->id);

    return q->told == 0 && q->failed == 0 && k && k->state == CALL_SENT && k->chan == q->to->chan;
}

/* Every question that this role may ask anybody, to the first of two. */
static size_t questions_of(enum role self, struct question q[CALLS_MOST])
{
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(asks); i++)
        for (size_t k = 0; k < SEATS; k += 2)
            if (msg_allowed(asks[i], self, seats[k].role) && CHECK(n < CALLS_MOST))
                q[n++] = (struct question){.what = msg_call_of(asks[i]), .to = &seats[k]};
    return n;
}

/* ---- what others say ---- */

/* Who was asked nothing is not heard, whatever it answers; then the one who was asked is. */
static void others_answer(enum role self, struct question *q)
{
    ask(q);
    for (size_t k = 0; k < SEATS; k++) {
        for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
            enum msg_type tell = msg_call_of(asks[i])->tell;

            if (&seats[k] == q->to || !msg_allowed(tell, seats[k].role, self))
                continue;
            answer(&seats[k], tell, q->id);
            CHECK_ROW(is_pending(q) && messages == 0 && seats[k].chan, msg_name(tell));
        }
    }
    answer(q->to, q->what->tell, q->id);
    CHECK_ROW(q->told == 1 && q->failed == 0 && messages == 0, msg_name(q->what->tell));
    answer(q->to, q->what->tell, q->id); /* once */
    CHECK(q->told == 1 && messages == 0 && q->to->chan);
}

/* Who has a question itself, and answers another's: its channel ends, and the other waits on. */
static void asked_answers_for_other(enum role self, struct question *own, const struct question *of)
{
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        enum msg_type tell = msg_call_of(asks[i])->tell;
        struct question mine = *own, other = *of;

        if (!msg_allowed(tell, own->to->role, self))
            continue;
        begin(self);
        if (mine.to == other.to)
            mine.to++; /* a second process of the role */
        ask(&other);
        ask(&mine);
        test_expect_log("channel-broken");
        answer(mine.to, tell, other.id);
        broken += mine.to->chan == NULL;
        CHECK_ROW(is_pending(&other) && messages == 0 && mine.told == 0 && mine.failed == 1 &&
                      mine.to->chan == NULL,
                  msg_name(tell));
        end();
    }
}

/* An answer of another type than the question's. */
static void asked_answers_otherwise(enum role self, struct question *q)
{
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        enum msg_type tell = msg_call_of(asks[i])->tell;

        if (tell == q->what->tell || !msg_allowed(tell, q->to->role, self))
            continue;
        begin(self);
        ask(q);
        test_expect_log("channel-broken");
        answer(q->to, tell, q->id);
        broken += q->to->chan == NULL;
        CHECK_ROW(q->told == 0 && messages == 0 && q->to->chan == NULL, msg_name(tell));
        end();
    }
}

static void no_role_takes_an_answer_from_anybody_but_the_one_asked(void)
{
    unsigned roles = 0;

    for (unsigned bit = 0; bit < ROLE_COUNT; bit++) {
        enum role self = (enum role)(1U << bit);
        struct question q[CALLS_MOST];
        size_t n = questions_of(self, q);

        roles += n > 0;
        for (size_t i = 0; i < n; i++) {
            begin(self);
            others_answer(self, &q[i]);
            end();
        }
    }
    CHECK_U64(roles, 8); /* all but hasher, keys and account */
}

static void who_answers_for_another_loses_its_channel(void)
{
    for (unsigned bit = 0; bit < ROLE_COUNT; bit++) {
        enum role self = (enum role)(1U << bit);
        struct question q[CALLS_MOST];
        size_t n = questions_of(self, q);

        for (size_t i = 0; i < n; i++) {
            asked_answers_otherwise(self, &q[i]);
            for (size_t k = 0; k < n; k++)
                asked_answers_for_other(self, &q[k], &q[i]);
        }
    }
    CHECK(broken > 100);
}

int main(void)
{
    for (unsigned i = 0; i < SEATS; i++)
        seats[i].role = (enum role)(1U << i / 2);
    RUN(no_role_takes_an_answer_from_anybody_but_the_one_asked);
    RUN(who_answers_for_another_loses_its_channel);
    printf("%u answers for others, 0 to be taken; %u channels ended\n", attempts, broken);
    return test_end();
}
