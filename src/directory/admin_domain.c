/* directory/admin_domain.c: domain add, domain list. */
#include "directory/admin_int.h"

#include "address/address.h"
#include "base/clock.h"
#include "base/limits.h"
#include "directory/audit.h"

#define COUNTED_AT_ONCE 2000 /* addresses; about a millisecond */

static bool insert_domain(struct directory *d, struct str name, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(d->db, "INSERT INTO domain (name, created_us) VALUES (?, ?)");
    struct error why = {0};

    db_bind_text(s, 1, name);
    db_bind_int(s, 2, clock_wall_us());
    if (db_run(d->db, s, &why))
        return true;
    if (why.kind == ERROR_EXISTS)
        return error_set(err, ERROR_EXISTS, "the domain %.*s exists already", STR_ARG(name));
    return error_set(err, why.kind, "%s", why.text);
}

bool admin_domain_add(struct job *j, struct error *err)
{
    struct db *db = j->d->db;
    AUTO_TX struct db_tx tx = {0};
    struct str domain;
    struct buf b;

    buf_init(&b, LIMIT_SMTP_DOMAIN);
    address_fold_domain(&b, j->call.domain_add.domain.text);
    domain = arena_str(&j->arena, buf_view(&b));
    buf_done(&b);
    if (!db_begin(&tx, db, err) || !insert_domain(j->d, domain, err) ||
        !audit_append(db, j->who, STR("domain add"), domain, STR_NULL, err) || !db_commit(&tx, err))
        return false;
    admin_log(j, domain);
    admin_json_open(&j->json, NULL, '{');
    admin_json_text(&j->json, "domain", domain);
    admin_json_close(&j->json);
    admin_done(j);
    return true;
}

/* ---- list: a domain may have a million addresses, so that they too are counted in slices ---- */

struct counting {
    int64_t domain;
    uint64_t n;
    struct str local; /* the last that was counted, in the job's arena */
    bool all;
};

/* Counts some addresses more. */
static bool count_some(struct job *j, struct counting *c, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(j->d->db, "SELECT count(*), max(local) FROM (SELECT local FROM address"
                          " WHERE domain = ?1 AND local > ?2 ORDER BY local LIMIT ?3)");
    uint64_t n;

    db_bind_int(s, 1, c->domain);
    db_bind_text(s, 2, c->local);
    db_bind_int(s, 3, COUNTED_AT_ONCE);
    if (db_next(j->d->db, s, err) != DB_ROW)
        return false;
    n = (uint64_t)db_col_int(s, 0);
    c->n += n;
    c->all = n < COUNTED_AT_ONCE;
    if (!c->all)
        c->local = arena_str(&j->arena, db_col_str(s, 1));
    return true;
}

/* One domain; *full tells that the page ends here, and where it goes on. c: what was counted of it on earlier pages. */
static bool print_domain(struct job *j, struct str name, struct counting *c, bool *full,
                         struct error *err)
{
    do {
        if (!count_some(j, c, err))
            return false;
        *full = admin_page_full(j);
    } while (!c->all && !*full);
    if (!c->all) {
        admin_page_next(j, "%llu:%.*s:%.*s", (unsigned long long)c->n, STR_ARG(name),
                        STR_ARG(c->local));
        return true;
    }
    admin_json_open(&j->json, NULL, '{');
    admin_json_text(&j->json, "domain", name);
    admin_json_number(&j->json, "addresses", c->n);
    admin_json_close(&j->json);
    if (*full)
        admin_page_next(j, "end:%.*s", STR_ARG(name));
    return true;
}

/* A page begins after a domain ("end:name"), or within one ("count:name:local"). */
static bool read_page(struct job *j, struct str *name, struct counting *c, bool *within)
{
    struct str page = j->call.page, rest;

    *name = STR_NULL;
    *within = false;
    if (!page.n)
        return true;
    if (str_starts(page, STR("end:"))) {
        *name = str_skip(page, 4);
        return true;
    }
    *within = true;
    if (!admin_page_number(&page, ':', &c->n) || !str_cut(page, ':', name, &rest))
        return false;
    c->local = rest;
    return true;
}

bool admin_domain_list(struct job *j, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(j->d->db, "SELECT id, name FROM domain WHERE name >= ? ORDER BY name");
    struct counting c = {0};
    enum db_step step = DB_DONE;
    bool within, full = false;
    struct str from;

    if (!read_page(j, &from, &c, &within))
        return admin_page_is_wrong(j, err);
    admin_json_open(&j->json, NULL, '[');
    db_bind_text(s, 1, from);
    while (!full && (step = db_next(j->d->db, s, err)) == DB_ROW) {
        struct str name = db_col_str(s, 1);
        bool same = str_equal(name, from);

        if (same && !within)
            continue;
        if (!same)
            c = (struct counting){0};
        c.domain = db_col_int(s, 0);
        if (!print_domain(j, name, &c, &full, err))
            return false;
    }
    if (step == DB_FAIL)
        return false;
    admin_json_close(&j->json);
    admin_done(j);
    return true;
}
