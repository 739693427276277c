/* base/list_test.c: lists against an array that does the same. */
#include "base/list.c"
#include "base/test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct thing {
    int number;
    struct list_node node, other; /* neither is the first field */
};

/* The numbers of a list from the front, after its links were followed both ways. */
static struct str numbers(const struct list *l)
{
    static char text[256];
    const struct list_node *before = NULL;
    struct thing *t;
    size_t n = 0;

    LIST_EACH(t, l, node) {
        CHECK(t->node.in == l && t->node.prev == before);
        before = &t->node;
        text[n++] = (char)('0' + t->number);
    }
    CHECK(l->last == before);
    CHECK_U64(l->n, n);
    return str_of(text, n);
}

static void a_zeroed_list_is_empty(void)
{
    struct list l = {0};
    struct thing t = {0};

    CHECK_STR(numbers(&l), STR(""));
    CHECK(!LIST_FIRST(&l, struct thing, node) && !LIST_LAST(&l, struct thing, node));
    CHECK(!LIST_NEXT(&t, node));
    list_remove(&t.node); /* in no list */
    CHECK_STR(numbers(&l), STR(""));
}

static void things_stand_in_the_order_in_which_they_were_put(void)
{
    struct list l = {0};
    struct thing t[5] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};

    list_append(&l, &t[2].node);
    list_append(&l, &t[3].node);
    list_prepend(&l, &t[1].node);
    list_append(&l, &t[4].node);
    list_prepend(&l, &t[0].node);
    CHECK_STR(numbers(&l), STR("01234"));
    CHECK(LIST_FIRST(&l, struct thing, node) == &t[0]);
    CHECK(LIST_LAST(&l, struct thing, node) == &t[4]);
    CHECK(LIST_NEXT(&t[1], node) == &t[2]);
    list_remove(&t[0].node);
    list_remove(&t[2].node);
    list_remove(&t[4].node);
    CHECK_STR(numbers(&l), STR("13"));
    list_remove(&t[4].node);
    list_append(&l, &t[0].node); /* a removed one can be put again */
    CHECK_STR(numbers(&l), STR("130"));
}

static void a_thing_may_stand_in_two_lists(void)
{
    struct list a = {0}, b = {0};
    struct thing t = {.number = 7}, u = {.number = 8}, *at;
    size_t n = 0;

    list_append(&a, &t.node);
    list_append(&a, &u.node);
    list_append(&b, &u.other);
    list_append(&b, &t.other);
    CHECK_STR(numbers(&a), STR("78"));
    CHECK(LIST_FIRST(&b, struct thing, other) == &u);
    list_remove(&t.node);
    CHECK_STR(numbers(&a), STR("8"));
    LIST_EACH(at, &b, other)
        n++;
    CHECK(n == 2 && b.n == 2);
}

static void a_walk_may_free_what_it_is_at(void)
{
    struct list l = {0};
    struct thing *t, *next;

    for (int i = 0; i < 10; i++) {
        t = mem_zalloc(sizeof *t);
        t->number = i;
        list_append(&l, &t->node);
    }
    LIST_EACH_SAFE(t, next, &l, node) {
        if (t->number % 3 == 1)
            continue;
        list_remove(&t->node);
        mem_free(t);
    }
    CHECK_STR(numbers(&l), STR("147"));
    LIST_EACH_SAFE(t, next, &l, node) {
        list_remove(&t->node);
        mem_free(t);
    }
    CHECK(l.n == 0 && !l.first && !l.last);
}

static void it_agrees_with_an_array_whatever_is_done(void)
{
    struct list l = {0};
    struct thing t[10] = {0};
    char model[11] = "";
    unsigned seed = 1;

    for (int i = 0; i < 10; i++)
        t[i].number = i;
    for (int step = 0; step < 5000; step++) {
        unsigned i = (unsigned)rand_r(&seed) % 10;
        size_t n = strlen(model);
        char *at = strchr(model, (char)('0' + i));

        if (at) {
            list_remove(&t[i].node);
            memmove(at, at + 1, strlen(at));
        } else if (rand_r(&seed) & 1) {
            list_append(&l, &t[i].node);
            model[n] = (char)('0' + i);
            model[n + 1] = 0;
        } else {
            list_prepend(&l, &t[i].node);
            memmove(model + 1, model, n + 1);
            model[0] = (char)('0' + i);
        }
        CHECK_STR(numbers(&l), str_c(model));
    }
}

static void a_node_in_a_list_can_not_be_put_again(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        struct list a = {0}, b = {0};
        struct thing t = {0};

        close(STDERR_FILENO);
        list_append(&a, &t.node);
        list_append(&b, &t.node);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    RUN(a_zeroed_list_is_empty);
    RUN(things_stand_in_the_order_in_which_they_were_put);
    RUN(a_thing_may_stand_in_two_lists);
    RUN(a_walk_may_free_what_it_is_at);
    RUN(it_agrees_with_an_array_whatever_is_done);
    RUN(a_node_in_a_list_can_not_be_put_again);
    return test_end();
}
