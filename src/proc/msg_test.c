/* proc/msg_test.c: every message that is declared packs and unpacks; nothing else does. */
#include "proc/msg.c"

#include "base/random.h"
#include "base/test.h"

static void a_message_comes_out_as_it_went_in(void)
{
    struct str items[] = {STR("one"), STR(""), STR("three")};
    struct msg m = {.type = MSG_RESOLVE_ASK, .resolve_ask = {7, {items, 3}}}, back;
    struct arena arena;
    struct error err;
    struct buf b;

    buf_init(&b, LIMIT_MSG_BYTES);
    arena_init(&arena, 1 << 20);
    CHECK(msg_print(&b, &m, &err));
    CHECK(msg_parse(test_exact(buf_view(&b)), &arena, &back, &err));
    CHECK(back.type == MSG_RESOLVE_ASK && back.resolve_ask.id == 7 &&
          back.resolve_ask.recipients.n == 3);
    CHECK_STR(back.resolve_ask.recipients.v[2], STR("three"));
    arena_done(&arena);
    buf_done(&b);
}

static void a_cut_or_longer_message_is_refused(void)
{
    struct msg m = {.type = MSG_LOGIN_ASK,
                    .login_ask = {.id = 1, .user = STR("ada"), .password = STR("x")}};
    struct arena arena;
    struct error err;
    struct buf b;

    buf_init(&b, LIMIT_MSG_BYTES);
    arena_init(&arena, 1 << 20);
    CHECK(msg_print(&b, &m, &err));
    for (size_t n = 0; n < b.n; n++)
        CHECK(!msg_parse(test_exact(str_sub(buf_view(&b), 0, n)), &arena, &m, &err));
    buf_char(&b, '\0');
    CHECK(!msg_parse(test_exact(buf_view(&b)), &arena, &m, &err));
    arena_done(&arena);
    buf_done(&b);
}

static void a_message_that_is_too_large_is_not_written(void)
{
    static char big[LIMIT_MSG_BYTES];
    struct msg m = {.type = MSG_PROBLEM, .problem = {str_of(big, sizeof big)}};
    struct error err = {0};
    struct buf b;

    buf_init(&b, LIMIT_MSG_BYTES);
    CHECK(!msg_print(&b, &m, &err) && err.kind == ERROR_LIMIT);
    buf_done(&b);
}

/* What no writer of ours makes. */
static void what_is_beyond_its_bounds_is_refused(void)
{
    static struct str items[LIMIT_MSG_LIST + 1];
    struct msg many = {.type = MSG_RESOLVE_ASK, .resolve_ask = {7, {items, LIMIT_MSG_LIST}}};
    struct msg unknown = {.type = MSG_RCPT_TELL, .rcpt_tell = {.error = {ERROR_KINDS, STR("x")}}};
    struct msg one = {.type = MSG_KEYS_START, .nfds = 1}, m;
    uint32_t n = LIMIT_MSG_LIST + 1;
    uint16_t fds = 2;
    struct arena arena;
    struct error err;
    struct buf b;

    arena_init(&arena, 1 << 20);
    buf_init(&b, LIMIT_MSG_BYTES);
    CHECK(msg_print(&b, &many, &err) && msg_parse(test_exact(buf_view(&b)), &arena, &m, &err));
    CHECK_U64(m.resolve_ask.recipients.n, LIMIT_MSG_LIST);
    buf_add(&b, "\0\0\0\0", 4); /* one item more, and one more said */
    memcpy(b.p + 12, &n, sizeof n);
    CHECK(!msg_parse(test_exact(buf_view(&b)), &arena, &m, &err));
    buf_reset(&b);
    many.resolve_ask.recipients.n++;
    CHECK(!msg_print(&b, &many, &err) && err.kind == ERROR_LIMIT);
    buf_done(&b);
    buf_init(&b, LIMIT_MSG_BYTES);
    CHECK(msg_print(&b, &unknown, &err) && !msg_parse(test_exact(buf_view(&b)), &arena, &m, &err));
    b.p[12]--; /* the last kind that there is */
    CHECK(msg_parse(test_exact(buf_view(&b)), &arena, &m, &err));
    buf_reset(&b);
    CHECK(msg_print(&b, &one, &err) && msg_parse(test_exact(buf_view(&b)), &arena, &m, &err));
    memcpy(b.p + 2, &fds, sizeof fds);
    CHECK(!msg_parse(test_exact(buf_view(&b)), &arena, &m, &err));
    buf_done(&b);
    arena_done(&arena);
}

static void random_bytes_are_refused_or_print_as_they_were(void)
{
    char bytes[200];

    for (int i = 0; i < 20000; i++) {
        size_t n = (size_t)random_below(sizeof bytes);
        struct arena arena;
        struct error err;
        struct msg m;
        struct buf b;

        random_bytes(bytes, n);
        if (n > 3) {
            bytes[0] = (char)random_below(MSG_TYPES);
            bytes[1] = bytes[2] = bytes[3] = 0;
        }
        arena_init(&arena, 1 << 20);
        if (msg_parse(test_exact(str_of(bytes, n)), &arena, &m, &err)) {
            buf_init(&b, LIMIT_MSG_BYTES);
            CHECK(msg_print(&b, &m, &err) && str_equal(buf_view(&b), str_of(bytes, n)));
            buf_done(&b);
        }
        arena_done(&arena);
    }
}

static void the_table_says_who_may_send_what(void)
{
    CHECK(msg_allowed(MSG_LOGIN_ASK, ROLE_EDGE_MAIL, ROLE_DIRECTORY));
    CHECK(!msg_allowed(MSG_LOGIN_ASK, ROLE_EDGE_SMTP, ROLE_DIRECTORY));
    CHECK(!msg_allowed(MSG_KEYS_START, ROLE_EDGE_MAIL, ROLE_KEYS));
    CHECK(msg_allowed(MSG_ACCOUNT_KEY, ROLE_KEYS, ROLE_ACCOUNT));
    CHECK(!msg_allowed(MSG_ACCOUNT_KEY, ROLE_KEYS, ROLE_ACCOUNTS));
    /* Messages go only between peers, to and from the supervisor, and over the sockets that the directory has made. */
    for (int type = 1; type < MSG_TYPES; type++) {
        for (unsigned a = 0; a < ROLE_COUNT; a++) {
            for (unsigned b = 0; b < ROLE_COUNT; b++) {
                bool peers = role_row((enum role)(1U << a))->peers & 1U << b;
                bool made = ((1U << a) | (1U << b)) & (ROLE_SUPERVISOR | ROLE_ACCOUNT);

                if (a != b && msg_allowed((enum msg_type)type, 1U << a, 1U << b))
                    CHECK_ROW(peers || made, msg_name((enum msg_type)type));
            }
        }
    }
}

int main(void)
{
    RUN(a_message_comes_out_as_it_went_in);
    RUN(a_cut_or_longer_message_is_refused);
    RUN(a_message_that_is_too_large_is_not_written);
    RUN(what_is_beyond_its_bounds_is_refused);
    RUN(random_bytes_are_refused_or_print_as_they_were);
    RUN(the_table_says_who_may_send_what);
    return test_end();
}
