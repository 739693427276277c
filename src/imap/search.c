/* imap/search.c: the grammar of SEARCH. */
#include "imap/search.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "store/store.h"

/* Where keys with a set are gathered while parsing; the arena's own, through the first key at the
 * end. */
struct grammar {
    struct imap_parse *p;
    struct imap_search_key *sets;
    unsigned depth;
};

static struct imap_search_key *take_key(struct grammar *g);
static struct imap_search_key *take_list(struct grammar *g, bool in_parentheses);

static struct imap_search_key *new_key(struct grammar *g, enum imap_search_kind kind)
{
    struct imap_search_key *key = NULL;
    if (imap_count_item(g->p))
        key = arena_alloc(g->p->arena, sizeof(*key));
    if (!key) {
        cursor_fail(&g->p->c, ERROR_LIMIT, "the search is too large");
        return NULL;
    }
    key->kind = kind;
    return key;
}

/* ---- text without case ---- */

/* Simple lower case of the scripts where that is a shift: Latin-1, Latin Extended-A, Greek,
 * Cyrillic. */
static uint32_t lower(uint32_t c)
{
    if (c < 0x80)
        return (uint32_t)(unsigned char)ascii_lower((char)c);
    if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9) ||
        (c >= 0x410 && c <= 0x42f))
        return c + 32;
    if (c >= 0x400 && c <= 0x40f)
        return c + 80;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
        return c % 2 ? c + 1 : c;
    if (c >= 0x100 && c <= 0x177 && c != 0x130 && c != 0x131 && c != 0x138)
        return c % 2 ? c : c + 1;
    return c;
}

/* Runs of ASCII are folded in place: searches of whole messages spend their time here. */
void imap_search_fold(struct buf *out, struct str text)
{
    for (size_t at = 0; at < text.n;) {
        size_t n = 0;
        while (at + n < text.n && (unsigned char)text.p[at + n] < 0x80)
            n++;
        char *room = buf_reserve(out, n);
        if (!room)
            return;
        for (size_t i = 0; i < n; i++)
            room[i] = ascii_lower(text.p[at + i]);
        buf_commit(out, n);
        at += n;
        if (at == text.n)
            return;
        size_t from = at;
        int32_t code = utf8_next(text, &at);
        if (code < 0)
            buf_add(out, text.p + from, at - from);
        else
            utf8_print(out, lower((uint32_t)code));
    }
}

static struct str folded(struct grammar *g, struct str text)
{
    struct buf b;
    buf_init(&b, 2 * text.n + 16);
    imap_search_fold(&b, text);
    struct str out = arena_str(g->p->arena, buf_view(&b));
    if (out.n != b.n)
        cursor_fail(&g->p->c, ERROR_LIMIT, "the search is too large");
    buf_done(&b);
    return out;
}

/* ---- keys with arguments ---- */

static void arg_text(struct grammar *g, struct imap_search_key *key)
{
    imap_take_sp(g->p);
    key->text = folded(g, imap_take_astring(g->p));
}

static void arg_header(struct grammar *g, struct imap_search_key *key)
{
    imap_take_sp(g->p);
    key->field = imap_take_astring(g->p);
    arg_text(g, key);
}

static void arg_keyword(struct grammar *g, struct imap_search_key *key)
{
    imap_take_sp(g->p);
    key->text = imap_take_atom(g->p);
}

static void arg_date(struct grammar *g, struct imap_search_key *key)
{
    imap_take_sp(g->p);
    key->date = imap_take_date(g->p);
}

static void arg_number(struct grammar *g, struct imap_search_key *key)
{
    imap_take_sp(g->p);
    key->number = cursor_number(&g->p->c, INT64_MAX);
}

/* "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer: entries are not kept apart
 * (RFC 7162 section 3.1.5). */
static void arg_modseq(struct grammar *g, struct imap_search_key *key)
{
    imap_take_sp(g->p);
    if (cursor_peek(&g->p->c) == '"') {
        (void)imap_take_string(g->p);
        imap_take_sp(g->p);
        (void)imap_take_atom(g->p);
        imap_take_sp(g->p);
    }
    key->number = imap_take_modseq(g->p);
}

static void add_set(struct grammar *g, struct imap_search_key *key, bool by_uid)
{
    key->set = imap_take_set(g->p);
    key->by_uid = by_uid || key->set.saved;
    key->next_set = g->sets;
    g->sets = key;
}

static void arg_uid(struct grammar *g, struct imap_search_key *key)
{
    imap_take_sp(g->p);
    add_set(g, key, true);
}

static const struct search_word {
    const char *word;
    enum imap_search_kind kind;
    bool negated;
    void (*argument)(struct grammar *g, struct imap_search_key *key);
    uint32_t flag;
    const char *field;
    enum imap_search_date which;
} search_words[] = {
    {"ALL", IMAP_SEARCH_ALL, false, NULL, 0, NULL, 0},
    {"ANSWERED", IMAP_SEARCH_FLAG, false, NULL, STORE_ANSWERED, NULL, 0},
    {"BCC", IMAP_SEARCH_HEADER, false, arg_text, 0, "Bcc", 0},
    {"BEFORE", IMAP_SEARCH_BEFORE, false, arg_date, 0, NULL, IMAP_SEARCH_INTERNAL},
    {"BODY", IMAP_SEARCH_BODY, false, arg_text, 0, NULL, 0},
    {"CC", IMAP_SEARCH_HEADER, false, arg_text, 0, "Cc", 0},
    {"DELETED", IMAP_SEARCH_FLAG, false, NULL, STORE_DELETED, NULL, 0},
    {"DRAFT", IMAP_SEARCH_FLAG, false, NULL, STORE_DRAFT, NULL, 0},
    {"FLAGGED", IMAP_SEARCH_FLAG, false, NULL, STORE_FLAGGED, NULL, 0},
    {"FROM", IMAP_SEARCH_HEADER, false, arg_text, 0, "From", 0},
    {"HEADER", IMAP_SEARCH_HEADER, false, arg_header, 0, NULL, 0},
    {"KEYWORD", IMAP_SEARCH_KEYWORD, false, arg_keyword, 0, NULL, 0},
    {"LARGER", IMAP_SEARCH_LARGER, false, arg_number, 0, NULL, 0},
    {"MODSEQ", IMAP_SEARCH_MODSEQ, false, arg_modseq, 0, NULL, 0},
    {"NEW", IMAP_SEARCH_NONE, false, NULL, 0, NULL, 0},
    {"OLD", IMAP_SEARCH_ALL, false, NULL, 0, NULL, 0},
    {"OLDER", IMAP_SEARCH_OLDER, false, arg_number, 0, NULL, 0},
    {"ON", IMAP_SEARCH_ON, false, arg_date, 0, NULL, IMAP_SEARCH_INTERNAL},
    {"RECENT", IMAP_SEARCH_NONE, false, NULL, 0, NULL, 0},
    {"SAVEDATESUPPORTED", IMAP_SEARCH_ALL, false, NULL, 0, NULL, 0},
    {"SAVEDBEFORE", IMAP_SEARCH_BEFORE, false, arg_date, 0, NULL, IMAP_SEARCH_SAVED},
    {"SAVEDON", IMAP_SEARCH_ON, false, arg_date, 0, NULL, IMAP_SEARCH_SAVED},
    {"SAVEDSINCE", IMAP_SEARCH_SINCE, false, arg_date, 0, NULL, IMAP_SEARCH_SAVED},
    {"SEEN", IMAP_SEARCH_FLAG, false, NULL, STORE_SEEN, NULL, 0},
    {"SENTBEFORE", IMAP_SEARCH_BEFORE, false, arg_date, 0, NULL, IMAP_SEARCH_SENT},
    {"SENTON", IMAP_SEARCH_ON, false, arg_date, 0, NULL, IMAP_SEARCH_SENT},
    {"SENTSINCE", IMAP_SEARCH_SINCE, false, arg_date, 0, NULL, IMAP_SEARCH_SENT},
    {"SINCE", IMAP_SEARCH_SINCE, false, arg_date, 0, NULL, IMAP_SEARCH_INTERNAL},
    {"SMALLER", IMAP_SEARCH_SMALLER, false, arg_number, 0, NULL, 0},
    {"SUBJECT", IMAP_SEARCH_HEADER, false, arg_text, 0, "Subject", 0},
    {"TEXT", IMAP_SEARCH_TEXT, false, arg_text, 0, NULL, 0},
    {"TO", IMAP_SEARCH_HEADER, false, arg_text, 0, "To", 0},
    {"UID", IMAP_SEARCH_SET, false, arg_uid, 0, NULL, 0},
    {"UNANSWERED", IMAP_SEARCH_FLAG, true, NULL, STORE_ANSWERED, NULL, 0},
    {"UNDELETED", IMAP_SEARCH_FLAG, true, NULL, STORE_DELETED, NULL, 0},
    {"UNDRAFT", IMAP_SEARCH_FLAG, true, NULL, STORE_DRAFT, NULL, 0},
    {"UNFLAGGED", IMAP_SEARCH_FLAG, true, NULL, STORE_FLAGGED, NULL, 0},
    {"UNKEYWORD", IMAP_SEARCH_KEYWORD, true, arg_keyword, 0, NULL, 0},
    {"UNSEEN", IMAP_SEARCH_FLAG, true, NULL, STORE_SEEN, NULL, 0},
    {"YOUNGER", IMAP_SEARCH_YOUNGER, false, arg_number, 0, NULL, 0},
};

/* ---- the tree ---- */

static struct imap_search_key *negation(struct grammar *g, struct imap_search_key *of)
{
    struct imap_search_key *key = new_key(g, IMAP_SEARCH_NOT);
    if (key)
        key->a = of;
    return key;
}

static struct imap_search_key *word_key(struct grammar *g, const struct search_word *w)
{
    struct imap_search_key *key = new_key(g, w->kind);
    if (!key)
        return NULL;
    key->flag = w->flag;
    key->which = w->which;
    if (w->field)
        key->field = str_c(w->field);
    if (w->argument)
        w->argument(g, key);
    return w->negated ? negation(g, key) : key;
}

/* OR a b, where b is often another OR: those are taken in a loop, so that a long chain is not deep.
 */
static struct imap_search_key *take_or(struct grammar *g)
{
    struct imap_search_key *first = NULL, **end = &first;
    do {
        struct imap_search_key *key = new_key(g, IMAP_SEARCH_OR);
        if (!key)
            return NULL;
        *end = key;
        end = &key->b;
        imap_take_sp(g->p);
        key->a = take_key(g);
        imap_take_sp(g->p);
    } while (!g->p->c.failed && cursor_accept_word(&g->p->c, STR("OR ")) && (g->p->c.at--, true));
    *end = take_key(g);
    return first;
}

static struct imap_search_key *take_word(struct grammar *g)
{
    struct str word = imap_take_atom(g->p);
    if (str_equal_nocase(word, STR("OR")))
        return take_or(g);
    if (str_equal_nocase(word, STR("NOT"))) {
        imap_take_sp(g->p);
        return negation(g, take_key(g));
    }
    for (size_t i = 0; i < ARRAY_LEN(search_words); i++)
        if (str_equal_nocase(word, str_c(search_words[i].word)))
            return word_key(g, &search_words[i]);
    cursor_fail(&g->p->c, ERROR_SYNTAX, "there is no such search key");
    return NULL;
}

static struct imap_search_key *take_key(struct grammar *g)
{
    struct imap_search_key *key = NULL;
    int next = cursor_peek(&g->p->c);
    if (++g->depth > LIMIT_IMAP_DEPTH)
        cursor_fail(&g->p->c, ERROR_LIMIT, "the search is nested too deep");
    if (g->p->c.failed)
        return NULL;
    if (cursor_accept(&g->p->c, '(')) {
        key = new_key(g, IMAP_SEARCH_AND);
        struct imap_search_key *list = take_list(g, true);
        if (key)
            key->a = list;
    } else if (next == '*' || next == '$' || (next >= '0' && next <= '9')) {
        key = new_key(g, IMAP_SEARCH_SET);
        if (key)
            add_set(g, key, false);
    } else {
        key = take_word(g);
    }
    g->depth--;
    return key;
}

static struct imap_search_key *take_list(struct grammar *g, bool in_parentheses)
{
    struct imap_search_key *first = NULL, **end = &first;
    do {
        *end = take_key(g);
        if (!*end || g->p->c.failed)
            return NULL;
        end = &(*end)->next;
    } while (cursor_peek2(&g->p->c) != '\r' && cursor_accept(&g->p->c, ' '));
    if (in_parentheses)
        cursor_expect(&g->p->c, ')');
    return first;
}

struct imap_search_key *imap_take_search(struct imap_parse *p)
{
    struct grammar g = {.p = p};
    struct imap_search_key *first = take_list(&g, false);
    if (!first || p->c.failed)
        return NULL;
    /* The whole begins with a key that matches all and holds the list of sets. */
    struct imap_search_key *head = new_key(&g, IMAP_SEARCH_ALL);
    if (!head)
        return NULL;
    head->next = first;
    head->next_set = g.sets;
    return head;
}

struct imap_search_key *imap_search_sets(struct imap_search_key *first)
{
    return first->next_set;
}

static bool uses_modseq(const struct imap_search_key *key)
{
    for (; key; key = key->next) {
        if (key->kind == IMAP_SEARCH_MODSEQ)
            return true;
        for (const struct imap_search_key * or = key; or && or->kind == IMAP_SEARCH_OR; or = or->b)
            if (uses_modseq(or->a) ||
                (or->b && or->b->kind != IMAP_SEARCH_OR && uses_modseq(or->b)))
                return true;
        if (key->kind != IMAP_SEARCH_OR && key->a && uses_modseq(key->a))
            return true;
    }
    return false;
}

bool imap_search_uses_modseq(const struct imap_search_key *first)
{
    return uses_modseq(first);
}
