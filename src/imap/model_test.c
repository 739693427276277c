/* imap/model_test.c: several sessions on one mailbox against a client that counts as RFC 9051 tells
 * it to: it believes EXISTS and EXPUNGE and nothing else, and each number it is told must then name
 * the message it thinks. Also: the same bytes in any pieces, and answers larger than what may wait.
 */
#include "base/limits.h"
#include "imap/test_session.h"

#define SESSIONS 3
#define MOST 400

static const char hello[] = "From: Ada <ada@a.test>\r\nSubject: Hello\r\n\r\nGood morning\r\n";

/* What a client knows of each number: its UID, and a hash of its flags as last told; 0 where it has
 * not been told, or where it has changed them and was not to be told. */
struct client {
    struct test_session t;
    uint32_t uids[MOST], n;
    uint64_t flags[MOST];
    char text[200]; /* the command that runs */
    bool may_expunge;
    uint32_t silent; /* the message that it changes without being told; 0: none */
    size_t used;
};

static struct test_store store;
static struct client clients[SESSIONS];
static uint64_t seed = 20261124;

static uint64_t dice(uint64_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % n;
}

static bool number_after(struct str line, const char *word, uint64_t *out)
{
    size_t at = str_find(line, str_c(word)), n = 0;
    if (at == SIZE_MAX)
        return false;
    struct str rest = str_skip(line, at + strlen(word));
    while (n < rest.n && ascii_digit(rest.p[n]))
        n++;
    return str_to_u64(str_sub(rest, 0, n), UINT32_MAX, out);
}

static void take_expunge(struct client *c, uint32_t number, bool may)
{
    CHECK_ROW(may, "EXPUNGE never comes inside FETCH, STORE or SEARCH");
    if (!CHECK(number >= 1 && number <= c->n))
        return;
    memmove(&c->uids[number - 1], &c->uids[number], (c->n - number) * sizeof(c->uids[0]));
    memmove(&c->flags[number - 1], &c->flags[number], (c->n - number) * sizeof(c->flags[0]));
    c->n--;
}

/* FNV-1a of "FLAGS (...)", or 0. */
static uint64_t flags_in(struct str line)
{
    static const uint64_t basis = 14695981039346656037u;
    uint64_t hash = basis;
    size_t at = str_find(line, STR("FLAGS ("));
    struct str rest = at == SIZE_MAX ? STR_NULL : str_skip(line, at);
    for (size_t i = 0; i < rest.n && rest.p[i] != ')'; i++)
        hash = (hash ^ (unsigned char)rest.p[i]) * 1099511628211u;
    return hash == basis ? 0 : hash;
}

static void take_fetch(struct client *c, uint32_t number, struct str rest)
{
    uint64_t uid, flags = flags_in(rest);
    if (!CHECK(number >= 1 && number <= c->n))
        return;
    if (flags != 0)
        c->flags[number - 1] = flags;
    if (!number_after(rest, "UID ", &uid))
        return;
    uint32_t *known = &c->uids[number - 1];
    CHECK_ROW(*known == 0 || *known == uid, "a number names the message it named before");
    *known = (uint32_t)uid;
}

static void take_line(struct client *c, struct str line, bool may_expunge)
{
    uint64_t number;
    struct str head, rest;
    if (!str_starts(line, STR("* ")) || !str_cut(str_skip(line, 2), ' ', &head, &rest) ||
        !str_to_u64(head, UINT32_MAX, &number))
        return;
    if (str_equal(rest, STR("EXPUNGE"))) {
        take_expunge(c, (uint32_t)number, may_expunge);
    } else if (str_equal(rest, STR("EXISTS"))) {
        CHECK_ROW(number >= c->n && number < MOST, "EXISTS never falls");
        for (; c->n < number; c->n++)
            c->uids[c->n] = 0, c->flags[c->n] = 0;
    } else if (str_starts(rest, STR("FETCH "))) {
        take_fetch(c, (uint32_t)number, rest);
    }
}

static void take_answer(struct client *c)
{
    struct str got = buf_view(&c->t.out), line;
    CHECK_ROW(str_find(got, STR("a OK")) != SIZE_MAX, c->text);
    while (str_cut(got, '\n', &line, &got))
        take_line(c, str_trim(line), c->may_expunge);
    /* What was told of it in between may be from before the change: a client cannot know. */
    if (c->silent)
        c->flags[c->silent - 1] = 0;
    buf_reset(&c->t.out);
}

static void begin_command(struct client *c, const char *text, bool may_expunge)
{
    snprintf(c->text, sizeof(c->text), "%s", text);
    c->may_expunge = may_expunge;
    c->silent = 0;
    c->used = 0;
    buf_reset(&c->t.out);
}

/* One step of the command; false when it is over. */
static bool step_command(struct client *c)
{
    struct str rest = str_skip(str_c(c->text), c->used);
    if (rest.n == 0 && !imap_session_busy(c->t.session))
        return false;
    c->used += imap_session_input(c->t.session, rest, 0);
    return true;
}

/* Sends a command and takes all of its answer. */
static void command(struct client *c, const char *text, bool may_expunge)
{
    begin_command(c, text, may_expunge);
    while (step_command(c))
        continue;
    take_answer(c);
}

static void begin_random(struct client *c)
{
    char text[200];
    uint32_t number = c->n ? (uint32_t)dice(c->n) + 1 : 0;
    uint32_t uid = (uint32_t)dice(60) + 1;
    switch (dice(number ? 12 : 5)) {
    case 0:
        begin_command(c, "a NOOP\r\n", true);
        return;
    case 1:
        begin_command(c, "a UID FETCH 1:* FLAGS\r\n", false);
        return;
    case 2:
        snprintf(text, sizeof(text), "a UID MOVE %u:%u Trash\r\n", uid, uid + (uint32_t)dice(3));
        begin_command(c, text, true);
        return;
    case 3:
    case 4:
        begin_command(c, "a APPEND INBOX {4+}\r\nabcd\r\n", true);
        return;
    case 5:
    case 6:
        snprintf(text, sizeof(text), "a FETCH %u:* (UID FLAGS BODY[1])\r\n", number);
        begin_command(c, text, false);
        return;
    case 7:
        snprintf(text, sizeof(text), "a STORE %u:* +FLAGS (\\Deleted)\r\n", number);
        begin_command(c, text, false);
        return;
    case 8:
        snprintf(text, sizeof(text), "a STORE %u %cFLAGS.SILENT (\\Seen $x)\r\n", number,
                 dice(2) ? '+' : '-');
        begin_command(c, text, false);
        c->silent = number;
        return;
    case 9:
        begin_command(c, "a EXPUNGE\r\n", true);
        return;
    case 10:
        begin_command(c, "a SEARCH NOT DELETED\r\n", false);
        return;
    default:
        snprintf(text, sizeof(text), "a COPY %u INBOX\r\n", number);
        begin_command(c, text, true);
    }
}

/* All sessions at once, a step of one and a step of another as they come: a command is no moment.
 */
static void random_commands(void)
{
    bool running[SESSIONS], any = true;
    for (int i = 0; i < SESSIONS; i++) {
        begin_random(&clients[i]);
        running[i] = true;
    }
    while (any) {
        any = false;
        uint64_t i = dice(SESSIONS);
        if (running[i] && !(running[i] = step_command(&clients[i])))
            take_answer(&clients[i]);
        for (int k = 0; k < SESSIONS; k++)
            any |= running[k];
        if (dice(20) == 0 && clients[0].n < MOST / 2)
            test_deliver(&store, "INBOX", str_c(hello));
    }
}

/* After NOOP a client that asks for all UIDs has what the store has. */
static void all_agree(void)
{
    struct arena arena;
    struct store_mailbox m = {0};
    struct vec uids;
    arena_init(&arena, 1 << 16);
    vec_init(&uids, sizeof(uint32_t));
    CHECK(store_mailbox_find(store.store, STR("INBOX"), &arena, &m, NULL));
    CHECK(store_view(store.store, m.id, 1, UINT32_MAX, INT64_MAX, SIZE_MAX, &uids, NULL));
    for (int i = 0; i < SESSIONS; i++) {
        command(&clients[i], "a NOOP\r\n", true);
        uint64_t told[MOST];
        memcpy(told, clients[i].flags, sizeof(told));
        command(&clients[i], "a UID FETCH 1:* FLAGS\r\n", false);
        for (uint32_t k = 0; k < clients[i].n; k++)
            CHECK_ROW(told[k] == 0 || told[k] == clients[i].flags[k], "flags were told");
        CHECK_U64(clients[i].n, uids.n);
        CHECK(memcmp(clients[i].uids, uids.p, uids.n * sizeof(uint32_t)) == 0);
    }
    vec_done(&uids);
    arena_done(&arena);
}

static void numbers_mean_what_the_client_thinks(void)
{
    test_store_open(&store, 0);
    for (int i = 0; i < SESSIONS; i++) {
        clients[i].n = 0;
        test_session_open(&clients[i].t, &store);
        command(&clients[i], "a SELECT INBOX\r\n", false);
    }
    for (int round = 0; round < 400; round++) {
        random_commands();
        if (round % 10 == 9)
            all_agree();
    }
    for (int i = 0; i < SESSIONS; i++)
        test_session_close(&clients[i].t);
    struct buf report;
    uint64_t differences = 9;
    buf_init(&report, 1 << 16);
    CHECK(store_check(store.store, false, &report, &differences, NULL));
    CHECK_U64(differences, 0);
    buf_done(&report);
    test_store_close(&store);
}

/* ---- pieces ---- */

static const char session_text[] =
    "a SELECT INBOX\r\nb FETCH 1:* (FLAGS BODY[])\r\n\r\nc APPEND Drafts {5}\r\nhello\r\n"
    "d APPEND INBOX (\\Seen) {5+}\r\nworld\r\ne IDLE\r\nDONE\r\nf NOOP\r\ng FOO\r\n"
    "h STORE 1 +FLAGS (\\Deleted)\r\ni EXPUNGE\r\nj LIST {0+}\r\n {1}\r\n%\r\n"
    "k SEARCH SUBJECT {5+}\r\nHello\r\nl FETCH 1 (ENVELOPE {\r\nm UNSELECT\r\nn LOGOUT\r\n";

/* Runs the text on a fresh account in pieces of n bytes; numbers that are made of the time are left
 * out of the answer. */
static void run_in_pieces(size_t n, struct buf *all)
{
    struct test_session s;
    struct str in = str_c(session_text), out, line;
    test_store_open(&store, 0);
    test_deliver(&store, "INBOX", str_c(hello));
    test_deliver(&store, "INBOX", str_c(hello));
    test_session_open(&s, &store);
    buf_reset(&s.out);
    for (size_t at = 0; at < in.n; at += n) {
        struct str piece = test_exact(str_sub(in, at, n));
        for (size_t used = 0;
             (used < piece.n || imap_session_busy(s.session)) && !imap_session_done(s.session);)
            used += imap_session_input(s.session, str_skip(piece, used), clock_boot_us() + 1000000);
    }
    out = buf_view(&s.out);
    while (str_cut(out, '\n', &line, &out)) {
        size_t uid = str_find(line, STR("UID"));
        buf_str(all, str_sub(line, 0, uid == SIZE_MAX ? line.n : uid));
        buf_char(all, '\n');
    }
    CHECK(imap_session_done(s.session));
    test_session_close(&s);
    test_store_close(&store);
}

static void pieces_do_not_matter(void)
{
    static const size_t sizes[] = {1, 2, 3, 7, 64, 10000};
    struct buf whole, all;
    buf_init(&whole, 1 << 16);
    buf_init(&all, 1 << 16);
    run_in_pieces(SIZE_MAX / 2, &whole);
    CHECK(str_find(buf_view(&whole), STR("n OK Logged out")) != SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        buf_reset(&all);
        run_in_pieces(sizes[i], &all);
        CHECK_STR(buf_view(&all), buf_view(&whole));
    }
    buf_done(&whole);
    buf_done(&all);
}

/* ---- answers that do not fit ---- */

/* Drains as a slow client does, and sums what came. */
static size_t drain(struct test_session *s, const char *in, size_t *most)
{
    size_t total = 0, used = 0;
    struct str text = str_c(in);
    buf_reset(&s->out);
    *most = 0;
    while (used < text.n || imap_session_busy(s->session)) {
        used += imap_session_input(s->session, str_skip(text, used), clock_boot_us() + 20000);
        *most = size_max(*most, s->out.n);
        total += s->out.n;
        buf_reset(&s->out);
    }
    return total;
}

static void a_large_answer_waits_for_its_reader(void)
{
    const size_t big = 6 << 20;
    struct test_session s;
    size_t most;
    char *text = mem_alloc(big);
    memset(text, 'x', big);
    for (size_t i = 78; i + 1 < big; i += 80)
        memcpy(text + i, "\r\n", 2);
    memcpy(text, "Subject: big\r\n\r\n", 16);
    test_store_open(&store, 0);
    test_session_open(&s, &store);
    for (int i = 0; i < 3; i++)
        test_deliver(&store, "INBOX", str_of(text, big - (size_t)i));
    (void)drain(&s, "a SELECT INBOX\r\n", &most);
    size_t total = drain(&s, "b FETCH 1:* BODY.PEEK[]\r\n", &most);
    CHECK(total > 3 * big - 3 && total < 3 * big + 300);
    CHECK_ROW(most < 2 * LIMIT_IMAP_OUTPUT, "no more than the limit and a piece waits");
    total = drain(&s, "c FETCH 1 BODY.PEEK[TEXT]<1000000.3000000>\r\n", &most);
    CHECK(total > 3000000 && total < 3000200);
    mem_free(text);
    test_session_close(&s);
    test_store_close(&store);
}

/* A command that pauses lets others run, and a deadline that is over still gets one step done. */
static void a_deadline_pauses_a_command(void)
{
    struct test_session s;
    size_t calls = 0, used = 0;
    struct str text = STR("a SELECT INBOX\r\nb UID FETCH 1:* (UID ENVELOPE)\r\n");
    test_store_open(&store, 0);
    for (int i = 0; i < 30; i++)
        test_deliver(&store, "INBOX", str_c(hello));
    test_session_open(&s, &store);
    while (used < text.n || imap_session_busy(s.session)) {
        used += imap_session_input(s.session, str_skip(text, used), 0);
        calls++;
    }
    CHECK(calls > 30);
    CHECK(str_ends(buf_view(&s.out), STR("b OK Fetched\r\n")));
    test_session_close(&s);
    test_store_close(&store);
}

/* ---- commands over many messages ---- */

#define MANY 700 /* more than two slices */

static struct test_session one;

/* INBOX with MANY messages, selected. */
static void begin_many(void)
{
    test_store_open(&store, 0);
    CHECK(store_batch_begin(store.store, NULL));
    for (int i = 0; i < MANY; i++)
        test_deliver(&store, "INBOX", str_c(hello));
    CHECK(store_batch_commit(store.store, NULL));
    test_session_open(&one, &store);
    (void)test_say(&one, "a SELECT INBOX\r\n");
    buf_reset(&one.out);
}

static void end_many(void)
{
    struct buf report;
    uint64_t differences = 9;
    buf_init(&report, 1 << 16);
    CHECK(store_check(store.store, false, &report, &differences, NULL));
    CHECK_U64(differences, 0);
    buf_done(&report);
    test_store_close(&store);
}

static uint32_t messages_in(const char *name)
{
    struct arena arena;
    struct store_mailbox m = {0};
    arena_init(&arena, 1 << 16);
    CHECK(store_mailbox_find(store.store, str_c(name), &arena, &m, NULL));
    arena_done(&arena);
    return m.messages;
}

static void run_sql(const char *sql)
{
    CHECK_ROW(sqlite3_exec(db_sqlite(store_db(store.store)), sql, NULL, NULL, NULL) == SQLITE_OK,
              sql);
}

/* One step of a command that has been given; false when it is over. */
static bool step_one(void)
{
    (void)imap_session_input(one.session, STR_NULL, 0);
    return imap_session_busy(one.session);
}

static void begin_one(const char *text)
{
    CHECK_U64(imap_session_input(one.session, str_c(text), 0), strlen(text));
}

static size_t count_of(const char *word)
{
    struct str rest = buf_view(&one.out);
    size_t n = 0, at;
    for (; (at = str_find(rest, str_c(word))) != SIZE_MAX; n++)
        rest = str_skip(rest, at + strlen(word));
    return n;
}

/* Each step leaves room for a delivery, also to where the messages go, and others see what is there by then. */
static void copy_and_move_pause(void)
{
    static const char *const words[] = {"COPY", "MOVE"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        char text[60];
        unsigned delivered = 0, part = 0;
        begin_many();
        snprintf(text, sizeof(text), "b UID %s 1:* Archive\r\n", words[i]);
        begin_one(text);
        do {
            uint32_t n = messages_in("Archive") - delivered;
            part += n > 0 && n < MANY;
            test_deliver(&store, "Archive", str_c(hello));
            delivered++;
        } while (step_one());
        CHECK(part > 1);
        CHECK_U64(messages_in("Archive"), MANY + delivered);
        CHECK_U64(messages_in("INBOX"), i == 0 ? MANY : 0);
        CHECK_U64(count_of("COPYUID"), 1);
        CHECK_U64(count_of("EXPUNGE"), i == 0 ? 0 : MANY);
        CHECK(count_of(i == 0 ? "b OK [COPYUID" : "b OK Moved") == 1);
        test_session_close(&one);
        end_many();
    }
}

/* Runs a COPY until some of it is there, and not all. */
static void copy_half(void)
{
    begin_many();
    begin_one("b COPY 1:* Archive\r\n");
    while (messages_in("Archive") == 0)
        CHECK(step_one());
    CHECK(messages_in("Archive") < MANY);
}

static void a_copy_that_is_not_finished_leaves_nothing(void)
{
    bool more = true;
    copy_half(); /* it fails */
    run_sql("UPDATE mailbox SET uidnext = 4294967295 WHERE name = 'Archive'");
    while (step_one())
        ;
    CHECK_U64(count_of("b NO [LIMIT]"), 1);
    CHECK_U64(messages_in("Archive"), 0);
    run_sql("UPDATE mailbox SET uidnext = 5000 WHERE name = 'Archive'");
    test_session_close(&one);
    end_many();

    copy_half(); /* its client goes */
    test_session_close(&one);
    CHECK(messages_in("Archive") > 0);
    while (more)
        CHECK(store_idle(store.store, &more, NULL));
    CHECK_U64(messages_in("Archive"), 0);
    end_many();

    copy_half(); /* the process ends */
    test_session_close(&one);
    store_close(store.store);
    test_store_open(&store, 0);
    CHECK_U64(messages_in("Archive"), 0);
    CHECK_U64(messages_in("INBOX"), MANY);
    end_many();
}

/* What cannot be taken back as the disk is full keeps nobody from reading, and goes when there is room. */
static void a_copy_is_taken_back_when_there_is_room(void)
{
    bool more = true;
    copy_half();
    test_session_close(&one);
    run_sql("PRAGMA max_page_count = 1"); /* as many as there are */
    while (more)
        CHECK(store_idle(store.store, &more, NULL));
    CHECK(messages_in("Archive") > 0 && !store_failed(store.store));
    run_sql("PRAGMA max_page_count = 1000000");
    for (more = true; more;)
        CHECK(store_idle(store.store, &more, NULL));
    CHECK_U64(messages_in("Archive"), 0);
    end_many();
}

/* While one copies, upkeep for another leaves it alone. */
static void a_copy_under_way_is_not_taken_back(void)
{
    bool more;
    copy_half();
    do {
        more = true;
        while (more)
            CHECK(store_idle(store.store, &more, NULL));
    } while (step_one());
    CHECK_U64(messages_in("Archive"), MANY);
    test_session_close(&one);
    store_close(store.store);
    test_store_open(&store, 0);
    CHECK_U64(messages_in("Archive"), MANY); /* it stays */
    end_many();
}

static void a_move_that_fails_says_what_was_moved(void)
{
    uint32_t there;
    begin_many();
    begin_one("b MOVE 1:* Archive\r\n");
    while (messages_in("Archive") == 0)
        CHECK(step_one());
    there = messages_in("Archive");
    CHECK(there < MANY);
    run_sql("UPDATE mailbox SET uidnext = 4294967295 WHERE name = 'Archive'");
    while (step_one())
        ;
    CHECK_U64(count_of("b NO [LIMIT]"), 1);
    CHECK_U64(count_of("* OK [COPYUID"), 1);
    CHECK_U64(count_of(" EXPUNGE\r\n"), there);
    CHECK_U64(messages_in("INBOX") + messages_in("Archive"), MANY);
    run_sql("UPDATE mailbox SET uidnext = 5000 WHERE name = 'Archive'");
    test_session_close(&one);
    end_many();
}

/* What others do meanwhile is told, once, and what it did itself is not. */
static void a_silent_store_stays_silent_whatever_others_do(void)
{
    struct test_session two;
    size_t changes = 0;
    char text[60];
    begin_many();
    test_session_open(&two, &store);
    (void)test_say(&two, "a SELECT INBOX\r\n");
    begin_one("b STORE 1:* +FLAGS.SILENT (\\Seen)\r\n");
    do {
        test_deliver(&store, "INBOX", str_c(hello));
        snprintf(text, sizeof(text), "b STORE %zu +FLAGS.SILENT (\\Answered)\r\n", 1 + changes++);
        (void)test_say(&two, text);
    } while (step_one());
    CHECK(changes > 3);
    CHECK(count_of(" FETCH ") <= 2 * changes && count_of("\\Answered \\Seen") > 0);
    CHECK_U64(count_of(" FETCH "), count_of("\\Answered"));
    CHECK_U64(count_of("b OK Stored"), 1);
    test_session_close(&two);
    test_session_close(&one);
    end_many();
}

/* What was there before the command came is in the range, however it came. */
static void a_range_without_end_goes_to_what_is_there_now(void)
{
    struct test_session two;
    test_store_open(&store, 0);
    test_deliver(&store, "INBOX", str_c(hello));
    test_deliver(&store, "Archive", str_c(hello));
    test_session_open(&one, &store);
    test_session_open(&two, &store);
    (void)test_say(&one, "a SELECT INBOX\r\n");
    (void)test_say(&two, "a SELECT Archive\r\nb UID MOVE 1 INBOX\r\n");
    test_transcript(&one, "C: b UID FETCH 2:* (UID)\n"
                          "S: * 2 EXISTS\n"
                          "S: * 2 FETCH (UID 2)\n"
                          "S: b OK Fetched\n");
    test_deliver(&store, "INBOX", str_c(hello));
    test_transcript(&one, "C: c UID FETCH 3:* (UID)\n"
                          "S: * 3 EXISTS\n"
                          "S: * 3 FETCH (UID 3)\n"
                          "S: c OK Fetched\n");
    (void)test_say(&two, "c SELECT INBOX\r\nd COPY 1 INBOX\r\n");
    test_transcript(&one, "C: d UID SEARCH UID 4:*\n"
                          "S: * 4 EXISTS\n"
                          "S: * SEARCH 4\n"
                          "S: d OK Searched\n");
    test_session_close(&two);
    test_session_close(&one);
    end_many();
}

int main(void)
{
    RUN(numbers_mean_what_the_client_thinks);
    RUN(pieces_do_not_matter);
    RUN(a_large_answer_waits_for_its_reader);
    RUN(a_deadline_pauses_a_command);
    RUN(copy_and_move_pause);
    RUN(a_copy_that_is_not_finished_leaves_nothing);
    RUN(a_copy_is_taken_back_when_there_is_room);
    RUN(a_copy_under_way_is_not_taken_back);
    RUN(a_move_that_fails_says_what_was_moved);
    RUN(a_silent_store_stays_silent_whatever_others_do);
    RUN(a_range_without_end_goes_to_what_is_there_now);
    return test_end();
}
