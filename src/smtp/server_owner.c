/* smtp/server_owner.c: see server_owner.h. */
#include "smtp/server_owner.h"

static const struct {
    const char *word;
    enum error_kind kind;
    const char *text;
} answers[] = {
    {"nobody", ERROR_NOT_FOUND, "nobody here has this address"},
    {"full", ERROR_QUOTA, "the account is full"},
    {"later", ERROR_TEMPORARY, "try again"},
    {"relay", ERROR_DENIED, "relaying is not allowed"},
    {"limit", ERROR_LIMIT, "too much"},
    {"gone", ERROR_GONE, "no longer here"},
    {"disk", ERROR_DISK, "no space"},
    {"internal", ERROR_INTERNAL, "something broke"},
};

static void choose_answer(struct owner *o, struct str word, bool whole)
{
    o->answer = (struct error){0};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct str known = str_c(answers[i].word);

        if (whole ? str_equal(word, known) : str_starts(word, known))
            error_set(&o->answer, answers[i].kind, "%s", answers[i].text);
    }
}

static void on_rcpt(void *arg, const struct smtp_path_view *to, uint64_t size)
{
    struct owner *o = arg;

    buf_printf(&o->events, "rcpt %.*s size %llu\n", STR_ARG(to->whole), (unsigned long long)size);
    choose_answer(o, to->local, true);
    o->asked_rcpt = true;
}

static bool on_begin(void *arg, struct error *err)
{
    struct owner *o = arg;

    buf_c(&o->events, "begin\n");
    buf_reset(&o->message);
    o->slices_lost = 0;
    return !o->begin_fails || error_set(err, ERROR_DISK, "no space");
}

static bool on_data(void *arg, struct str bytes, struct error *err)
{
    struct owner *o = arg;

    o->data_calls++;
    if (bytes.n == 0 || o->slices_lost)
        panic("data after a no, or none");
    if (bytes.n > o->room - size_min(o->room, o->message.n)) {
        o->slices_lost++;
        return error_set(err, ERROR_DISK, "no space");
    }
    buf_str(&o->message, bytes);
    return true;
}

static void on_end(void *arg, const struct smtp_mail *mail, uint64_t size)
{
    static const char *const bodies[] = {"", " 8BITMIME", " BINARYMIME"};
    struct owner *o = arg;

    if (size != o->message.n)
        panic("the size is not that of the message");
    buf_printf(&o->events, "end %.*s %llu%s%s\n", STR_ARG(mail->from.whole),
               (unsigned long long)size, bodies[mail->body], mail->smtputf8 ? " SMTPUTF8" : "");
    choose_answer(o, buf_view(&o->message), false);
    if (o->answer.kind == ERROR_NONE) {
        buf_str(&o->all, buf_view(&o->message));
        buf_c(&o->all, "--\n");
    }
    o->asked_data = true;
}

static void on_reset(void *arg)
{
    buf_c(&((struct owner *)arg)->events, "reset\n");
    ((struct owner *)arg)->taken = 0;
}

static void on_starttls(void *arg)
{
    buf_c(&((struct owner *)arg)->events, "starttls\n");
    ((struct owner *)arg)->starttls = true;
}

static void on_refused(void *arg)
{
    ((struct owner *)arg)->refusals++;
}

static void on_close(void *arg)
{
    struct owner *o = arg;

    if (o->closed)
        panic("closed twice");
    buf_c(&o->events, "close\n");
    o->closed = true;
}

static const struct smtp_ops ops = {on_rcpt,  on_begin,    on_data,    on_end,
                                    on_reset, on_starttls, on_refused, on_close};

void owner_init(struct owner *o, const struct smtp_config *config)
{
    *o = (struct owner){.room = SIZE_MAX};
    buf_init(&o->out, (size_t)8 << 20);
    buf_init(&o->events, (size_t)8 << 20);
    buf_init(&o->message, (size_t)64 << 20);
    buf_init(&o->all, (size_t)64 << 20);
    struct smtp_config own = *config;

    own.counters = &o->counters;
    o->server = smtp_server_create(&own, &ops, o, &o->out);
}

void owner_done(struct owner *o)
{
    smtp_server_destroy(o->server);
    buf_done(&o->out);
    buf_done(&o->events);
    buf_done(&o->message);
    buf_done(&o->all);
}

static void answer_each(struct owner *o)
{
    struct error *err = mem_zalloc(o->taken * sizeof *err + 1);

    for (uint32_t i = 1; i < o->taken; i += 2)
        error_set(&err[i], ERROR_TEMPORARY, "later");
    smtp_server_answer_each(o->server, err, o->taken, STR("m1"));
    mem_free(err);
}

static void answer_question(struct owner *o)
{
    bool rcpt = o->asked_rcpt;

    if (o->asked_rcpt == o->asked_data)
        panic("it waits, and asked nothing");
    o->asked_rcpt = o->asked_data = false;
    if (rcpt && o->answer.kind == ERROR_NONE)
        o->taken++;
    if (!rcpt && o->each)
        answer_each(o);
    else
        smtp_server_answer(o->server, o->answer.kind ? &o->answer : NULL, STR("m1"));
    if (!rcpt)
        o->taken = 0;
}

size_t owner_feed_piece(struct owner *o, struct str bytes)
{
    while (bytes.n && !o->closed) {
        size_t n = smtp_server_input(o->server, bytes);

        bytes = str_skip(bytes, n);
        if (o->starttls) {
            o->starttls = false;
            smtp_server_tls_ready(o->server);
            return bytes.n;
        }
        if (smtp_server_waiting(o->server))
            answer_question(o);
        else if (n == 0 && !o->closed)
            panic("it takes nothing, and waits for nothing");
    }
    return 0;
}

void owner_feed(struct owner *o, struct str bytes, size_t piece)
{
    for (size_t at = 0; at < bytes.n && !o->closed; at += piece)
        owner_feed_piece(o, str_sub(bytes, at, piece));
}
