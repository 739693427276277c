/* imap/cmd_list.c: LIST with its options (RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154) and
 * LSUB. The mailboxes are walked by name, some at a step. Special-use attributes stand in every
 * answer, since clients look for them in all. */
#include "imap/session_int.h"

#include "base/limits.h"

#include <string.h>

#define LIST_STEP 50
#define LIST_PATTERNS 64 /* of one command */

struct list_job {
    bool lsub;
    bool select_subscribed, select_special, recursive; /* selection options */
    bool status;
    unsigned status_items;
    bool hierarchy_only; /* LIST "" "" asks for the separator */
    struct str patterns[LIST_PATTERNS];
    size_t patterns_n;
};

/* ---- arguments ---- */

/* list-select-opts = "(" [option *(SP option)] ")" */
static void take_selection(struct imap_parse *p, struct list_job *job)
{
    cursor_expect(&p->c, '(');
    if (cursor_accept(&p->c, ')'))
        return;
    do {
        struct str word = imap_take_atom(p);
        (void)imap_count_item(p);
        if (str_equal_nocase(word, STR("SUBSCRIBED")))
            job->select_subscribed = true;
        else if (str_equal_nocase(word, STR("SPECIAL-USE")))
            job->select_special = true;
        else if (str_equal_nocase(word, STR("RECURSIVEMATCH")))
            job->recursive = true;
        else if (!str_equal_nocase(word, STR("REMOTE"))) /* there are none */
            cursor_fail(&p->c, ERROR_SYNTAX, "there is no such selection option");
    } while (!p->c.failed && cursor_accept(&p->c, ' '));
    cursor_expect(&p->c, ')');
    if (job->recursive && !job->select_subscribed)
        cursor_fail(&p->c, ERROR_SYNTAX, "RECURSIVEMATCH needs another option beside it");
}

/* return-option = "SUBSCRIBED" / "CHILDREN" / "SPECIAL-USE" / "STATUS" SP ...; all but STATUS are
 * told anyway. */
static void take_return(struct imap_parse *p, struct list_job *job)
{
    if (!cursor_accept_word(&p->c, STR("RETURN")))
        cursor_fail(&p->c, ERROR_SYNTAX, "RETURN is missing");
    imap_take_sp(p);
    cursor_expect(&p->c, '(');
    if (cursor_accept(&p->c, ')'))
        return;
    do {
        struct str word = imap_take_atom(p);
        (void)imap_count_item(p);
        if (str_equal_nocase(word, STR("STATUS"))) {
            imap_take_sp(p);
            job->status = true;
            job->status_items = imap_take_status_items(p);
        } else if (!str_equal_nocase(word, STR("SUBSCRIBED")) &&
                   !str_equal_nocase(word, STR("CHILDREN")) &&
                   !str_equal_nocase(word, STR("SPECIAL-USE"))) {
            cursor_fail(&p->c, ERROR_SYNTAX, "there is no such return option");
        }
    } while (!p->c.failed && cursor_accept(&p->c, ' '));
    cursor_expect(&p->c, ')');
}

static void add_pattern(struct imap_parse *p, struct list_job *job, struct str reference)
{
    struct str pattern = imap_take_list_mailbox(p);
    if (p->c.failed || !imap_count_item(p))
        return;
    if (job->patterns_n == LIST_PATTERNS) {
        cursor_fail(&p->c, ERROR_LIMIT, "LIST takes at most %d patterns", LIST_PATTERNS);
        return;
    }
    struct str whole = arena_printf(p->arena, "%.*s%.*s", STR_ARG(reference), STR_ARG(pattern));
    if (whole.n != reference.n + pattern.n)
        cursor_fail(&p->c, ERROR_LIMIT, "the command is too large");
    job->patterns[job->patterns_n++] = whole;
}

static void take_patterns(struct imap_parse *p, struct list_job *job, struct str reference)
{
    if (!cursor_accept(&p->c, '(')) {
        size_t before = p->c.at;
        add_pattern(p, job, reference);
        struct str sent = str_sub(p->c.in, before, p->c.at - before);
        job->hierarchy_only = str_equal(sent, STR("\"\"")) && reference.n == 0;
        return;
    }
    do
        add_pattern(p, job, reference);
    while (!p->c.failed && cursor_accept(&p->c, ' '));
    cursor_expect(&p->c, ')');
}

const struct imap_job imap_job_list = {.size = sizeof(struct list_job)};

void imap_check_list(struct imap_session *s, struct imap_parse *p)
{
    struct list_job *job = s->job;
    imap_take_sp(p);
    if (cursor_peek(&p->c) == '(') {
        take_selection(p, job);
        imap_take_sp(p);
    }
    struct str reference = imap_take_mailbox(p);
    imap_take_sp(p);
    take_patterns(p, job, reference);
    if (imap_accept_sp(p))
        take_return(p, job);
}

void imap_check_lsub(struct imap_session *s, struct imap_parse *p)
{
    struct list_job *job = s->job;
    job->lsub = job->select_subscribed = true;
    imap_take_sp(p);
    struct str reference = imap_take_mailbox(p);
    imap_take_sp(p);
    add_pattern(p, job, reference);
}

/* ---- matching ---- */

/* "*" is anything, "%" anything but the separator. Which positions of the name can be reached is
 * kept as a row of flags, so the work is at most pattern times name, whatever the pattern. */
static bool matches_pattern(struct str pattern, struct str name)
{
    unsigned char reach[LIMIT_MAILBOX_NAME + 1];
    if (name.n > LIMIT_MAILBOX_NAME)
        return false;
    memset(reach, 0, name.n + 1);
    reach[0] = 1;
    for (size_t i = 0; i < pattern.n; i++) {
        char c = pattern.p[i];
        if (c == '*' || c == '%') {
            for (size_t at = 0; at < name.n; at++)
                reach[at + 1] |= reach[at] & (c == '*' || name.p[at] != '/');
            continue;
        }
        for (size_t at = name.n; at > 0; at--)
            reach[at] = reach[at - 1] & (name.p[at - 1] == c);
        reach[0] = 0;
    }
    return reach[name.n];
}

/* INBOX matches in any case (RFC 9051 section 6.3.9). */
static bool matches_any(const struct list_job *job, struct str name)
{
    for (size_t i = 0; i < job->patterns_n; i++) {
        struct str pattern = job->patterns[i];
        if (matches_pattern(pattern, name))
            return true;
        if (str_equal(name, STR("INBOX")) && str_equal_nocase(pattern, name))
            return true;
    }
    return false;
}

/* ---- answers; s->piece holds the name where the walk is ---- */

static const char *const role_attributes[STORE_ROLES] = {
    [STORE_ROLE_DRAFTS] = "\\Drafts",   [STORE_ROLE_SENT] = "\\Sent",
    [STORE_ROLE_ARCHIVE] = "\\Archive", [STORE_ROLE_JUNK] = "\\Junk",
    [STORE_ROLE_TRASH] = "\\Trash",
};

static void write_list(struct imap_session *s, const struct list_job *job,
                       const struct store_mailbox *m, bool exists, bool child_subscribed)
{
    buf_c(s->out, job->lsub ? "* LSUB (" : "* LIST (");
    if (!exists)
        buf_c(s->out, job->lsub ? "\\NoSelect" : "\\NonExistent");
    else
        buf_c(s->out, m->has_children ? "\\HasChildren" : "\\HasNoChildren");
    if (m->role < STORE_ROLES && role_attributes[m->role])
        buf_printf(s->out, " %s", role_attributes[m->role]);
    if (m->subscribed && !job->lsub)
        buf_c(s->out, " \\Subscribed");
    buf_c(s->out, ") \"/\" ");
    imap_write_mailbox(s->out, m->name, s->utf8);
    if (child_subscribed)
        buf_c(s->out, " (\"CHILDINFO\" (\"SUBSCRIBED\"))");
    buf_c(s->out, "\r\n");
}

/* Whether something subscribed is below name. */
static bool subscribed_below(struct imap_session *s, struct str name, bool *yes, struct error *err)
{
    struct buf after, stem;
    bool ok = true, inside = true;

    buf_init(&after, 2 * LIMIT_MAILBOX_NAME);
    buf_init(&stem, 2 * LIMIT_MAILBOX_NAME);
    buf_str(&stem, name);
    buf_char(&stem, '/');
    buf_str(&after, buf_view(&stem));
    *yes = false;
    while (ok && inside && !*yes) {
        struct arena arena;
        struct store_mailbox m;
        bool found;
        arena_init(&arena, 8 * LIMIT_MAILBOX_NAME);
        ok = store_mailbox_next(s->store, buf_view(&after), &arena, &m, &found, err);
        inside = ok && found && str_starts(m.name, buf_view(&stem));
        *yes = inside && m.subscribed;
        if (inside) {
            buf_reset(&after);
            buf_str(&after, m.name);
        }
        arena_done(&arena);
    }
    buf_done(&after);
    buf_done(&stem);
    return ok;
}

/* LSUB "%" shows the parent of what is subscribed below it (RFC 3501 section 6.3.9). */
static bool shows_parents(const struct list_job *job)
{
    return job->recursive || (job->lsub && str_ends(job->patterns[0], STR("%")));
}

/* Whether the selection options let it through; `child`: something subscribed is below it. */
static bool is_selected(const struct list_job *job, const struct store_mailbox *m, bool child)
{
    bool special = m->role != STORE_ROLE_NONE && m->role != STORE_ROLE_INBOX;
    if (job->select_subscribed && !m->subscribed && !child)
        return false;
    return (m->id != 0 || job->select_subscribed) && (special || !job->select_special);
}

static bool list_one(struct imap_session *s, struct list_job *job, const struct store_mailbox *m,
                     struct error *err)
{
    bool child = false;
    if (!matches_any(job, m->name))
        return true;
    if (shows_parents(job) && !(job->lsub && m->subscribed) &&
        !subscribed_below(s, m->name, &child, err))
        return false;
    if (!is_selected(job, m, child))
        return true;
    write_list(s, job, m, m->id != 0 && (!job->lsub || m->subscribed), child && !job->lsub);
    if (job->status && m->id != 0)
        imap_write_mailbox_status(s, m, job->status_items);
    return true;
}

enum imap_step imap_run_list(struct imap_session *s)
{
    struct list_job *job = s->job;
    struct error err = {0};
    if (job->hierarchy_only && !job->lsub) {
        buf_c(s->out, "* LIST (\\Noselect) \"/\" \"\"\r\n");
        return imap_ok(s, "Done");
    }
    for (int i = 0; i < LIST_STEP; i++) {
        struct arena arena;
        struct store_mailbox m;
        bool found;
        arena_init(&arena, 8 * LIMIT_MAILBOX_NAME);
        bool ok = store_mailbox_next(s->store, buf_view(&s->piece), &arena, &m, &found, &err) &&
                  (!found || list_one(s, job, &m, &err));
        if (ok && found) {
            buf_reset(&s->piece);
            buf_str(&s->piece, m.name);
        }
        arena_done(&arena);
        if (!ok)
            return imap_failed(s, &err, NULL);
        if (!found) {
            return imap_ok(s, "Done");
        }
    }
    return IMAP_MORE;
}
