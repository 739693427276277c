/* imap/login.c: the half before login, in the edge. It has one small budget for everything, wipes
 * what held a password, and closes at once on what is no IMAP (ALPACA: a browser's request must
 * find nobody who answers).
 *
 *     READY    commands                                  -> WAITING, AUTHENTICATING, TLS, CLOSED
 *     AUTHENTICATING  the line with the credentials      -> WAITING, READY
 *     WAITING  the owner checks credentials; no input    -> READY, or LOGGED_IN
 *     TLS      the owner makes the stream a TLS one      -> READY
 *     CLOSED, LOGGED_IN   nothing is taken any more
 */
#include "imap/session_int.h"

#include "base/encode.h"
#include "base/limits.h"

#define UNKNOWN_MAX 3 /* commands that do not exist: another protocol talks */

enum login_state {
    LOGIN_READY,
    LOGIN_AUTHENTICATING,
    LOGIN_WAITING,
    LOGIN_TLS,
    LOGIN_CLOSED,
    LOGIN_LOGGED_IN,
};

struct imap_login {
    struct imap_login_config config;
    const struct imap_login_ops *ops;
    void *arg;
    struct buf *out;
    struct imap_reader reader;
    enum login_state state;
    struct arena arena;           /* of the running command */
    struct buf tag;               /* of the command that logs in */
    unsigned lines, unknown, bad; /* taken so far; of them no commands, and wrong ones */
    size_t skipped;               /* octets that were passed over */
};

struct imap_login *imap_login_create(const struct imap_login_config *config,
                                     const struct imap_login_ops *ops, void *arg, struct buf *out)
{
    struct imap_login *l = mem_zalloc(sizeof(*l));
    l->config = *config;
    l->ops = ops;
    l->arg = arg;
    l->out = out;
    imap_reader_init(&l->reader, LIMIT_IMAP_PRELOGIN, LIMIT_IMAP_PRELOGIN, true);
    arena_init(&l->arena, 4 * LIMIT_IMAP_PRELOGIN);
    buf_init(&l->tag, LIMIT_IMAP_PRELOGIN);
    return l;
}

void imap_login_destroy(struct imap_login *l)
{
    if (!l)
        return;
    imap_reader_done(&l->reader);
    arena_done(&l->arena);
    buf_done(&l->tag);
    mem_free(l);
}

struct str imap_login_tag(const struct imap_login *l)
{
    return buf_view(&l->tag);
}

bool imap_login_waiting(const struct imap_login *l)
{
    return l->state == LOGIN_WAITING;
}

/* ---- answers ---- */

static bool login_ok(const struct imap_login *l)
{
    return l->config.tls || l->config.plain_ok;
}

static void write_capability(struct imap_login *l, struct buf *out)
{
    struct imap_offer offer = {
        .login = true,
        .starttls = l->config.starttls && !l->config.tls,
        .login_ok = login_ok(l),
    };
    imap_write_capability(out, &offer);
}

static void answer_login(struct imap_login *l, const char *status, const char *code,
                         const char *words)
{
    imap_write_status(l->out, buf_view(&l->tag), status, str_c(code), str_c(words));
}

void imap_login_end(struct imap_login *l, const char *words)
{
    if (l->state == LOGIN_CLOSED)
        return;
    imap_write_status(l->out, STR("*"), "BYE", STR_NULL, str_c(words));
    l->state = LOGIN_CLOSED;
    l->ops->close(l->arg);
}

void imap_login_greet(struct imap_login *l, const struct error *refusal)
{
    struct buf code;
    if (refusal) {
        imap_login_end(l, refusal->text);
        return;
    }
    buf_init(&code, 2000);
    write_capability(l, &code);
    imap_write_status(l->out, STR("*"), "OK", buf_view(&code), STR("Posthus is ready"));
    buf_done(&code);
}

static void bad_command(struct imap_login *l, const char *words)
{
    answer_login(l, "BAD", "", words);
    if (++l->bad >= LIMIT_IMAP_BAD_COMMANDS)
        imap_login_end(l, "Too many commands that make no sense");
}

/* The one way in which the arguments of a command end, or fail; then it is answered. */
static bool arguments_end(struct imap_login *l, struct imap_parse *p)
{
    imap_take_end(p);
    if (p->c.failed)
        bad_command(l, p->c.err.text);
    return !p->c.failed;
}

/* ---- commands ---- */

void imap_login_capability(struct imap_login *l, struct imap_parse *p)
{
    if (!arguments_end(l, p))
        return;
    buf_c(l->out, "* ");
    write_capability(l, l->out);
    buf_c(l->out, "\r\n");
    answer_login(l, "OK", "", "Done");
}

void imap_login_noop(struct imap_login *l, struct imap_parse *p)
{
    if (arguments_end(l, p))
        answer_login(l, "OK", "", "Done");
}

void imap_login_logout(struct imap_login *l, struct imap_parse *p)
{
    if (!arguments_end(l, p))
        return;
    imap_write_status(l->out, STR("*"), "BYE", STR_NULL, STR("Goodbye"));
    answer_login(l, "OK", "", "Logged out");
    l->state = LOGIN_CLOSED;
    l->ops->close(l->arg);
}

void imap_login_id(struct imap_login *l, struct imap_parse *p)
{
    imap_take_sp(p);
    imap_take_id(p);
    if (!arguments_end(l, p))
        return;
    buf_c(l->out, "* ID (\"name\" \"Posthus\")\r\n");
    answer_login(l, "OK", "", "Done");
}

void imap_login_starttls(struct imap_login *l, struct imap_parse *p)
{
    if (!arguments_end(l, p))
        return;
    if (l->config.tls || !l->config.starttls) {
        bad_command(l, l->config.tls ? "TLS is active already" : "STARTTLS is not offered here");
        return;
    }
    answer_login(l, "OK", "", "Begin TLS now");
    l->state = LOGIN_TLS;
    l->ops->starttls(l->arg);
}

/* What came in the clear after STARTTLS is dropped by the stream; nothing from before counts any more
 * (RFC 9051 section 6.2.1). */
void imap_login_tls_ready(struct imap_login *l)
{
    l->config.tls = true;
    l->state = LOGIN_READY;
    imap_reader_next(&l->reader);
}

static void check_credentials(struct imap_login *l, struct str authzid, struct str user,
                              struct str password)
{
    if (user.n == 0 || user.n > LIMIT_USER_NAME || password.n > LIMIT_PASSWORD) {
        answer_login(l, "NO", "AUTHENTICATIONFAILED", "Wrong user name or password");
        return;
    }
    l->state = LOGIN_WAITING;
    l->ops->credentials(l->arg, authzid, user, password);
}

static bool may_log_in(struct imap_login *l)
{
    if (!login_ok(l))
        answer_login(l, "NO", "PRIVACYREQUIRED", "Passwords are taken over TLS only; use STARTTLS");
    return login_ok(l);
}

/* A password that had to be unquoted lies in the arena; elsewhere it is a part of the command,
 * which the reader wipes. */
static void wipe_secret(struct str s)
{
    mem_wipe((char *)s.p, s.n);
}

void imap_login_login(struct imap_login *l, struct imap_parse *p)
{
    imap_take_sp(p);
    struct str user = imap_take_astring(p);
    imap_take_sp(p);
    struct str password = imap_take_astring(p);
    if (arguments_end(l, p) && may_log_in(l))
        check_credentials(l, STR_NULL, user, password);
    wipe_secret(password);
}

/* PLAIN: [authzid] NUL authcid NUL password (RFC 4616 section 2), in base64. */
static void check_plain(struct imap_login *l, struct str base64)
{
    struct buf plain;
    struct str authzid, user, password;
    buf_init(&plain, LIMIT_SASL_LINE);
    bool ok = str_equal(base64, STR("=")) || base64_parse(&plain, base64, NULL);
    if (ok && str_cut(buf_view(&plain), 0, &authzid, &user) && str_cut(user, 0, &user, &password) &&
        str_find_char(password, 0) == SIZE_MAX)
        check_credentials(l, authzid, user, password);
    else
        bad_command(l, "The credentials are not those of PLAIN in base64 (RFC 4616)");
    buf_done_wipe(&plain);
}

void imap_login_authenticate(struct imap_login *l, struct imap_parse *p)
{
    imap_take_sp(p);
    struct str mechanism = imap_take_atom(p), initial = STR_NULL;
    bool has_initial = imap_accept_sp(p); /* RFC 4959 section 3 */
    if (has_initial)
        initial = cursor_while(&p->c, imap_is_astring_char, SIZE_MAX);
    if (!arguments_end(l, p) || !may_log_in(l))
        return;
    if (!str_equal_nocase(mechanism, STR("PLAIN"))) {
        answer_login(l, "NO", "CANNOT", "Only PLAIN is offered");
        return;
    }
    if (has_initial) {
        check_plain(l, initial);
        return;
    }
    buf_c(l->out, "+ \r\n");
    l->state = LOGIN_AUTHENTICATING;
}

static void take_credentials(struct imap_login *l)
{
    struct str line = str_trim(imap_reader_command(&l->reader));
    l->state = LOGIN_READY;
    if (str_equal(line, STR("*")))
        bad_command(l, "Given up"); /* RFC 9051 section 6.2.2 */
    else
        check_plain(l, line);
}

void imap_login_answer(struct imap_login *l, const struct error *err)
{
    if (l->state != LOGIN_WAITING)
        return;
    if (!err) {
        l->state = LOGIN_LOGGED_IN;
        return;
    }
    l->state = LOGIN_READY;
    if (err->kind == ERROR_DENIED)
        answer_login(l, "NO", "AUTHENTICATIONFAILED",
                     err->text[0] ? err->text : "Wrong user name or password");
    else
        imap_write_error(l->out, buf_view(&l->tag), err, NULL);
}

/* ---- input ---- */

/* The first word of a request of another protocol (ALPACA, 2021). */
static bool is_other_protocol(struct str text)
{
    static const char *const words[] = {"GET ",     "POST ",   "HEAD ",  "PUT ",   "OPTIONS ",
                                        "CONNECT ", "DELETE ", "TRACE ", "PATCH ", "PRI ",
                                        "EHLO ",    "HELO ",   "SSH-",   "USER ",  "\x16\x03"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_starts(text, str_c(words[i])))
            return true;
    return false;
}

static void keep_tag(struct imap_login *l, struct imap_parse *p)
{
    struct str tag = imap_take_tag(p);
    buf_reset(&l->tag);
    buf_str(&l->tag, tag.n > 0 ? tag : STR("*"));
}

static void unknown_command(struct imap_login *l)
{
    answer_login(l, "BAD", "", "There is no such command, or only after login");
    if (++l->unknown >= UNKNOWN_MAX)
        imap_login_end(l, "This is an IMAP server");
}

static void run_command(struct imap_login *l)
{
    struct imap_parse p;
    imap_parse_init(&p, imap_reader_command(&l->reader), &l->arena, false);
    keep_tag(l, &p);
    imap_take_sp(&p);
    struct str word = imap_take_command(&p);
    if (p.c.failed) {
        unknown_command(l);
        return;
    }
    const struct imap_command *c = imap_command_find(word);
    if (!c)
        unknown_command(l);
    else if (!c->login)
        bad_command(l, "Log in first");
    else
        c->login(l, &p);
}

static void command_complete(struct imap_login *l)
{
    if (++l->lines > LIMIT_IMAP_PRELOGIN_COMMANDS)
        imap_login_end(l, "Too many commands before login; connect again");
    else if (l->state == LOGIN_AUTHENTICATING)
        take_credentials(l);
    else if (is_other_protocol(imap_reader_command(&l->reader)))
        imap_login_end(l, "This is an IMAP server");
    else if (str_trim(imap_reader_command(&l->reader)).n > 0)
        run_command(l);
    imap_reader_next(&l->reader);
    arena_done(&l->arena);
}

/* The command that has begun is refused, and what follows of it passed over. */
static void refuse_command(struct imap_login *l, const char *words)
{
    struct imap_parse p;
    if (l->state == LOGIN_READY) { /* else it is the line that AUTHENTICATE waits for */
        imap_parse_init(&p, imap_reader_command(&l->reader), &l->arena, false);
        keep_tag(l, &p);
    }
    l->state = LOGIN_READY;
    bad_command(l, words);
    arena_done(&l->arena);
}

static void literal_announced(struct imap_login *l)
{
    if (l->state == LOGIN_READY && imap_reader_fits(&l->reader)) {
        bool sync = l->reader.sync;
        imap_reader_accept(&l->reader);
        if (sync)
            imap_write_status(l->out, STR("+"), "Ready", STR_NULL, STR("for literal data"));
        return;
    }
    imap_reader_refuse(&l->reader);
    refuse_command(l, "That is too large before login");
}

size_t imap_login_input(struct imap_login *l, struct str bytes)
{
    size_t all = 0;
    while ((l->state == LOGIN_READY || l->state == LOGIN_AUTHENTICATING) && all < bytes.n) {
        size_t used;
        bool skips = imap_reader_skips(&l->reader);
        enum imap_read event = imap_reader_feed(&l->reader, str_skip(bytes, all), &used);
        all += used;
        l->skipped += skips ? used : 0;
        if (l->skipped > LIMIT_IMAP_PRELOGIN_SKIPPED)
            imap_login_end(l, "That is too much before login");
        else if (event == IMAP_READ_COMMAND)
            command_complete(l);
        else if (event == IMAP_READ_LITERAL)
            literal_announced(l);
        else if (event == IMAP_READ_TOO_LONG)
            refuse_command(l, "That line is too long before login");
    }
    return all;
}
