/* imap/cmd_append.c: APPEND. The message is the one literal that may be larger than a command: it
 * is judged when it is announced, so that a synchronizing client is refused before it sends fifty
 * megabytes for nothing. */
#include "imap/session_int.h"

#include "base/clock.h"

struct append_job {
    struct str name;
    struct imap_flags flags;
    struct str keywords;
    int64_t received_us;
    struct str message;
    bool in_utf8;
};

/* append = "APPEND" SP mailbox [SP flag-list] [SP date-time] SP append-data, up to the literal's
 * "{" */
static void take_head(struct imap_parse *p, struct append_job *job)
{
    imap_take_sp(p);
    job->name = imap_take_mailbox(p);
    imap_take_sp(p);
    job->received_us = INT64_MIN;
    if (cursor_peek(&p->c) == '(') {
        job->flags = imap_take_flags(p);
        imap_take_sp(p);
    }
    if (cursor_peek(&p->c) == '"') {
        job->received_us = imap_take_date_time(p);
        imap_take_sp(p);
    }
    /* append-data = "UTF8" SP "(" literal8 ")" (RFC 6855 section 4); kept as any message is. */
    job->in_utf8 = cursor_accept_word(&p->c, STR("UTF8 (~"));
}

const struct imap_job imap_job_append = {.size = sizeof(struct append_job)};

void imap_check_append(struct imap_session *s, struct imap_parse *p)
{
    struct append_job *job = s->job;
    struct error err = {0};
    take_head(p, job);
    if (cursor_peek(&p->c) != '{')
        cursor_fail(&p->c, ERROR_SYNTAX, "the message is a literal");
    job->message = imap_take_string(p);
    if (job->in_utf8)
        cursor_expect(&p->c, ')');
    if (p->c.failed)
        return;
    if (job->message.n == 0) /* RFC 3502: what a client sends that gave up */
        imap_no(s, "CANNOT", "An empty message is not kept");
    else if (!store_keywords_join(job->flags.words, job->flags.words_n, &s->arena, &job->keywords,
                                  &err))
        imap_failed(s, &err, NULL);
}

enum imap_step imap_run_append(struct imap_session *s)
{
    struct append_job *job = s->job;
    struct store_mailbox m;
    struct store_placed placed;
    struct error err = {0};
    if (!store_mailbox_find(s->store, job->name, &s->arena, &m, &err))
        return imap_failed(s, &err, "TRYCREATE");
    struct store_append append = {
        .bytes = job->message,
        .mailbox = m.id,
        .received_us = job->received_us == INT64_MIN ? clock_wall_us() : job->received_us,
        .flags = job->flags.system,
        .keywords = job->keywords,
        .actor = s->actor,
    };
    if (!store_append(s->store, &append, &placed, &err))
        return imap_failed(s, &err, "TRYCREATE");
    imap_ok(s, "Appended");
    buf_printf(&s->code, "APPENDUID %u %u", placed.uidvalidity, placed.uid);
    return IMAP_DONE;
}

/* ---- the announced literal ---- */

/* Whether what is read so far is an APPEND up to its message, and if so whether it can be taken:
 * mailbox and quota. */
static bool judge_append(struct imap_session *s, struct imap_parse *p, struct error *err,
                         const char **not_found)
{
    struct append_job job = {0};
    struct store_mailbox m;
    take_head(p, &job);
    if (p->c.failed || cursor_peek(&p->c) != '{')
        return imap_reader_fits(&s->reader) ||
               error_set(err, ERROR_LIMIT, "the command is too large");
    if (s->may_only_read)
        return error_set(err, ERROR_DENIED, "this password is read-only");
    if (s->reader.literal_n > IMAP_APPEND_MAX)
        return error_set(err, ERROR_LIMIT, "a message has at most %u MiB", IMAP_APPEND_MAX >> 20);
    if (s->has_room && !s->has_room(s->room_arg, s->reader.literal_n))
        return error_set(
            err, ERROR_TEMPORARY,
            "other sessions of this account are storing large messages; try again in a moment");
    *not_found = "TRYCREATE";
    return store_mailbox_find(s->store, job.name, p->arena, &m, err) &&
           store_quota_check(s->store, s->reader.literal_n, err);
}

bool imap_append_announced(struct imap_session *s)
{
    struct imap_parse p;
    struct error err = {0};
    const char *not_found = NULL;
    imap_parse_init(&p, imap_reader_command(&s->reader), &s->arena, s->utf8);
    struct str tag = imap_take_tag(&p);
    imap_take_sp(&p);
    struct str word = imap_take_command(&p);
    bool ok;
    if (str_equal_nocase(word, STR("APPEND")))
        ok = judge_append(s, &p, &err, &not_found);
    else
        ok = imap_reader_fits(&s->reader) ||
             error_set(&err, ERROR_LIMIT, "the command is too large");
    if (!ok)
        imap_write_error(s->out, tag.n > 0 ? tag : STR("*"), &err, not_found);
    arena_done(&s->arena);
    return ok;
}
