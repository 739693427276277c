/* imap/cmd_search.c: SEARCH (RFC 9051 section 6.4.4), with RETURN (ESEARCH, SEARCHRES), MODSEQ (RFC
 * 7162 section 3.1.5), OLDER and YOUNGER (RFC 5032), and the saved date (RFC 8514). One message a
 * step, then the answer in pieces. */
#include "imap/session_int.h"

#include "base/clock.h"
#include "base/limits.h"
#include "imap/search.h"
#include "mime/charset.h"

#define PIECE (64u << 10)

#define RETURN_MIN 1u
#define RETURN_MAX 2u
#define RETURN_ALL 4u
#define RETURN_COUNT 8u
#define RETURN_SAVE 16u

struct search_job {
    struct imap_search_key *key;
    struct imap_search *search; /* heap */
    unsigned wants;             /* RETURN_...; 0: the old answer */
    bool extended;
    bool inside, answered; /* a message is looked at; the answer is being sent */
    struct imap_walk walk;
    uint64_t modseq; /* highest of the messages found */
    bool tells_modseq;
    size_t sent; /* of s->piece, which holds the answer */
};

/* ---- arguments ---- */

/* search-return-opts = "RETURN" SP "(" [opt *(SP opt)] ")" */
static void take_return(struct imap_parse *p, struct search_job *job)
{
    static const struct {
        const char *word;
        unsigned want;
    } options[] = {{"MIN", RETURN_MIN},
                   {"MAX", RETURN_MAX},
                   {"ALL", RETURN_ALL},
                   {"COUNT", RETURN_COUNT},
                   {"SAVE", RETURN_SAVE}};
    job->extended = true;
    imap_take_sp(p);
    cursor_expect(&p->c, '(');
    while (!p->c.failed && !cursor_accept(&p->c, ')')) {
        unsigned want = 0;
        struct str word = imap_take_atom(p);
        for (size_t i = 0; i < ARRAY_LEN(options); i++)
            if (str_equal_nocase(word, str_c(options[i].word)))
                want = options[i].want;
        if (want == 0)
            cursor_fail(&p->c, ERROR_SYNTAX, "there is no such RETURN option");
        job->wants |= want;
        if (cursor_peek(&p->c) != ')')
            imap_take_sp(p);
    }
    if (job->wants == 0)
        job->wants = RETURN_ALL;
    imap_take_sp(p);
}

static void search_job_done(void *arg)
{
    struct search_job *job = arg;
    imap_search_destroy(job->search);
}

const struct imap_job imap_job_search = {.size = sizeof(struct search_job),
                                         .done = search_job_done};

void imap_check_search(struct imap_session *s, struct imap_parse *p)
{
    struct search_job *job = s->job;
    struct str charset = STR("UTF-8");
    imap_take_sp(p);
    if (cursor_accept_word(&p->c, STR("RETURN")))
        take_return(p, job);
    if (cursor_accept_word(&p->c, STR("CHARSET"))) {
        imap_take_sp(p);
        charset = imap_take_astring(p);
        imap_take_sp(p);
    }
    if (!mime_charset_known(charset))
        imap_no(s, "BADCHARSET (US-ASCII UTF-8)",
                "This charset is not known here; search in UTF-8");
    job->key = imap_take_search(p, charset);
}

/* ---- sets ---- */

/* A number that is not there matches nothing: clients search 1:500 whatever there is. */
static void drop_missing(struct imap_set *set, uint32_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->n; i++) {
        struct imap_range r = set->ranges[i];
        uint64_t low = r.from < r.to ? r.from : r.to;
        if (low == 0 || (low != IMAP_STAR && low > n))
            continue;
        r.from = r.from != IMAP_STAR && r.from > n ? n : r.from;
        r.to = r.to != IMAP_STAR && r.to > n ? n : r.to;
        set->ranges[kept++] = r;
    }
    set->n = kept;
}

/* Sets become spans of numbers once, so that a message is looked up in them by halving. */
static bool prepare_set(struct imap_session *s, struct imap_search_key *key)
{
    struct imap_set set = key->set;
    if (!key->by_uid)
        drop_missing(&set, s->selected.view.n);
    if (!imap_resolve(s, &set, key->by_uid))
        return false;
    key->spans = arena_array(&s->arena, s->numbers.n, sizeof(*key->spans));
    if (!key->spans && s->numbers.n > 0) {
        imap_no(s, "LIMIT", "The search is too large");
        return false;
    }
    for (size_t i = 0; i < s->numbers.n; i++)
        key->spans[i] = *(struct imap_span *)vec_at(&s->numbers, i);
    key->spans_n = s->numbers.n;
    return true;
}

/* False: the answer is set. */
static bool prepare_search(struct imap_session *s, struct search_job *job)
{
    struct imap_search_key *set = NULL;
    for (struct imap_search_key *k = job->key->next_set; k; k = k->next_set)
        if (!prepare_set(s, k))
            return false;
    /* A set that everything must be in is all that is looked at. */
    for (struct imap_search_key *k = job->key; k; k = k->next)
        if (k->kind == IMAP_SEARCH_SET)
            set = k;
    vec_reset(&s->numbers);
    for (size_t i = 0; set && i < set->spans_n; i++)
        *(struct imap_span *)vec_add(&s->numbers) = set->spans[i];
    if (!set && s->selected.view.n > 0)
        *(struct imap_span *)vec_add(&s->numbers) = (struct imap_span){1, s->selected.view.n};
    job->search = imap_search_create(s, job->key);
    job->tells_modseq = imap_search_uses_modseq(job->key);
    s->condstore |= job->tells_modseq;
    return true;
}

/* ---- the answer ---- */

static void save_found(struct imap_session *s, const struct search_job *job)
{
    const uint32_t *uids = s->uids.p;
    size_t n = s->uids.n;
    bool ends_only =
        (job->wants & (RETURN_MIN | RETURN_MAX)) && !(job->wants & (RETURN_ALL | RETURN_COUNT));
    vec_reset(&s->saved);
    if (n == 0)
        return;
    if (!ends_only) {
        for (size_t i = 0; i < n; i++)
            *(uint32_t *)vec_add(&s->saved) = uids[i];
        return;
    }
    if (job->wants & RETURN_MIN)
        *(uint32_t *)vec_add(&s->saved) = uids[0];
    if ((job->wants & RETURN_MAX) && (n > 1 || !(job->wants & RETURN_MIN)))
        *(uint32_t *)vec_add(&s->saved) = uids[n - 1];
}

static void write_old(struct imap_session *s, const struct search_job *job)
{
    const uint32_t *found = s->uids.p;
    buf_c(&s->piece, "* SEARCH");
    for (size_t i = 0; i < s->uids.n; i++) {
        buf_char(&s->piece, ' ');
        buf_u64(&s->piece, found[i]);
    }
    if (job->tells_modseq && s->uids.n > 0)
        buf_printf(&s->piece, " (MODSEQ %llu)", (unsigned long long)job->modseq);
    buf_c(&s->piece, "\r\n");
}

static void write_extended(struct imap_session *s, const struct search_job *job)
{
    const uint32_t *found = s->uids.p;
    size_t n = s->uids.n;
    buf_c(&s->piece, "* ESEARCH (TAG ");
    imap_write_string(&s->piece, s->tag);
    buf_c(&s->piece, s->command->flags & IMAP_UID ? ") UID" : ")");
    if ((job->wants & RETURN_MIN) && n > 0)
        buf_printf(&s->piece, " MIN %u", found[0]);
    if ((job->wants & RETURN_MAX) && n > 0)
        buf_printf(&s->piece, " MAX %u", found[n - 1]);
    if (job->wants & RETURN_COUNT)
        buf_printf(&s->piece, " COUNT %zu", n);
    if ((job->wants & RETURN_ALL) && n > 0) {
        buf_c(&s->piece, " ALL ");
        imap_write_set(&s->piece, found, n);
    }
    if (job->tells_modseq && n > 0)
        buf_printf(&s->piece, " MODSEQ %llu", (unsigned long long)job->modseq);
    buf_c(&s->piece, "\r\n");
}

static void make_answer(struct imap_session *s, struct search_job *job)
{
    uint32_t *found = s->uids.p;
    job->answered = true;
    if (job->wants & RETURN_SAVE)
        save_found(s, job);
    if (!(s->command->flags & IMAP_UID))
        for (size_t i = 0; i < s->uids.n; i++)
            found[i] = imap_view_number(&s->selected.view, found[i]);
    if (!job->extended)
        write_old(s, job);
    else if (job->wants != RETURN_SAVE)
        write_extended(s, job);
}

static enum imap_step send_piece(struct imap_session *s, struct search_job *job)
{
    struct str piece = str_sub(buf_view(&s->piece), job->sent, PIECE);
    buf_str(s->out, piece);
    job->sent += piece.n;
    if (job->sent < s->piece.n)
        return IMAP_MORE;
    return imap_ok(s, "Searched");
}

static enum imap_step search_failed(struct imap_session *s, const struct search_job *job,
                                    const struct error *err)
{
    if (job->wants & RETURN_SAVE) /* RFC 9051 section 6.4.4.1 */
        vec_reset(&s->saved);
    return imap_failed(s, err, NULL);
}

/* A piece of the message where the walk is. */
static enum imap_step look_at_message(struct imap_session *s, struct search_job *job)
{
    enum imap_search_answer answer;
    struct error err = {0};
    uint64_t modseq = 0;
    if (!imap_search_step(job->search, job->walk.number, &answer, &modseq, &err))
        return search_failed(s, job, &err);
    job->inside = answer == IMAP_SEARCH_OPEN;
    if (answer == IMAP_SEARCH_YES) {
        *(uint32_t *)vec_add(&s->uids) = imap_view_uid(&s->selected.view, job->walk.number);
        job->modseq = modseq > job->modseq ? modseq : job->modseq;
    }
    return IMAP_MORE;
}

enum imap_step imap_run_search(struct imap_session *s)
{
    struct search_job *job = s->job;
    if (!job->search && !prepare_search(s, job))
        return IMAP_DONE;
    if (job->answered)
        return send_piece(s, job);
    if (job->inside || imap_walk_next(s, &job->walk))
        return look_at_message(s, job);
    make_answer(s, job);
    return IMAP_MORE;
}
