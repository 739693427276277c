/* imap/test_session.h: for tests: sessions on a real store, whose lines are compared. */
#ifndef IMAP_TEST_SESSION_H
#define IMAP_TEST_SESSION_H

#include "imap/session.h"
#include "store/test_store.h"

struct test_session {
    struct imap_session *session;
    struct buf out;
};

static inline void test_session_open(struct test_session *t, struct test_store *store)
{
    struct imap_session_config config = {.user = STR("ada"), .actor = STR("session:test")};
    buf_init(&t->out, 16 << 20);
    t->session = imap_session_create(store->store, &config, &t->out);
}

static inline void test_session_close(struct test_session *t)
{
    imap_session_destroy(t->session);
    buf_done(&t->out);
}

/* Gives bytes and everything that comes back, as a slice that is valid until the next call. */
static inline struct str test_say_str(struct test_session *t, struct str in)
{
    buf_reset(&t->out);
    size_t used = 0;
    while ((used < in.n || imap_session_busy(t->session)) && !imap_session_done(t->session))
        used += imap_session_input(t->session, str_skip(in, used), clock_boot_us() + 1000000);
    return buf_view(&t->out);
}

static inline struct str test_say(struct test_session *t, const char *in)
{
    return test_say_str(t, str_c(in));
}

/* A line against a pattern: '#' stands for digits, the rest for itself. */
static inline bool test_line_is(struct str line, struct str pattern)
{
    size_t at = 0;
    for (size_t i = 0; i < pattern.n; i++) {
        size_t digits = at;
        if (pattern.p[i] != '#') {
            if (at >= line.n || line.p[at++] != pattern.p[i])
                return false;
            continue;
        }
        while (at < line.n && ascii_digit(line.p[at]))
            at++;
        if (at == digits)
            return false;
    }
    return at == line.n;
}

/* Compares what came with the "S: " lines at the beginning of script; returns what follows them. */
static inline struct str test_expect(struct str got, struct str script)
{
    struct str line, want, rest;
    while (str_starts(script, STR("S: ")) && str_cut(script, '\n', &want, &rest)) {
        script = rest;
        want = str_skip(want, 3);
        bool there = str_cut(got, '\n', &line, &got);
        if (there && str_ends(line, STR("\r")))
            line.n--;
        if (!CHECK_ROW(there && test_line_is(line, want), "a line of the transcript"))
            fprintf(stderr, "  want %.*s\n  got  %.*s\n", STR_ARG(want), there ? (int)line.n : 9,
                    there ? line.p : "(nothing)");
    }
    if (!CHECK_ROW(got.n == 0, "the transcript ends where the output does"))
        fprintf(stderr, "  more: %.*s\n", STR_ARG(got));
    return script;
}

/* Runs a transcript: "C: " lines go in (CRLF is added), then all "S: " lines must come out and
 * nothing else. */
static inline void test_transcript(struct test_session *t, const char *text)
{
    struct str script = str_c(text), line, rest;
    struct buf in;
    buf_init(&in, 1 << 20);
    while (script.n > 0) {
        buf_reset(&in);
        while (str_starts(script, STR("C: ")) && str_cut(script, '\n', &line, &rest)) {
            buf_str(&in, str_skip(line, 3));
            buf_c(&in, "\r\n");
            script = rest;
        }
        script = test_expect(test_say_str(t, buf_view(&in)), script);
        if (script.n > 0 && !str_starts(script, STR("C: "))) {
            CHECK_ROW(false, "a transcript has C: and S: lines");
            break;
        }
    }
    buf_done(&in);
}

#endif
