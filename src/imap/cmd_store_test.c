/* imap/cmd_store_test.c: STORE, EXPUNGE and COPY of more messages than one step takes, with conditions, and beside another session. */
#include "imap/session_int.h"
#include "imap/test_session.h"

static struct test_store store;
static struct test_session one, two;

static void deliver(unsigned n)
{
    struct error err = {0};

    CHECK(store_batch_begin(store.store, &err));
    while (n--)
        test_deliver(&store, "INBOX", STR("Subject: one\r\n\r\nhello\r\n"));
    CHECK(store_batch_commit(store.store, &err));
}

/* Two sessions that have selected INBOX with so many messages in it. */
static void begin(unsigned n)
{
    test_store_open(&store, 0);
    test_session_open(&one, &store);
    test_session_open(&two, &store);
    deliver(n);
    (void)test_say(&one, "a SELECT INBOX\r\n");
    (void)test_say(&two, "a SELECT INBOX\r\n");
}

static void end(void)
{
    test_session_close(&one);
    test_session_close(&two);
    test_store_close(&store);
}

static bool has(struct str got, const char *part)
{
    return str_find(got, str_c(part)) != SIZE_MAX;
}

static size_t times(struct str got, const char *part)
{
    size_t n = 0, at;

    while ((at = str_find(got, str_c(part))) != SIZE_MAX) {
        n++;
        got = str_skip(got, at + 1);
    }
    return n;
}

#define MANY (2 * IMAP_SLICE + 7)

static void very_many_are_copied_and_expunged_by_one_command(void)
{
    struct str got;

    begin(MANY);
    (void)test_say(&one, "b CREATE There\r\nc COPY 1:* There\r\n");
    got = test_say(&one, "d STATUS There (MESSAGES)\r\n");
    CHECK(has(got, "MESSAGES 507"));
    (void)test_say(&one, "e STORE 1:* +FLAGS.SILENT (\\Deleted)\r\n");
    got = test_say(&one, "f EXPUNGE\r\n");
    CHECK_U64(times(got, " EXPUNGE\r\n"), MANY);
    CHECK(str_ends(got, STR("f OK Expunged\r\n")));
    end();
}

/* And by UID the last alone, behind very many that are marked as well. */
static void an_expunge_by_uid_looks_at_all_that_are_marked(void)
{
    begin(MANY);
    (void)test_say(&one, "b STORE 1:* +FLAGS.SILENT (\\Deleted)\r\n");
    test_transcript(&one, "C: c UID EXPUNGE 507\n"
                          "S: * 507 EXPUNGE\n"
                          "S: c OK Expunged\n");
    end();
}

/* One step of a command; what was not taken is in *in. */
static void step(struct test_session *s, struct str *in)
{
    *in = str_skip(*in, imap_session_input(s->session, *in, 0));
}

/* Who has not been told of a message cannot have wished that it goes. */
static void an_expunge_leaves_what_is_marked_behind_it_meanwhile(void)
{
    struct str in = STR("c EXPUNGE\r\n"), got;

    begin(MANY);
    (void)test_say(&one, "b STORE 1:* +FLAGS.SILENT (\\Deleted)\r\n");
    buf_reset(&one.out);
    for (int i = 0; i < 2; i++)
        step(&one, &in);
    CHECK(in.n == 0 && imap_session_busy(one.session));
    deliver(1);
    (void)test_say(&two, "b UID STORE 508 +FLAGS.SILENT (\\Deleted)\r\n");
    while (imap_session_busy(one.session))
        step(&one, &in);
    got = buf_view(&one.out);
    CHECK_U64(times(got, " EXPUNGE\r\n"), MANY);
    CHECK(has(got, "c OK Expunged\r\n"));
    CHECK(has(test_say(&two, "d STATUS INBOX (MESSAGES)\r\n"), "(MESSAGES 1)"));
    end();
}

/* RFC 7162 section 3.1.3: the new MODSEQ is told, also where the flags are not wanted; and from then on with all. */
static void a_condition_brings_modseq_even_where_it_is_silent(void)
{
    struct str got;

    begin(2);
    got = test_say(&one, "b STORE 1 (UNCHANGEDSINCE 1000) +FLAGS.SILENT (\\Seen)\r\n");
    CHECK(has(got, "* 1 FETCH (") && has(got, "MODSEQ (") && has(got, "b OK Stored\r\n"));
    got = test_say(&one, "c STORE 2 +FLAGS (\\Seen)\r\n");
    CHECK(has(got, "* 2 FETCH (") && has(got, "MODSEQ ("));
    got = test_say(&one, "d STORE 2 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Flagged)\r\n");
    CHECK(has(got, "d OK [MODIFIED 2] "));
    end();
}

int main(void)
{
    RUN(very_many_are_copied_and_expunged_by_one_command);
    RUN(an_expunge_by_uid_looks_at_all_that_are_marked);
    RUN(an_expunge_leaves_what_is_marked_behind_it_meanwhile);
    RUN(a_condition_brings_modseq_even_where_it_is_silent);
    return test_end();
}
