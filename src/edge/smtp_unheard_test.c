/* edge/smtp_unheard_test.c: a message that comes again, to the same process or another. */
#include "edge/smtp_unheard.c"

#include "base/test.h"
#include "net/test_shared.h"

#define NOW 1000000000LL
#define FIRST "transaction-one!"
#define SECOND "transaction-two!"

struct several {
    struct test_shared shared;
    struct smtp_unheard u[2];
};

static void begin(struct several *s)
{
    test_shared_begin(&s->shared, 2);
    for (int i = 0; i < 2; i++)
        smtp_unheard_init(&s->u[i], &s->shared.of[i]);
    test_shared_open(&s->shared);
}

static void end(struct several *s)
{
    test_shared_end(&s->shared);
}

static struct smtp_unheard_key key_of(unsigned n)
{
    struct smtp_unheard_key key = {.size = 100 + n % 7};

    memcpy(key.hash, &n, sizeof n);
    return key;
}

/* Whether this process finds the message under this transaction. */
static bool finds(struct several *s, int who, unsigned n, const char *transaction, int64_t now)
{
    struct smtp_unheard_key key = key_of(n);
    char got[SMTP_TRANSACTION_BYTES];

    return smtp_unheard_take(&s->u[who], &key, got, now) &&
           memcmp(got, transaction, sizeof got) == 0;
}

static bool finds_none(struct several *s, int who, unsigned n, int64_t now)
{
    struct smtp_unheard_key key = key_of(n);
    char got[SMTP_TRANSACTION_BYTES];

    return !smtp_unheard_take(&s->u[who], &key, got, now);
}

static void add(struct several *s, int who, unsigned n, const char *transaction, int64_t now)
{
    struct smtp_unheard_key key = key_of(n);

    smtp_unheard_add(&s->u[who], &key, transaction, now);
}

static void a_message_is_found_once_by_whichever_process(void)
{
    for (int from = 0; from < 2; from++) {
        for (int to = 0; to < 2; to++) {
            struct several s;

            begin(&s);
            add(&s, from, 1, FIRST, NOW);
            CHECK(smtp_unheard_has_size(&s.u[to], 101, NOW));
            CHECK(!smtp_unheard_has_size(&s.u[to], 102, NOW));
            CHECK(finds_none(&s, to, 2, NOW));
            CHECK(finds(&s, to, 1, FIRST, NOW));
            CHECK(finds_none(&s, 0, 1, NOW) && finds_none(&s, 1, 1, NOW + 1));
            end(&s);
        }
    }
}

static void unheard_again_it_is_found_again(void)
{
    struct several s;

    begin(&s);
    add(&s, 0, 1, FIRST, NOW);
    CHECK(finds(&s, 1, 1, FIRST, NOW + 1));
    add(&s, 1, 1, FIRST, NOW + 2); /* that answer was not heard either */
    CHECK(finds(&s, 0, 1, FIRST, NOW + 3));
    CHECK(finds_none(&s, 1, 1, NOW + 4));
    add(&s, 1, 1, SECOND, NOW + 5);
    add(&s, 0, 1, FIRST, NOW + 4);
    CHECK(finds(&s, 0, 1, SECOND, NOW + 5)); /* the newest holds */
    end(&s);
}

static void after_an_hour_it_is_another_message(void)
{
    struct several s;

    begin(&s);
    add(&s, 0, 1, FIRST, NOW);
    CHECK(finds_none(&s, 1, 1, NOW + LIFE_US + 1));
    CHECK(!smtp_unheard_has_size(&s.u[1], 101, NOW + LIFE_US + 1));
    CHECK(finds(&s, 1, 1, FIRST, NOW + LIFE_US));
    end(&s);
}

static void the_oldest_goes(void)
{
    struct several s;

    begin(&s);
    for (unsigned n = 0; n < RING + 1; n++)
        add(&s, 0, n, FIRST, NOW + n);
    CHECK(finds_none(&s, 1, 0, NOW + RING));
    CHECK(finds(&s, 1, 1, FIRST, NOW + RING));
    CHECK(finds(&s, 1, RING, FIRST, NOW + RING));
    end(&s);
}

static void a_sibling_that_ends_or_lies_disturbs_nobody(void)
{
    struct several s;

    begin(&s);
    add(&s, 0, 1, FIRST, NOW);
    memset(s.shared.of[1].own, 0xff, s.shared.of[1].size);
    CHECK(finds_none(&s, 0, 2, NOW));
    CHECK(finds(&s, 0, 1, FIRST, NOW));
    add(&s, 1, 3, SECOND, NOW);
    test_shared_again(&s.shared, 1);
    CHECK(finds_none(&s, 0, 3, NOW));
    smtp_unheard_init(&s.u[1], &s.shared.of[1]);
    test_shared_open_again(&s.shared, 1);
    CHECK(finds_none(&s, 1, 1, NOW)); /* it was taken, as the other knows */
    end(&s);
}

int main(void)
{
    RUN(a_message_is_found_once_by_whichever_process);
    RUN(unheard_again_it_is_found_again);
    RUN(after_an_hour_it_is_another_message);
    RUN(the_oldest_goes);
    RUN(a_sibling_that_ends_or_lies_disturbs_nobody);
    return test_end();
}
