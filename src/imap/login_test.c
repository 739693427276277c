/* imap/login_test.c: the half before login, lines in and lines out. */
#include "imap/login.c"

#include "base/test.h"

#include <stdio.h>
#include <string.h>

/* What the owner was asked. */
static struct asked {
    char authzid[100], user[500], password[1100];
    int credentials, starttls, closed;
} asked;

static void copy(char *to, size_t room, struct str s)
{
    CHECK(s.n < room);
    memcpy(to, s.p ? s.p : "", s.n);
    to[s.n] = 0;
}

static void on_credentials(void *arg, struct str authzid, struct str user, struct str password)
{
    (void)arg;
    copy(asked.authzid, sizeof(asked.authzid), authzid);
    copy(asked.user, sizeof(asked.user), user);
    copy(asked.password, sizeof(asked.password), password);
    asked.credentials++;
}

static void on_starttls(void *arg)
{
    (void)arg;
    asked.starttls++;
}

static void on_close(void *arg)
{
    (void)arg;
    asked.closed++;
}

static const struct imap_login_ops ops = {on_credentials, on_starttls, on_close};
static struct imap_login *login;
static struct buf out;

static void begin(bool tls, bool starttls)
{
    struct imap_login_config config = {.starttls = starttls, .tls = tls};
    memset(&asked, 0, sizeof(asked));
    buf_init(&out, 1 << 20);
    login = imap_login_create(&config, &ops, NULL, &out);
}

static void end(void)
{
    imap_login_destroy(login);
    buf_done(&out);
}

static size_t say(const char *in)
{
    struct str exact = test_exact(str_c(in));
    buf_reset(&out);
    return imap_login_input(login, exact);
}

static void the_greeting_says_what_is_offered(void)
{
    begin(false, true);
    imap_login_greet(login, NULL);
    CHECK_STR(buf_view(&out), STR("* OK [CAPABILITY IMAP4rev1 LITERAL+ ID STARTTLS "
                                  "LOGINDISABLED SASL-IR ENABLE IDLE] Posthus is ready\r\n"));
    say("a LOGIN ada secret\r\n");
    CHECK_STR(buf_view(&out), STR("a NO [PRIVACYREQUIRED] Passwords are taken over TLS only; use "
                                  "STARTTLS\r\n"));
    CHECK_U64(asked.credentials, 0);
    say("b STARTTLS\r\n");
    CHECK_STR(buf_view(&out), STR("b OK Begin TLS now\r\n"));
    CHECK_U64(asked.starttls, 1);
    CHECK_U64(say("c NOOP\r\n"), 0);
    imap_login_tls_ready(login);
    say("d CAPABILITY\r\n");
    CHECK_STR(buf_view(&out), STR("* CAPABILITY IMAP4rev1 LITERAL+ ID SASL-IR AUTH=PLAIN "
                                  "ENABLE IDLE\r\nd OK Done\r\n"));
    say("e STARTTLS\r\n");
    CHECK_STR(buf_view(&out), STR("e BAD TLS is active already\r\n"));
    end();
}

static const struct login_case {
    const char *name, *input, *authzid, *user, *password;
} login_cases[] = {
    {"atoms", "a LOGIN ada secret\r\n", "", "ada", "secret"},
    {"quoted", "a login \"ada@a.test\" \"s e c\"\r\n", "", "ada@a.test", "s e c"},
    {"escapes", "a LOGIN ada \"a\\\"b\\\\c\"\r\n", "", "ada", "a\"b\\c"},
    {"literals", "a LOGIN {3+}\r\nada {6+}\r\nse\r\net\r\n", "", "ada", "se\r\net"},
    {"an empty line before", "\r\na LOGIN ada x\r\n", "", "ada", "x"},
    {"an empty password", "a LOGIN ada \"\"\r\n", "", "ada", ""},
    {"PLAIN with initial response", "a AUTHENTICATE PLAIN AGFkYQBzZWNyZXQ=\r\n", "", "ada",
     "secret"},
    {"PLAIN with authzid", "a AUTHENTICATE plain ZXZlAGFkYQBzZWNyZXQ=\r\n", "eve", "ada", "secret"},
    {"PLAIN in two lines", "a AUTHENTICATE PLAIN\r\nAGFkYQBzZWNyZXQ=\r\n", "", "ada", "secret"},
    {"bare LF", "a LOGIN ada secret\n", "", "ada", "secret"},
};

static void credentials_are_handed_over(void)
{
    for (size_t i = 0; i < ARRAY_LEN(login_cases); i++) {
        const struct login_case *c = &login_cases[i];
        begin(true, false);
        say(c->input);
        CHECK_ROW(asked.credentials == 1, c->name);
        CHECK_ROW(imap_login_waiting(login), c->name);
        CHECK_ROW(strcmp(asked.authzid, c->authzid) == 0, c->name);
        CHECK_ROW(strcmp(asked.user, c->user) == 0, c->name);
        CHECK_ROW(strcmp(asked.password, c->password) == 0, c->name);
        CHECK_STR(imap_login_tag(login), STR("a"));
        end();
    }
}

static void what_follows_login_waits_for_the_account(void)
{
    struct error denied = {.kind = ERROR_DENIED};
    begin(true, false);
    CHECK_U64(say("a LOGIN ada wrong\r\nb NOOP\r\n"), 19);
    CHECK_U64(out.n, 0);
    imap_login_answer(login, &denied);
    CHECK_STR(buf_view(&out), STR("a NO [AUTHENTICATIONFAILED] Wrong user name or password\r\n"));
    CHECK_U64(say("b LOGIN ada right\r\nc SELECT INBOX\r\n"), 19);
    imap_login_answer(login, NULL);
    CHECK_U64(out.n, 0);
    CHECK_STR(imap_login_tag(login), STR("b"));
    CHECK_U64(say("c SELECT INBOX\r\n"), 0);
    end();
}

static void authenticate_can_be_given_up(void)
{
    begin(true, false);
    say("a AUTHENTICATE PLAIN\r\n");
    CHECK_STR(buf_view(&out), STR("+ \r\n"));
    say("*\r\nb AUTHENTICATE PLAIN !!!\r\n");
    CHECK(str_starts(buf_view(&out), STR("a BAD Given up\r\nb BAD")));
    say("c AUTHENTICATE CRAM-MD5\r\nd NOOP\r\n");
    CHECK_STR(buf_view(&out), STR("c NO [CANNOT] Only PLAIN is offered\r\nd OK Done\r\n"));
    CHECK_U64(asked.credentials, 0);
    end();
}

static void other_protocols_are_closed_at_once(void)
{
    static const char *const requests[] = {"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "POST /a HTTP/1.0\r\n", "EHLO a.test\r\n",
                                           "OPTIONS * HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        begin(true, false);
        say(requests[i]);
        CHECK_ROW(asked.closed == 1, requests[i]);
        CHECK_STR(buf_view(&out), STR("* BYE This is an IMAP server\r\n"));
        CHECK_U64(say("a NOOP\r\n"), 0);
        end();
    }
}

static void three_unknown_commands_are_the_last(void)
{
    begin(true, false);
    say("a FOO\r\nb BAR\r\n");
    CHECK_U64(asked.closed, 0);
    say("c\r\n");
    CHECK_U64(asked.closed, 1);
    end();
}

static void limits_hold_before_login(void)
{
    struct buf in;
    buf_init(&in, 1 << 20);
    begin(true, false);
    say("a LOGIN {9000}\r\n");
    CHECK_STR(buf_view(&out), STR("a BAD That is too large before login\r\n"));
    say("b NOOP\r\n");
    CHECK_STR(buf_view(&out), STR("b OK Done\r\n"));
    say("a LOGIN ada {8000+}\r\n");
    for (int i = 0; i < 8000; i++)
        buf_char(&in, 'x');
    buf_c(&in, " {8000+}\r\n");
    buf_reset(&out);
    (void)imap_login_input(login, buf_view(&in));
    CHECK_STR(buf_view(&out), STR("a BAD That is too large before login\r\n"));
    CHECK_U64(asked.credentials, 0);
    end();

    buf_done(&in);
}

/* A line that is too long is refused with its tag and passed over, up to a point. */
static void a_line_that_is_too_long_is_passed_over(void)
{
    static const char *const heads[] = {"a ID (\"name\" \"", "a LOGIN ada ", "a "};
    struct buf in;
    buf_init(&in, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        buf_reset(&in);
        buf_c(&in, heads[i]);
        while (in.n < 20000)
            buf_char(&in, 'x');
        buf_c(&in, "\")\r\nb NOOP\r\n");
        for (size_t piece = 1; piece <= in.n; piece = piece * 10 + 7) {
            begin(true, false);
            for (size_t at = 0; at < in.n; at += piece)
                (void)imap_login_input(login, test_exact(str_sub(buf_view(&in), at, piece)));
            CHECK_STR(buf_view(&out), STR("a BAD That line is too long before login\r\n"
                                          "b OK Done\r\n"));
            CHECK_U64(asked.closed, 0);
            end();
        }
    }
    begin(true, false);
    say("a AUTHENTICATE PLAIN\r\n");
    buf_reset(&in);
    while (in.n < 20000)
        buf_char(&in, 'x');
    buf_c(&in, "\r\nb NOOP\r\n");
    buf_reset(&out);
    (void)imap_login_input(login, buf_view(&in));
    CHECK_STR(buf_view(&out), STR("a BAD That line is too long before login\r\nb OK Done\r\n"));
    end();

    begin(true, false);
    for (int i = 0; i < 4; i++) /* what is passed over has a limit, whichever way it comes */
        say("a ID {30000+}\r\n"), (void)imap_login_input(login, buf_view(&in));
    CHECK_U64(asked.closed, 1);
    CHECK(str_ends(buf_view(&out), STR("* BYE That is too much before login\r\n")));
    end();
    buf_done(&in);
}

/* RFC 2971 section 3.3 */
static void id_has_its_limits(void)
{
    static const struct {
        size_t fields, name, value;
        const char *answer;
    } rows[] = {
        {1, 30, 1024, "a OK Done\r\n"},
        {30, 30, 100, "a OK Done\r\n"},
        {31, 1, 1, "a BAD ID has at most 30 fields\r\n"},
        {1, 31, 1, "a BAD a field of ID has a name of at most 30 octets\r\n"},
        {1, 1, 1025, "a BAD a field of ID has a value of at most 1024 octets\r\n"},
        {1, 4000, 1, "a BAD a field of ID has a name of at most 30 octets\r\n"},
    };
    struct buf in;
    buf_init(&in, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_reset(&in);
        buf_c(&in, "a ID (");
        for (size_t n = 0; n < rows[i].fields; n++) {
            buf_printf(&in, "%s\"%0*d\" ", n ? " " : "", (int)rows[i].name, 0);
            if (i % 2)
                buf_printf(&in, "\"%0*d\"", (int)rows[i].value, 0);
            else
                buf_printf(&in, "{%zu+}\r\n%0*d", rows[i].value, (int)rows[i].value, 0);
        }
        buf_c(&in, ")\r\nb NOOP\r\n");
        begin(true, false);
        (void)imap_login_input(login, test_exact(buf_view(&in)));
        struct str got = buf_view(&out);
        if (str_starts(got, STR("* ID")))
            got = str_skip(got, str_find_char(got, '\n') + 1);
        CHECK_ROW(str_starts(got, str_c(rows[i].answer)), rows[i].answer);
        CHECK_STR(str_skip(got, strlen(rows[i].answer)), STR("b OK Done\r\n"));
        CHECK_U64(asked.closed, 0);
        end();
    }
    buf_done(&in);
}

static void twenty_bad_commands_are_the_last(void)
{
    begin(true, false);
    for (int i = 0; i < LIMIT_IMAP_BAD_COMMANDS; i++)
        say("a SELECT INBOX\r\n");
    CHECK_U64(asked.closed, 1);
    end();
}

/* A connection that never logs in may not be kept busy for nothing. */
static void commands_before_login_are_counted(void)
{
    static const char *const lines[] = {"a NOOP\r\n", "a CAPABILITY\r\n", "a ID NIL\r\n", "\r\n",
                                        "a AUTHENTICATE CRAM-MD5\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        begin(true, false);
        for (int n = 0; n < LIMIT_IMAP_PRELOGIN_COMMANDS; n++)
            say(lines[i]);
        CHECK_ROW(asked.closed == 0, lines[i]);
        say(lines[i]);
        CHECK_ROW(asked.closed == 1, lines[i]);
        CHECK_STR(buf_view(&out), STR("* BYE Too many commands before login; connect again\r\n"));
        CHECK_U64(say("a NOOP\r\n"), 0);
        end();
    }
}

/* Wrong passwords are commands as well, and so is a right one. */
static void the_last_command_before_login_may_be_login(void)
{
    struct error denied = {.kind = ERROR_DENIED};
    for (int wrong = LIMIT_IMAP_PRELOGIN_COMMANDS - 1; wrong <= LIMIT_IMAP_PRELOGIN_COMMANDS;
         wrong++) {
        begin(true, false);
        for (int i = 0; i < wrong; i++) {
            say("a LOGIN ada wrong\r\n");
            imap_login_answer(login, &denied);
        }
        say("a LOGIN ada right\r\n");
        CHECK(imap_login_waiting(login) == (wrong < LIMIT_IMAP_PRELOGIN_COMMANDS));
        CHECK_U64(asked.closed, wrong == LIMIT_IMAP_PRELOGIN_COMMANDS);
        end();
    }
}

/* The same bytes in pieces of any size mean the same. */
static void pieces_do_not_matter(void)
{
    static const char text[] =
        "a CAPABILITY\r\nb ID (\"name\" \"x\")\r\nc LOGIN {3}\r\nada \"p\"\r\n";
    struct buf whole;
    buf_init(&whole, 1 << 16);
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        begin(true, false);
        for (size_t at = 0; at + 1 < sizeof(text); at += piece)
            (void)imap_login_input(login, test_exact(str_sub(str_c(text), at, piece)));
        CHECK_U64(asked.credentials, 1);
        if (piece == 1)
            buf_str(&whole, buf_view(&out));
        CHECK_STR(buf_view(&out), buf_view(&whole));
        end();
    }
    buf_done(&whole);
}

static void logout_says_bye(void)
{
    begin(true, false);
    say("a ID NIL\r\nb LOGOUT\r\nc NOOP\r\n");
    CHECK_STR(buf_view(&out), STR("* ID (\"name\" \"Posthus\")\r\na OK Done\r\n* BYE Goodbye\r\n"
                                  "b OK Logged out\r\n"));
    CHECK_U64(asked.closed, 1);
    end();
}

int main(void)
{
    RUN(the_greeting_says_what_is_offered);
    RUN(credentials_are_handed_over);
    RUN(what_follows_login_waits_for_the_account);
    RUN(authenticate_can_be_given_up);
    RUN(other_protocols_are_closed_at_once);
    RUN(three_unknown_commands_are_the_last);
    RUN(limits_hold_before_login);
    RUN(a_line_that_is_too_long_is_passed_over);
    RUN(id_has_its_limits);
    RUN(twenty_bad_commands_are_the_last);
    RUN(commands_before_login_are_counted);
    RUN(the_last_command_before_login_may_be_login);
    RUN(pieces_do_not_matter);
    RUN(logout_says_bye);
    return test_end();
}
