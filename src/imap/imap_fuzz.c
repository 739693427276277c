/* imap/imap_fuzz.c: any bytes in any pieces give both halves the answers that they give in one
 * piece, and what is answered is IMAP: lines of printable characters that end with CRLF, and
 * literals of the length they say. The first byte chooses the half, the second the pieces.
 *
 * The session runs on a real account that is opened once; each input's changes are one batch that
 * is given up. */
#include "imap/session.h"

#include "base/clock.h"
#include "base/limits.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t constant_us(void)
{
    return INT64_C(1795526246) * 1000000;
}

/* ---- what is answered ---- */

/* The literal that a line announces, or SIZE_MAX. */
static size_t announced(struct str line)
{
    uint64_t n;
    size_t open = str_rfind_char(line, '{');
    if (open == SIZE_MAX || !str_ends(line, STR("}")) ||
        !str_to_u64(str_sub(line, open + 1, line.n - open - 2), UINT32_MAX, &n))
        return SIZE_MAX;
    return (size_t)n;
}

/* resp-text may end with "{5}" too: only lines that carry data are looked at. */
static bool carries_data(struct str line, bool goes_on)
{
    return goes_on || (str_starts(line, STR("* ")) && !str_starts(line, STR("* OK")) &&
                       !str_starts(line, STR("* BAD")) && !str_starts(line, STR("* BYE")));
}

static void check_line(struct str line, bool utf8)
{
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        if (c < ' ' || c == 127 || (c > 127 && !utf8))
            panic("a line holds byte %d", c);
    }
}

static void check_answer(struct str out)
{
    bool goes_on = false, utf8 = str_find(out, STR("* ENABLED")) != SIZE_MAX;
    while (out.n > 0) {
        size_t lf = str_find_char(out, '\n');
        if (lf == SIZE_MAX || lf == 0 || out.p[lf - 1] != '\r')
            panic("an answer is no line");
        struct str line = str_sub(out, 0, lf - 1);
        out = str_skip(out, lf + 1);
        check_line(line, utf8);
        size_t n = carries_data(line, goes_on) ? announced(line) : SIZE_MAX;
        goes_on = n != SIZE_MAX;
        if (goes_on && n > out.n)
            panic("a literal is shorter than it says");
        if (goes_on)
            out = str_skip(out, n);
    }
}

/* ---- before login ---- */

struct owner {
    struct imap_login *login;
    int credentials, starttls, closed;
};

static void on_credentials(void *arg, struct str authzid, struct str user, struct str password)
{
    struct owner *o = arg;
    if (user.n == 0 || user.n > LIMIT_USER_NAME || password.n > LIMIT_PASSWORD ||
        authzid.n > LIMIT_IMAP_PRELOGIN)
        panic("credentials are over their limits");
    o->credentials++;
}

static void on_starttls(void *arg)
{
    ((struct owner *)arg)->starttls++;
}

static void on_close(void *arg)
{
    ((struct owner *)arg)->closed++;
}

static void run_login(struct str in, size_t piece, bool tls, struct buf *out)
{
    static const struct imap_login_ops ops = {on_credentials, on_starttls, on_close};
    struct imap_login_config config = {.starttls = true, .tls = tls};
    struct error denied = {.kind = ERROR_DENIED};
    struct owner o = {0};
    o.login = imap_login_create(&config, &ops, &o, out);
    imap_login_greet(o.login, NULL);
    while (in.n > 0 && o.closed == 0) {
        size_t used = imap_login_input(o.login, str_sub(in, 0, piece));
        in = str_skip(in, used);
        if (imap_login_waiting(o.login))
            imap_login_answer(o.login, &denied);
        else if (o.starttls > 0)
            break;
        else if (used == 0 && o.closed == 0)
            panic("the login takes nothing and waits for nothing");
    }
    imap_login_destroy(o.login);
}

/* ---- after login ---- */

static const char *const mails[] = {
    "From: Ada <ada@a.test>\r\nTo: bob@b.test\r\nSubject: =?utf-8?q?H=C3=A9llo?=\r\n"
    "Date: Tue, 24 Nov 2026 13:17:26 +0000\r\nMessage-ID: <1@a.test>\r\n\r\nGood morning\r\n",
    "Subject: Parts\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nfirst\r\n--x\r\n"
    "Content-Type: message/rfc822\r\n\r\nSubject: Inner\r\n\r\ninner\r\n--x--\r\n",
    "\r\n",
};

static struct store *open_store(void)
{
    static struct db_source source;
    struct store_config config = {0};
    struct store *store;
    struct error err = {0};
    char folder[] = "/tmp/imap_fuzz.XXXXXX", id[8];
    if (!mkdtemp(folder))
        fatal("no temporary folder");
    int at = open(folder, O_RDONLY | O_DIRECTORY);
    source.db_fd = openat(at, "db", O_RDWR | O_CREAT, 0600);
    source.wal_fd = openat(at, "wal", O_RDWR | O_CREAT, 0600);
    source.blob_fd = -1;
    source.generation = 1;
    unlinkat(at, "db", 0);
    unlinkat(at, "wal", 0);
    rmdir(folder);
    if (!store_open(&store, &source, &config, &err))
        fatal("the store does not open: %s", err.text);
    for (int i = 0; i < 9; i++) {
        snprintf(id, sizeof(id), "t%d", i);
        struct store_delivery d = {.transaction = str_c(id),
                                   .bytes = str_c(mails[i % 3]),
                                   .received_us = constant_us() - i * INT64_C(86400000000),
                                   .actor = STR("fuzz")};
        if (!store_deliver(store, &d, NULL, &err))
            fatal("the delivery failed: %s", err.text);
    }
    return store;
}

static void run_session(struct store *store, struct str in, size_t piece, struct buf *out)
{
    struct imap_session_config config = {
        .user = STR("u"), .login_tag = STR("t"), .actor = STR("session:fuzz")};
    if (!store_batch_begin(store, NULL))
        panic("no batch");
    struct imap_session *s = imap_session_create(store, &config, out);
    while ((in.n > 0 || imap_session_busy(s)) && !imap_session_done(s) &&
           out->n < LIMIT_IMAP_OUTPUT) {
        struct str now = str_sub(in, 0, piece);
        size_t used = imap_session_input(s, now, INT64_MAX);
        if (used == 0 && now.n > 0 && !imap_session_busy(s) && !imap_session_done(s))
            panic("the session takes nothing and is not busy");
        in = str_skip(in, used);
    }
    imap_session_destroy(s);
    store_batch_abort(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct store *store;
    static const struct clock_source clock = {constant_us, constant_us};
    struct buf whole, pieces;
    if (size < 2)
        return 0;
    if (!store) {
        clock_set_source(&clock);
        store = open_store();
    }
    struct str in = str_of(data + 2, size - 2);
    size_t piece = data[1] % 32 + 1u;
    buf_init(&whole, 8 << 20);
    buf_init(&pieces, 8 << 20);
    if (data[0] % 4 < 2) {
        run_login(in, SIZE_MAX, data[0] % 2, &whole);
        run_login(in, piece, data[0] % 2, &pieces);
    } else {
        run_session(store, in, SIZE_MAX, &whole);
        run_session(store, in, piece, &pieces);
    }
    if (whole.n < LIMIT_IMAP_OUTPUT && !str_equal(buf_view(&whole), buf_view(&pieces)))
        panic("pieces matter:\n%.*s\n---\n%.*s", STR_ARG(buf_view(&whole)),
              STR_ARG(buf_view(&pieces)));
    if (whole.n < LIMIT_IMAP_OUTPUT)
        check_answer(buf_view(&whole));
    buf_done(&whole);
    buf_done(&pieces);
    return 0;
}
