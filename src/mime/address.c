/* mime/address.c: see address.h. */
#include "mime/address.h"

#include "base/limits.h"
#include "mime/lex.h"

#include <string.h>

#define SEPARATOR '\r'

/* Words up to one of "<>@:;," collected in list->words. Whether they are a phrase or a local part
 * is known only when the next character is seen; until then a CR, which no word holds, stands
 * between them. */
struct phrase {
    size_t from; /* where the words begin */
    size_t last; /* where the last one does, which may be a local part */
    struct str comment;
    struct str before; /* comment, as it was when the last word began */
};

void mime_addresses_begin(struct mime_addresses *list, struct str value, struct arena *arena)
{
    *list = (struct mime_addresses){0};
    list->words = arena_alloc(arena, value.n + 1);
    cursor_init(&list->in, list->words ? value : STR_NULL);
}

static void add_char(struct mime_addresses *list, char ch)
{
    if (list->words_n < list->in.in.n)
        list->words[list->words_n++] = ch;
}

/* raw lies in the input, before the cursor, and is used once: so it fits. */
static struct str add_unquoted(struct mime_addresses *list, struct str raw)
{
    size_t from = list->words_n;

    if (raw.n <= list->in.in.n - from)
        list->words_n += mime_lex_unquote(list->words + from, raw);
    return str_of(list->words + from, list->words_n - from);
}

/* As above, of words that hold nothing to unquote. */
static void add_plain(struct mime_addresses *list, struct str raw)
{
    if (raw.n == 0 || raw.n > list->in.in.n - list->words_n)
        return;
    memcpy(list->words + list->words_n, raw.p, raw.n);
    list->words_n += raw.n;
}

/* The words from here on, as a phrase: with spaces between. */
static struct str words_from(struct mime_addresses *list, size_t from)
{
    for (size_t i = from; i < list->words_n; i++)
        if (list->words[i] == SEPARATOR)
            list->words[i] = ' ';
    return str_of(list->words + from, list->words_n - from);
}

/* word = atom / quoted-string, with its separator before it. False when no word stands here. */
static bool add_word(struct mime_addresses *list, struct phrase *phrase)
{
    struct cursor *c = &list->in;
    /* An encoded-word may hold specials when its sender is careless. */
    size_t space = list->words_n, encoded = mime_lex_encoded_word(cursor_rest(c));
    bool quoted = cursor_peek(c) == '"', atom = !quoted && !encoded, joins;
    struct str raw = quoted ? mime_lex_quoted(c)
                     : atom ? mime_lex_atom(c)
                            : cursor_bytes(c, encoded);

    if (atom && raw.n == 0)
        return false;
    /* local-part of several words: "a . b@c" (RFC 5322 section 4.4, obs-local-part). */
    joins = space > phrase->from && (list->words[space - 1] == '.' || (!quoted && raw.p[0] == '.'));
    if (space > phrase->from)
        add_char(list, SEPARATOR);
    if (!joins) {
        phrase->last = list->words_n;
        phrase->before = phrase->comment;
    }
    if (atom)
        add_plain(list, raw);
    else
        add_unquoted(list, raw);
    return true;
}

static struct phrase read_phrase(struct mime_addresses *list)
{
    struct phrase phrase = {.from = list->words_n, .last = list->words_n};

    do
        mime_lex_cfws(&list->in, &phrase.comment);
    while (add_word(list, &phrase));
    return phrase;
}

/* domain = dot-atom / domain-literal / obs-domain; with its white space and comments, which are
 * dropped. *comment becomes the one after it. */
static struct str domain(struct mime_addresses *list, struct str *comment)
{
    struct cursor *c = &list->in;
    size_t from = list->words_n;
    struct str behind = STR_NULL;

    mime_lex_cfws(c, NULL);
    if (cursor_peek(c) == '[') {
        while (c->at < c->in.n && c->in.p[c->at] != ']') {
            char ch = c->in.p[c->at++];

            if (ch != ' ' && ch != '\t' && ch != '\r' && ch != '\n' && ch != '\0')
                add_char(list, ch);
        }
        if (cursor_accept(c, ']'))
            add_char(list, ']');
        return words_from(list, from);
    }
    for (;;) {
        struct str run = mime_lex_atom(c), after = STR_NULL;
        bool dot = list->words_n > from && list->words[list->words_n - 1] == '.';

        if (run.n == 0 || (list->words_n > from && !dot && run.p[0] != '.')) {
            c->at -= run.n;
            break;
        }
        add_plain(list, run);
        mime_lex_cfws(c, &after);
        behind = after;
    }
    if (comment && behind.n)
        *comment = behind;
    return words_from(list, from);
}

/* The local part that the phrase turns out to be: its last word, or several with dots between. */
static struct str local_part(struct mime_addresses *list, const struct phrase *phrase)
{
    char *p = list->words + phrase->last;
    size_t n = list->words_n - phrase->last, kept = 0;

    for (size_t i = 0; i < n; i++)
        if (p[i] != SEPARATOR)
            p[kept++] = p[i];
    list->words_n = phrase->last + kept;
    return str_of(p, kept);
}

/* The words before the local part, without the separator between. */
static struct str name_before(struct mime_addresses *list, const struct phrase *phrase)
{
    struct str name = str_of(list->words + phrase->from, phrase->last - phrase->from);

    for (size_t i = 0; i < name.n; i++)
        if (list->words[phrase->from + i] == SEPARATOR)
            list->words[phrase->from + i] = ' ';
    return str_trim(name);
}

/* Goes to what ends an address; with `angle` a "<" ends it too. Without it a "<" means that a comma
 * is missing (Python's email encodes some): then nothing is passed. */
static void skip_junk(struct mime_addresses *list, bool angle, struct str *comment)
{
    struct cursor *c = &list->in;
    size_t from = c->at;

    while (c->at < c->in.n) {
        char ch = c->in.p[c->at];

        if (ch == ',' || ch == ';' || (angle && ch == '<'))
            return;
        if (ch == '<') {
            c->at = from;
            return;
        }
        if (ch == '"')
            mime_lex_quoted(c);
        else if (ch == '(')
            mime_lex_cfws(c, comment);
        else
            c->at++;
    }
}

/* angle-addr = "<" [obs-route] addr-spec ">" */
static void angle_addr(struct mime_addresses *list, struct mime_address *out, struct str *comment)
{
    struct cursor *c = &list->in;
    struct phrase phrase;

    c->at++;
    mime_lex_cfws(c, NULL);
    if (cursor_peek(c) == '@') { /* obs-route = "@" domain *("," "@" domain) ":" */
        size_t from = list->words_n;

        while (cursor_peek(c) == '@' || cursor_peek(c) == ',') {
            add_char(list, (char)cursor_take(c));
            domain(list, NULL);
        }
        cursor_accept(c, ':');
        out->route = words_from(list, from);
    }
    phrase = read_phrase(list);
    if (cursor_accept(c, '@')) {
        out->local = local_part(list, &phrase);
        out->domain = domain(list, NULL);
    } else {
        out->local = words_from(list, phrase.from);
    }
    while (c->at < c->in.n && c->in.p[c->at] != '>' && c->in.p[c->at] != ',')
        c->at++;
    cursor_accept(c, '>');
    skip_junk(list, false, comment);
}

/* After the phrase came "@": an addr-spec, unless "<" follows, which makes all of it a name. */
static void addr_spec(struct mime_addresses *list, struct phrase *phrase, struct mime_address *out)
{
    struct cursor *c = &list->in;
    size_t local_n;

    out->name = name_before(list, phrase);
    phrase->comment = phrase->before; /* one within the address is no name */
    local_n = local_part(list, phrase).n;
    c->at++;
    add_char(list, '@');
    out->domain = domain(list, &phrase->comment);
    out->local = str_of(list->words + phrase->last, local_n);
    skip_junk(list, true, &phrase->comment);
    if (cursor_peek(c) != '<')
        return;
    out->name = words_from(list, phrase->from);
    angle_addr(list, out, &phrase->comment);
}

static void group_begin(struct mime_addresses *list, const struct phrase *phrase,
                        struct mime_address *out)
{
    list->in.at++;
    list->in_group = true;
    out->kind = MIME_ADDRESS_GROUP;
    out->name = words_from(list, phrase->from);
}

/* mailbox / group. False when nothing stood here but what separates. */
static bool address(struct mime_addresses *list, struct mime_address *out)
{
    struct cursor *c = &list->in;
    struct phrase phrase = read_phrase(list);
    int next = cursor_peek(c);

    if (next == '<') {
        out->name = words_from(list, phrase.from);
        angle_addr(list, out, &phrase.comment);
    } else if (next == '@') {
        addr_spec(list, &phrase, out);
    } else if (next == ':' && !list->in_group) {
        group_begin(list, &phrase, out);
        return true;
    } else {
        out->local = words_from(list, phrase.from);
        if (next >= 0 && next != ',' && next != ';')
            c->at++; /* a special that begins nothing */
        if (out->local.n == 0)
            return false;
    }
    if (out->name.n == 0 && phrase.comment.n)
        out->name = str_trim(add_unquoted(list, phrase.comment));
    return true;
}

bool mime_addresses_next(struct mime_addresses *list, struct mime_address *out)
{
    struct cursor *c = &list->in;

    while (list->count < LIMIT_MIME_ADDRESSES) {
        struct mime_address found = {0};

        mime_lex_cfws(c, NULL);
        if (cursor_at_end(c))
            break;
        if (cursor_peek(c) == ',' || cursor_peek(c) == ';') {
            if (cursor_take(c) == ',' || !list->in_group)
                continue;
            list->in_group = false;
            found.kind = MIME_ADDRESS_GROUP_END;
        } else if (!address(list, &found)) {
            continue;
        }
        list->count++;
        *out = found;
        return true;
    }
    if (!list->in_group)
        return false;
    list->in_group = false;
    *out = (struct mime_address){.kind = MIME_ADDRESS_GROUP_END};
    return true;
}
