/* edge/smtp_memory_test.c: one budget for all processes, and what intake says. */
#include "edge/smtp_memory.c"

#include "base/test.h"
#include "net/test_shared.h"

#define NOW 1000000000LL

struct several {
    struct test_shared shared;
    struct smtp_memory m[2];
};

static void begin(struct several *s, uint64_t most)
{
    test_shared_begin(&s->shared, 2);
    for (int i = 0; i < 2; i++)
        smtp_memory_init(&s->m[i], &s->shared.of[i], most);
    test_shared_open(&s->shared);
}

static void end(struct several *s)
{
    test_shared_end(&s->shared);
}

static void the_budget_is_that_of_all_processes(void)
{
    struct several s;

    begin(&s, 1000);
    CHECK(smtp_memory_take(&s.m[0], 600, NOW));
    CHECK(!smtp_memory_take(&s.m[1], 401, NOW));
    CHECK(smtp_memory_take(&s.m[1], 0, NOW)); /* there is some room */
    CHECK(smtp_memory_take(&s.m[1], 400, NOW));
    CHECK(!smtp_memory_take(&s.m[0], 0, NOW) && !smtp_memory_take(&s.m[1], 1, NOW));
    CHECK_U64(smtp_memory_used(&s.m[0], NOW), 1000);
    smtp_memory_give(&s.m[0], 600);
    CHECK_U64(smtp_memory_used(&s.m[1], NOW), 400);
    test_shared_again(&s.shared, 1); /* it ended */
    CHECK_U64(smtp_memory_used(&s.m[0], NOW), 0);
    smtp_memory_init(&s.m[1], &s.shared.of[1], 1000);
    test_shared_open_again(&s.shared, 1);
    end(&s);
}

static void what_intake_holds_counts_once(void)
{
    struct several s;

    begin(&s, 1000);
    CHECK(smtp_memory_take(&s.m[0], 300, NOW) && smtp_memory_take(&s.m[1], 100, NOW));
    smtp_memory_hand(&s.m[0], 300);
    smtp_memory_hand(&s.m[1], 100);
    smtp_memory_unhand(&s.m[1], 100); /* it was answered */
    smtp_memory_give(&s.m[1], 100);
    smtp_memory_intake(&s.m[1], 350, NOW); /* the other's 300 among it */
    CHECK_U64(smtp_memory_used(&s.m[0], NOW), 350);
    CHECK_U64(smtp_memory_used(&s.m[1], NOW), 350);
    smtp_memory_intake(&s.m[0], 900, NOW + 5); /* the latest word counts */
    CHECK_U64(smtp_memory_used(&s.m[1], NOW + 5), 900);
    CHECK(!smtp_memory_take(&s.m[1], 101, NOW + 5) && smtp_memory_take(&s.m[1], 100, NOW + 5));
    smtp_memory_intake(&s.m[1], 0, NOW + 6); /* intake was started anew */
    CHECK_U64(smtp_memory_used(&s.m[0], NOW + 6), 400);
    end(&s);
}

/* Else a full memory would stay full: only who hands a message over hears of intake. */
static void its_word_is_not_believed_for_ever(void)
{
    struct several s;

    begin(&s, 1000);
    smtp_memory_intake(&s.m[0], 5000, NOW);
    CHECK(!smtp_memory_take(&s.m[1], 1, NOW + SMTP_MEMORY_BELIEVED_US));
    CHECK(smtp_memory_take(&s.m[1], 1, NOW + SMTP_MEMORY_BELIEVED_US + 1));
    end(&s);
}

static void a_sibling_that_lies_is_bounded(void)
{
    struct several s;
    struct smtp_memory_word *w;

    begin(&s, 1000);
    w = (void *)(s.shared.of[1].own + s.m[1].word);
    w->bytes = UINT64_MAX;
    w->at_us = NOW + 1; /* in the future */
    CHECK_U64(smtp_memory_used(&s.m[0], NOW), 0);
    w->at_us = NOW;
    CHECK_U64(smtp_memory_used(&s.m[0], NOW), UINT64_MAX >> 6);
    smtp_memory_intake(&s.m[0], 7, NOW + 1);
    CHECK_U64(smtp_memory_used(&s.m[0], NOW + 1), 7);
    end(&s);
}

static void the_default_is_a_quarter_of_the_machine(void)
{
    struct several s;

    begin(&s, 0);
    CHECK(s.m[0].most > 1 << 20 && s.m[0].most < 1ULL << 50);
    end(&s);
}

int main(void)
{
    RUN(the_budget_is_that_of_all_processes);
    RUN(what_intake_holds_counts_once);
    RUN(its_word_is_not_believed_for_ever);
    RUN(a_sibling_that_lies_is_bounded);
    RUN(the_default_is_a_quarter_of_the_machine);
    return test_end();
}
