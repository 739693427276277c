/* bench/search.c: what SEARCH costs in an account of many messages, and how long it holds the loop in one of a few huge ones. The
 * messages are of the kinds that mail is of: plain text, alternatives with HTML, base64, attachments. Each search is said to a
 * session as an account's process would run it, in slices of 20 ms; prints CPU of the search, messages found, and the longest slice.
 *
 *     search FOLDER MESSAGES */
#include "base/clock.h"
#include "base/encode.h"
#include "base/limits.h"
#include "base/random.h"
#include "imap/session.h"
#include "mime/message.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLICE_US 20000
#define ROUNDS 5

static struct store *store;
static uint64_t seed = 1; /* the same messages each time */

static double cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void check(bool ok, const struct error *err)
{
    if (!ok)
        fatal("%s", err->text);
}

static uint64_t below(uint64_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % n;
}

/* ---- messages ---- */

static const char *const words[] = {"the",
                                    "account",
                                    "meeting",
                                    "Invoice",
                                    "of",
                                    "and",
                                    "Stra\xc3\x9f"
                                    "e",
                                    "please",
                                    "tomorrow",
                                    "file",
                                    "Server",
                                    "to",
                                    "we",
                                    "caf\xc3\xa9",
                                    "report",
                                    "is",
                                    "Sales",
                                    "in",
                                    "project",
                                    "question"};

static void prose(struct buf *out, size_t n, const char *end)
{
    for (size_t to = out->n + n, line = 0; out->n < to;) {
        const char *word = words[below(ARRAY_LEN(words))];

        buf_c(out, word);
        line += strlen(word) + 1;
        if (line > 70)
            buf_c(out, end);
        else
            buf_char(out, ' ');
        line = line > 70 ? 0 : line;
    }
    buf_c(out, "\r\n");
}

static void base64_lines(struct buf *out, struct str bytes)
{
    for (size_t at = 0; at < bytes.n; at += 57) {
        base64_print(out, str_sub(bytes, at, 57));
        buf_c(out, "\r\n");
    }
}

static void noise(struct buf *out, size_t n)
{
    struct buf bytes;

    buf_init(&bytes, n + 8);
    while (bytes.n < n) {
        uint64_t v = below(UINT32_MAX) << 31 ^ below(UINT32_MAX);

        buf_add(&bytes, &v, sizeof v);
    }
    base64_lines(out, buf_view(&bytes));
    buf_done(&bytes);
}

static void head(struct buf *out, unsigned i)
{
    buf_printf(
        out,
        "Received: from mx%u.example.org by mx.example.test; Tue, 24 Nov 2026 12:00:00 +0000\r\n"
        "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=x; h=from:to:subject; bh=%016llx;\r\n"
        " b=%016llx%016llx%016llx%016llx\r\n"
        "From: =?utf-8?q?S=C3=A9nder_%u?= <s%u@example.org>\r\nTo: Ada <ada@example.test>\r\n"
        "Subject: =?utf-8?q?Matter_%u_caf=C3=A9?=\r\nMessage-ID: <%u.x@example.org>\r\n"
        "Date: Tue, 24 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n",
        i % 9, (unsigned long long)below(UINT32_MAX), (unsigned long long)below(UINT32_MAX),
        (unsigned long long)below(UINT32_MAX), (unsigned long long)below(UINT32_MAX),
        (unsigned long long)below(UINT32_MAX), i % 50, i % 50, i / 4, i);
}

static void html(struct buf *out, size_t n)
{
    buf_c(out, "<html><head><style>p { margin: 0 }</style></head><body>");
    for (size_t to = out->n + n; out->n < to;) {
        buf_c(out, "<p class=3D\"x\">");
        prose(out, 200, " =\r\n");
        buf_c(out, "</p><a href=3D\"https://example.org/x\">link</a>&nbsp;");
    }
    buf_c(out, "</body></html>\r\n");
}

static void message(struct buf *out, unsigned i)
{
    unsigned kind = i % 20;
    struct buf text;

    head(out, i);
    if (kind < 9) {
        buf_c(out, "Content-Type: text/plain; charset=utf-8\r\n\r\n");
        prose(out, 1000 + below(7000), "\r\n");
        return;
    }
    if (kind < 15) {
        buf_c(out, "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: "
                   "text/plain; "
                   "charset=utf-8\r\n\r\n");
        prose(out, 2000, "\r\n");
        buf_c(out, "--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: "
                   "quoted-printable\r\n\r\n");
        html(out, 8000);
        buf_c(out, "--b--\r\n");
        return;
    }
    buf_init(&text, 1 << 20);
    prose(&text, 3000, "\r\n");
    if (kind < 18) {
        buf_c(
            out,
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
        base64_lines(out, buf_view(&text));
    } else {
        buf_c(out, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: "
                   "text/plain\r\n\r\n");
        buf_str(out, buf_view(&text));
        buf_c(out, "--b\r\nContent-Type: application/pdf; name=report.pdf\r\nContent-Disposition: "
                   "attachment\r\n"
                   "Content-Transfer-Encoding: base64\r\n\r\n");
        noise(out, 100000);
        buf_c(out, "--b--\r\n");
    }
    buf_done(&text);
}

static void deliver(const char *mailbox, struct str bytes)
{
    char transaction[16];
    struct error err = {0};
    struct store_delivery d = {
        .actor = STR("delivery"), .received_us = clock_wall_us(), .mailbox = str_c(mailbox)};

    random_bytes(transaction, sizeof transaction);
    d.transaction = str_of(transaction, sizeof transaction);
    d.bytes = bytes;
    check(store_deliver(store, &d, NULL, &err), &err);
}

static void fill(unsigned n)
{
    struct error err = {0};

    for (unsigned i = 0; i < n;) {
        check(store_batch_begin(store, &err), &err);
        for (int k = 0; k < 500 && i < n; k++, i++) {
            struct buf b;

            buf_init(&b, 4 << 20);
            message(&b, i);
            deliver("INBOX", buf_view(&b));
            buf_done(&b);
        }
        check(store_batch_commit(store, &err), &err);
    }
}

#define HUGE ((size_t)50 << 20)

/* One mailbox for each kind of huge message. */
static const char *const huge[] = {"plain",      "html",    "base64", "japanese",
                                   "attachment", "winmail", "header", "lines"};

static void fill_huge(void)
{
    struct error err = {0};

    for (size_t i = 0; i < ARRAY_LEN(huge); i++) {
        struct buf b, text;

        buf_init(&b, 2 * HUGE);
        buf_init(&text, 2 * HUGE);
        check(store_mailbox_create(store, str_c(huge[i]), 0, STR("x"), NULL, &err), &err);
        head(&b, (unsigned)i);
        switch (i) {
        case 0:
            buf_c(&b, "\r\n");
            prose(&b, HUGE, "\r\n");
            break;
        case 1:
            buf_c(&b,
                  "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
            html(&b, HUGE);
            break;
        case 2:
            prose(&text, HUGE / 4 * 3, "\r\n");
            buf_c(&b, "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n");
            base64_lines(&b, buf_view(&text));
            break;
        case 3:
            buf_c(&b, "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n");
            while (b.n < HUGE)
                buf_c(&b, "\x1b$BF|K\\8lF|K\\8lF|K\\8l\x1b(B and some words\r\n");
            break;
        case 4:
            buf_c(&b, "Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n");
            noise(&b, HUGE / 4 * 3);
            break;
        case 5:
            buf_add(&text, "\x78\x9f\x3e\x22\0\0\1\x0c\x80\2\0\0\0\xf0\0", 15);
            prose(&text, (15 << 20) + 100, "\r\n");
            buf_c(&b,
                  "Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: base64\r\n\r\n");
            base64_lines(&b, buf_view(&text));
            break;
        case 6:
            for (unsigned k = 0; b.n < (size_t)10 << 20; k++)
                buf_printf(&b, "X-Field-%u: =?utf-8?q?caf=C3=A9?= and words\r\n", k);
            buf_c(&b, "\r\n\r\n");
            break;
        default:
            buf_c(&b, "\r\n");
            while (b.n < HUGE)
                buf_c(&b, "-\r\n\r\n");
        }
        deliver(huge[i], buf_view(&b));
        buf_done(&b);
        buf_done(&text);
    }
}

/* ---- searches ---- */

static int64_t slice_most;

/* Says a command; the longest slice is noted. The answer is left in out. */
static void say(struct imap_session *s, struct buf *out, const char *command)
{
    struct str in = str_c(command);

    buf_reset(out);
    while (in.n > 0 || imap_session_busy(s)) {
        int64_t began = clock_boot_us();
        size_t used = imap_session_input(s, in, began + SLICE_US);
        int64_t took = clock_boot_us() - began;

        in = str_skip(in, used);
        slice_most = took > slice_most ? took : slice_most;
    }
}

static size_t count(struct str answer)
{
    size_t n = 0, end = str_find_char(answer, '\r');

    for (size_t i = 0; i < end && i < answer.n; i++)
        n += answer.p[i] == ' ';
    return n - 1; /* the one before SEARCH */
}

static void measure(struct imap_session *s, struct buf *out, const char *mailbox, const char *keys,
                    int rounds)
{
    char command[200];
    double least = 1e18;

    snprintf(command, sizeof command, "a SELECT %s\r\n", mailbox);
    say(s, out, command);
    slice_most = 0;
    snprintf(command, sizeof command, "b SEARCH %s\r\n", keys);
    for (int r = 0; r < rounds; r++) {
        double from = cpu_us(), took;

        say(s, out, command);
        took = cpu_us() - from;
        least = took < least ? took : least;
    }
    printf("%-12s %-34s %9.1f ms, %5zu found, longest slice %6.1f ms\n", mailbox, keys,
           least / 1000, count(buf_view(out)), (double)slice_most / 1000);
    fflush(stdout);
}

static int file(const char *folder, const char *name)
{
    char path[4200];
    int fd;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        fatal("%s cannot be made", path);
    return fd;
}

int main(int argc, char **argv)
{
    static const char *const keys[] = {"TEXT zebrafish",
                                       "BODY zebrafish",
                                       "TEXT invoice",
                                       "SUBJECT zebrafish",
                                       "FROM s7@example",
                                       "HEADER Message-ID <4321.x@",
                                       "UNSEEN TEXT zebrafish BODY meeting",
                                       "SEEN TEXT zebrafish"};
    struct imap_session_config session = {.user = STR("ada"), .actor = STR("x")};
    struct db_source source = {.generation = 1};
    struct store_config config = {0};
    struct error err = {0};
    char path[4200];
    struct buf out;

    if (argc != 3)
        fatal("usage: search FOLDER MESSAGES");
    mime_process_init();
    db_process_init();
    source.db_fd = file(argv[1], "db");
    source.wal_fd = file(argv[1], "wal");
    snprintf(path, sizeof path, "%s/large", argv[1]);
    mkdir(path, 0700);
    source.blob_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    random_bytes(source.key, sizeof source.key);
    check(store_open(&store, &source, &config, &err), &err);
    buf_init(&out, 16 * LIMIT_IMAP_OUTPUT);
    struct imap_session *s = imap_session_create(store, &session, &out);

    fill((unsigned)strtoul(argv[2], NULL, 10));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        measure(s, &out, "INBOX", keys[i], ROUNDS);
    fill_huge();
    for (size_t i = 0; i < ARRAY_LEN(huge); i++)
        measure(s, &out, huge[i], "TEXT zebrafish", 1);
    imap_session_destroy(s);
    store_close(store);
    return 0;
}
