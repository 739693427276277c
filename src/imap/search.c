/* imap/search.c: the grammar of SEARCH. */
#include "imap/search.h"

#include "base/limits.h"
#include "mime/charset.h"
#include "store/store.h"
#include "text/fold.h"

/* Where keys with a set, and those that look into text, are gathered while parsing; at the end the
 * first key has them. */
struct grammar {
    struct imap_parse *p;
    struct str charset;
    struct imap_search_key *sets, *texts;
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

/* ---- what is looked for in text ---- */

static struct str folded_text(struct grammar *g, struct str words)
{
    struct buf utf8, text;
    buf_init(&utf8, 4 * words.n + 16);
    buf_init(&text, 12 * (4 * words.n + 16));
    mime_charset_convert(&utf8, g->charset, words);
    text_fold_query(&text, buf_view(&utf8));
    struct str out = arena_str(g->p->arena, buf_view(&text));
    if (out.n != text.n)
        cursor_fail(&g->p->c, ERROR_LIMIT, "the search is too large");
    buf_done(&utf8);
    buf_done(&text);
    return out;
}

/* ---- keys with arguments ---- */

static void arg_text(struct grammar *g, struct imap_search_key *key)
{
    imap_take_sp(g->p);
    key->text = folded_text(g, imap_take_astring(g->p));
    key->next_text = g->texts;
    g->texts = key;
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

static struct imap_search_key *negation_key(struct grammar *g, struct imap_search_key *of)
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
    return w->negated ? negation_key(g, key) : key;
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
        return negation_key(g, take_key(g));
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

struct imap_search_key *imap_take_search(struct imap_parse *p, struct str charset)
{
    struct grammar g = {.p = p, .charset = charset};
    struct imap_search_key *first = take_list(&g, false);
    if (!first || p->c.failed)
        return NULL;
    /* The whole begins with a key that matches all and holds the lists. */
    struct imap_search_key *head = new_key(&g, IMAP_SEARCH_ALL);
    if (!head)
        return NULL;
    head->next = first;
    head->next_set = g.sets;
    head->next_text = g.texts;
    return head;
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
