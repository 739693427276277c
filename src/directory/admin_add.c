/* directory/admin_add.c: account add: names, then a hash, then keys, then one transaction. */
#include "directory/admin_int.h"

#include "address/address.h"
#include "directory/audit.h"
#include "directory/credential.h"

static void make_keys(struct job *j);

/* "user%04d@example.org" as user0001@example.org and so on. */
static bool expand_pattern(struct job *j, struct str pattern, uint64_t n, struct error *err)
{
    struct admin_adding *a = &j->adding;
    struct str head, tail, width;
    uint64_t digits = 0;

    if (!str_cut(pattern, '%', &head, &tail) || !str_cut(tail, 'd', &width, &tail) ||
        (width.n && !str_to_u64(width, 9, &digits)))
        return error_set(err, ERROR_SYNTAX, "--many wants a pattern such as user%%04d@example.org");
    a->names = arena_array(&j->arena, n, sizeof *a->names);
    for (uint64_t i = 0; a->names && i < n; i++)
        a->names[i] = arena_printf(&j->arena, "%.*s%0*llu%.*s", STR_ARG(head), (int)digits,
                                   (unsigned long long)i + 1, STR_ARG(tail));
    a->n = n;
    return !j->arena.full || error_set(err, ERROR_LIMIT, "too many accounts at once");
}

static bool choose_names(struct job *j, struct error *err)
{
    const struct admin_takes_account_add *in = &j->call.account_add;
    struct admin_adding *a = &j->adding;
    struct str local, domain;
    int64_t id;

    a->names = &j->call.account_add.address.text;
    a->n = 1;
    if (in->many.given && !expand_pattern(j, in->address.text, in->many.number, err))
        return false;
    if (!address_split(a->names[0], &local, &domain))
        return error_set(err, ERROR_SYNTAX, "\"%.*s\" is not an address; expected name@domain",
                         STR_ARG(a->names[0]));
    if (!address_check(local, domain, err) || !domain_find(j->d, domain, &id, err))
        return false;
    for (size_t i = 0; i < a->n; i++)
        a->names[i] = admin_folded(j, a->names[i]);
    return !j->arena.full || error_set(err, ERROR_LIMIT, "too many accounts at once");
}

static bool insert_accounts(struct job *j, struct error *err)
{
    const struct admin_adding *a = &j->adding;
    AUTO_TX struct db_tx tx = {0};
    struct scram_keys scram = {0};
    int64_t id;

    admin_secret_scram(j, &scram);
    if (!db_begin(&tx, j->d->db, err))
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!account_insert(j->d, a->first + i, a->quota, err) ||
            !address_add(j->d, a->names[i], a->first + i, true, err) ||
            !admin_secret_insert(j, a->first + i, &scram, &id, err) ||
            !audit_append(j->d->db, j->who, STR("account add"), a->names[i], STR_NULL, err))
            return false;
    return db_commit(&tx, err);
}

static void answer_added(struct job *j)
{
    const struct admin_adding *a = &j->adding;

    admin_log(j, a->names[0]);
    admin_json_open(&j->json, NULL, '{');
    admin_json_text(&j->json, "account", a->names[0]);
    if (j->call.account_add.many.given)
        admin_json_number(&j->json, "accounts", a->n);
    admin_secret_show(j);
    admin_json_close(&j->json);
    admin_done(j);
}

static void on_keys_made(struct job *j, const struct error *failed)
{
    struct error err = {0};

    if (failed)
        admin_fail(j, failed);
    else if (j->adding.keys_done < j->adding.n)
        make_keys(j);
    else if (!insert_accounts(j, &err))
        admin_fail(j, &err);
    else
        answer_added(j);
}

static void make_keys(struct job *j)
{
    struct admin_adding *a = &j->adding;
    uint64_t first = a->first + a->keys_done;
    size_t n = size_min(ADMIN_KEYS_MOST, a->n - a->keys_done);

    a->keys_done += n;
    admin_keys_create(j, first, n, on_keys_made);
}

static void on_hashed(struct job *j, const struct error *failed)
{
    if (failed)
        admin_fail(j, failed);
    else
        make_keys(j);
}

bool admin_account_add(struct job *j, struct error *err)
{
    const struct admin_takes_account_add *in = &j->call.account_add;
    struct admin_adding *a = &j->adding;

    if (!admin_secret_choose(j, in->app_password.yes, err) || !choose_names(j, err))
        return false;
    a->quota = in->quota.given ? in->quota.number : j->d->p->config.quota;
    j->secret.name = STR("first");
    a->first = j->d->next_account;
    j->d->next_account += a->n;
    admin_secret_hash(j, on_hashed);
    return true;
}
