/* mime/thread.c: see thread.h. */
#include "mime/thread.h"

#include "base/limits.h"
#include "mime/lex.h"

#include <string.h>

/* The next "<...>" from *at on; the inside. A second "<" begins anew. */
static bool next_id(struct str in, size_t *at, struct str *out)
{
    size_t open = SIZE_MAX;

    for (; *at < in.n; ++*at) {
        if (in.p[*at] == '<') {
            open = *at + 1;
        } else if (in.p[*at] == '>' && open != SIZE_MAX) {
            *out = str_sub(in, open, *at - open);
            ++*at;
            return true;
        }
    }
    return false;
}

/* Clients fold long ids, so white space inside is no part of them; but in a quoted string it is
 * (RFC 5322 section 4.5.4, obs-id-left). */
static struct str without_blanks(struct str raw, struct arena *arena)
{
    size_t n = 0, i = 0;
    bool quoted = false;
    char *to;

    while (i < raw.n && (unsigned char)raw.p[i] > ' ')
        i++;
    if (i == raw.n)
        return raw;
    if (!(to = arena_alloc(arena, raw.n)))
        return STR_NULL;
    for (i = 0; i < raw.n; i++) {
        quoted ^= raw.p[i] == '"';
        if ((unsigned char)raw.p[i] > ' ' || (quoted && raw.p[i] == ' '))
            to[n++] = raw.p[i];
    }
    return str_of(to, n);
}

/* Some programs encode a msg-id that is too long for a line, against RFC 2047 section 5. */
static struct str without_words(struct str value, struct arena *arena)
{
    return str_find(value, STR("=?")) == SIZE_MAX ? value : mime_decode_words(value, arena);
}

struct str mime_message_id(struct str value, struct arena *arena)
{
    struct str id;
    size_t at = 0;

    value = without_words(value, arena);
    if (next_id(value, &at, &id))
        return without_blanks(id, arena);
    value = str_trim(value);
    if (value.n && value.p[0] == '<')
        value = str_skip(value, 1);
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] <= ' ' || value.p[i] == '>')
            value.n = i;
    return value;
}

/* Ids found so far. The first stays; when it is full the oldest of the others makes room. */
struct ids {
    struct str ids[LIMIT_MIME_REFERENCES];
    size_t n, next; /* where the next one of a full list goes */
};

static void add_id(struct ids *ids, struct str id)
{
    if (id.n == 0)
        return;
    if (ids->n < LIMIT_MIME_REFERENCES) {
        ids->ids[ids->n++] = id;
        return;
    }
    if (ids->next == 0)
        ids->next = 1;
    ids->ids[ids->next] = id;
    ids->next = ids->next + 1 < LIMIT_MIME_REFERENCES ? ids->next + 1 : 1;
}

static bool has_id(const struct ids *ids, struct str id)
{
    for (size_t i = 0; i < ids->n; i++)
        if (str_equal(ids->ids[i], id))
            return true;
    return false;
}

void mime_references(struct str references, struct str in_reply_to, struct arena *arena,
                     struct str **out, uint32_t *out_n)
{
    struct ids ids = {.n = 0};
    struct str id, *list;
    uint32_t n = 0;

    references = without_words(references, arena);
    in_reply_to = without_words(in_reply_to, arena);
    for (size_t at = 0; next_id(references, &at, &id);)
        add_id(&ids, without_blanks(id, arena));
    for (size_t at = 0, tries = 0; tries < LIMIT_MIME_REFERENCES && next_id(in_reply_to, &at, &id);
         tries++) {
        id = without_blanks(id, arena);
        if (!has_id(&ids, id))
            add_id(&ids, id);
    }
    if (ids.n == 0 || !(list = arena_array(arena, ids.n, sizeof *list)))
        return;
    list[n++] = ids.ids[0];
    for (size_t i = size_max(ids.next, 1); i < ids.n; i++)
        list[n++] = ids.ids[i];
    for (size_t i = 1; i < ids.next; i++)
        list[n++] = ids.ids[i];
    *out = list;
    *out_n = n;
}

/* Takes "[" *BLOBCHAR "]" *WSP off the front. */
static bool cut_blob(struct str *s)
{
    size_t i = 1;

    if (s->n == 0 || s->p[0] != '[')
        return false;
    while (i < s->n && s->p[i] != ']' && s->p[i] != '[')
        i++;
    if (i == s->n || s->p[i] != ']')
        return false;
    *s = str_trim(str_skip(*s, i + 1));
    return true;
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
static bool cut_refwd(struct str *s)
{
    struct str rest;

    if (str_starts_nocase(*s, STR("fwd")))
        rest = str_skip(*s, 3);
    else if (str_starts_nocase(*s, STR("re")) || str_starts_nocase(*s, STR("fw")))
        rest = str_skip(*s, 2);
    else
        return false;
    rest = str_trim(rest);
    cut_blob(&rest);
    if (rest.n == 0 || rest.p[0] != ':')
        return false;
    *s = str_trim(str_skip(rest, 1));
    return true;
}

/* subj-leader = (*subj-blob subj-refwd) / WSP; blobs are kept when no subj-refwd follows. */
static bool cut_leader(struct str *s)
{
    struct str rest = *s;

    for (int i = 0; i < 8 && cut_blob(&rest);)
        i++;
    if (!cut_refwd(&rest))
        return false;
    *s = rest;
    return true;
}

static bool cut_trailer(struct str *s)
{
    struct str fwd = STR("(fwd)");

    if (s->n < fwd.n || !str_equal_nocase(str_skip(*s, s->n - fwd.n), fwd))
        return false;
    *s = str_trim(str_sub(*s, 0, s->n - fwd.n));
    return true;
}

/* A leading blob goes when something is left after it (step 4). */
static bool cut_leading_blob(struct str *s)
{
    struct str rest = *s;

    if (!cut_blob(&rest) || rest.n == 0)
        return false;
    *s = rest;
    return true;
}

/* subj-fwd = "[fwd:" ... "]" (step 6) */
static bool cut_wrapper(struct str *s)
{
    if (!str_starts_nocase(*s, STR("[fwd:")) || s->p[s->n - 1] != ']')
        return false;
    *s = str_trim(str_sub(str_skip(*s, 5), 0, s->n - 6));
    return true;
}

struct str mime_base_subject(struct str subject, struct arena *arena)
{
    char *p = arena_alloc(arena, subject.n + 1);
    struct str s;
    size_t n = 0;

    if (!p)
        return STR_NULL;
    for (size_t i = 0; i < subject.n; i++) { /* step 1: white space is one space */
        bool space = subject.p[i] == ' ' || subject.p[i] == '\t';

        if (!space)
            p[n++] = ascii_lower(subject.p[i]);
        else if (n && p[n - 1] != ' ')
            p[n++] = ' ';
    }
    s = str_trim(str_of(p, n));
    do {
        while (cut_trailer(&s)) /* step 2 */
            ;
        while (cut_leader(&s) || cut_leading_blob(&s)) /* steps 3 to 5 */
            ;
    } while (cut_wrapper(&s)); /* step 6 */
    return s;
}
