/* imap/search_text.c: which of the strings of a search are in the text of a message. All of them are
 * looked for in one pass: over the fields of the header for HEADER and its like, then over the text
 * that text/text.h reads for TEXT and BODY. Each piece of text is compared with one string after
 * another; a step ends after so many bytes were read or compared, wherever that is, because neither a
 * message nor a command may hold the loop. */
#include "imap/search_int.h"

#include "base/limits.h"
#include "mime/message.h"

#define WHOLE ((uint64_t)5 << 20) /* so much is read at once: a row of contents is not larger */
#define PIECE ((uint64_t)256 << 10)
#define COMPARE_MOST ((size_t)4 << 20) /* bytes a step */
#define FIELDS_MOST ((size_t)64 << 10) /* bytes of a header a step */

/* ---- bytes ---- */

static bool load_bytes(struct imap_search *search, uint64_t from, uint64_t n, struct error *err)
{
    uint64_t size = search->email.size;

    if (size > WHOLE)
        n = n > PIECE ? n : PIECE;
    else
        from = 0, n = size;
    buf_done(&search->bytes);
    buf_init(&search->bytes, (size_t)n + 1);
    search->bytes_at = from;
    return store_email_read(search->s->store, search->email.id, from, n, &search->bytes, err);
}

/* A message larger than WHOLE is read as it is needed. */
static bool read_bytes(void *arg, uint64_t from, size_t n, struct buf *out, struct error *err)
{
    struct imap_search *search = arg;
    struct str have;

    if (n == 0)
        return true;
    if ((from < search->bytes_at || from + n > search->bytes_at + search->bytes.n) &&
        !load_bytes(search, from, n, err))
        return false;
    have = str_sub(buf_view(&search->bytes), (size_t)(from - search->bytes_at), n);
    buf_str(out, have);
    return have.n == n ||
           error_set(err, ERROR_DAMAGED, "message %u is shorter than it was", search->message.uid);
}

static bool need_parts(struct imap_search *search)
{
    struct store_part *parts;
    uint32_t n;

    if (search->has_parts || !imap_search_need_email(search))
        return search->has_parts;
    if (!store_email_parts(search->s->store, search->email.id, &search->arena, &parts, &n,
                           &search->err))
        return false;
    search->parts = arena_array(&search->arena, n, sizeof(*search->parts));
    if (!search->parts)
        return error_set(&search->err, ERROR_LIMIT, "too much memory for one message");
    for (uint32_t i = 0; i < n; i++)
        search->parts[i] = (struct text_part){parts[i].header_at, parts[i].body_at, parts[i].end_at,
                                              parts[i].multipart, parts[i].message};
    search->parts_n = n;
    search->has_parts = true;
    return true;
}

/* ---- comparing ---- */

static bool is_header_key(const struct imap_search_key *key)
{
    return key->kind == IMAP_SEARCH_HEADER;
}

/* Whether what is in the window is what this key looks into. */
static bool looks_here(const struct imap_search *search, const struct imap_search_key *key)
{
    if (key->found)
        return false;
    if (search->reading)
        return key->kind == IMAP_SEARCH_TEXT ||
               (key->kind == IMAP_SEARCH_BODY && search->kind == TEXT_BODY);
    return is_header_key(key) && str_equal_nocase(key->field, search->field);
}

/* Goes on comparing; search->next is where it stopped. */
static void compare_window(struct imap_search *search)
{
    size_t work = 0;

    for (; search->next && work < COMPARE_MOST; search->next = search->next->next_text) {
        if (!looks_here(search, search->next))
            continue;
        search->next->found = str_find(buf_view(&search->window), search->next->text) != SIZE_MAX;
        work += search->window.n + 100;
    }
}

/* ---- HEADER ---- */

static bool wants_field(const struct imap_search *search, struct str name)
{
    for (const struct imap_search_key *k = search->first->next_text; k; k = k->next_text)
        if (is_header_key(k) && !k->found && str_equal_nocase(k->field, name))
            return true;
    return false;
}

static bool load_header(struct imap_search *search)
{
    uint64_t n;

    search->has_header = true;
    buf_reset(&search->header);
    if (!need_parts(search))
        return false;
    n = search->parts[0].body_at;
    n = n < LIMIT_SEARCH_HEADER ? n : LIMIT_SEARCH_HEADER;
    return read_bytes(search, 0, (size_t)n, &search->header, &search->err);
}

/* Some fields, up to one that is compared. */
static void step_header(struct imap_search *search)
{
    size_t to = search->field_at + FIELDS_MOST;
    struct mime_field field;

    if (!search->has_header && !load_header(search)) {
        search->header_done = true;
        return;
    }
    while (search->field_at < to) {
        if (!mime_next_field(buf_view(&search->header), &search->field_at, &field)) {
            search->header_done = true;
            return;
        }
        if (!wants_field(search, field.name))
            continue;
        buf_reset(&search->window);
        text_field(&search->window, field.value);
        search->field = field.name;
        search->next = search->first->next_text;
        return;
    }
}

/* ---- TEXT and BODY ---- */

/* What the keys look into that are not found yet. */
static unsigned wanted_text(const struct imap_search *search)
{
    unsigned what = 0;

    for (const struct imap_search_key *k = search->first->next_text; k; k = k->next_text)
        if (!k->found && !is_header_key(k))
            what |= k->kind == IMAP_SEARCH_TEXT ? TEXT_FIELDS | TEXT_BODY : TEXT_BODY;
    return what;
}

static bool begin_text(struct imap_search *search, unsigned what)
{
    if (!need_parts(search))
        return false;
    if (!search->reader)
        search->reader = text_reader_create(0);
    search->source = (struct text_source){search->parts, search->parts_n, read_bytes, search};
    text_reader_begin(search->reader, &search->source, what);
    buf_reset(&search->window);
    search->reading = true;
    return true;
}

static void step_text(struct imap_search *search)
{
    unsigned what = wanted_text(search), kind;
    size_t tail = size_min(search->window.n, search->overlap);

    if (what == 0 || (!search->reading && !begin_text(search, what))) {
        search->text_done = true;
        return;
    }
    buf_drop(&search->window, search->window.n - tail);
    tail = search->window.n;
    if (!text_reader_step(search->reader, &search->window, &kind, &search->err) || kind == 0) {
        search->text_done = true;
        return;
    }
    if (kind != search->kind) /* nothing is found across the two */
        buf_drop(&search->window, tail);
    search->kind = kind;
    search->next = search->first->next_text;
}

/* ---- both ---- */

void imap_search_text_begin(struct imap_search *search)
{
    bool header = false;

    search->has_parts = search->has_header = search->reading = search->text_done = false;
    search->field_at = 0;
    search->next = NULL;
    search->kind = 0;
    buf_reset(&search->window);
    buf_reset(&search->bytes);
    for (struct imap_search_key *k = search->first->next_text; k; k = k->next_text) {
        header = header || is_header_key(k);
        k->found = k->text.n == 0 && !is_header_key(k);
    }
    search->header_done = !header;
}

bool imap_search_text_open(const struct imap_search *search, const struct imap_search_key *key)
{
    if (imap_search_failed(search))
        return false;
    return search->next || !(is_header_key(key) ? search->header_done : search->text_done);
}

void imap_search_text_step(struct imap_search *search)
{
    if (!search->next && !search->header_done)
        step_header(search);
    else if (!search->next)
        step_text(search);
    compare_window(search);
}
