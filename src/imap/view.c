/* imap/view.c: message numbers as runs of UIDs. */
#include "imap/view.h"

void imap_view_init(struct imap_view *v)
{
    *v = (struct imap_view){0};
    vec_init(&v->runs, sizeof(struct imap_run));
}

void imap_view_done(struct imap_view *v)
{
    vec_done(&v->runs);
    v->n = 0;
}

static struct imap_run *run_at(const struct imap_view *v, size_t i)
{
    return (struct imap_run *)v->runs.p + i;
}

static void append_run(struct vec *runs, uint32_t uid, uint32_t n, uint32_t before)
{
    struct imap_run *r = vec_add(runs);
    *r = (struct imap_run){uid, n, before};
}

void imap_view_add(struct imap_view *v, uint32_t uid)
{
    struct imap_run *last = v->runs.n > 0 ? run_at(v, v->runs.n - 1) : NULL;
    if (last && uid < last->uid + last->n)
        panic("UID %u is not higher than all", uid);
    if (last && uid == last->uid + last->n)
        last->n++;
    else
        append_run(&v->runs, uid, 1, v->n);
    v->n++;
}

uint32_t imap_view_uid(const struct imap_view *v, uint32_t number)
{
    size_t low = 0, high = v->runs.n;
    if (number == 0 || number > v->n)
        panic("message %u of %u", number, v->n);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (run_at(v, middle)->before < number)
            low = middle;
        else
            high = middle;
    }
    const struct imap_run *r = run_at(v, low);
    return r->uid + (number - 1 - r->before);
}

/* The first run that ends after uid; runs.n when there is none. */
static size_t run_from(const struct imap_view *v, uint32_t uid)
{
    size_t low = 0, high = v->runs.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct imap_run *r = run_at(v, middle);
        if (r->uid + (r->n - 1) < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t imap_view_from(const struct imap_view *v, uint32_t uid)
{
    size_t i = run_from(v, uid);
    if (i == v->runs.n)
        return v->n + 1;
    const struct imap_run *r = run_at(v, i);
    return r->before + 1 + (uid > r->uid ? uid - r->uid : 0);
}

uint32_t imap_view_number(const struct imap_view *v, uint32_t uid)
{
    size_t i = run_from(v, uid);
    if (i == v->runs.n || run_at(v, i)->uid > uid)
        return 0;
    const struct imap_run *r = run_at(v, i);
    return r->before + 1 + (uid - r->uid);
}

void imap_view_remove(struct imap_view *v, const uint32_t *uids, size_t n)
{
    struct vec runs;
    uint32_t before = 0;
    vec_init(&runs, sizeof(struct imap_run));
    for (size_t i = 0; i < v->runs.n; i++) {
        struct imap_run r = *run_at(v, i);
        uint32_t end = r.uid + r.n, from = r.uid;
        while (n > 0 && uids[n - 1] < end) {
            uint32_t uid = uids[--n];
            if (uid < from)
                continue;
            if (uid > from)
                append_run(&runs, from, uid - from, before);
            before += uid - from;
            from = uid + 1;
        }
        if (from < end)
            append_run(&runs, from, end - from, before);
        before += end - from;
    }
    vec_done(&v->runs);
    v->runs = runs;
    v->n = before;
}
