/* directory/admin_account.c: account list, show, set, check, remove. */
#include "directory/admin_int.h"

#include "address/address.h"
#include "base/limits.h"
#include "directory/audit.h"

#include <unistd.h>

#define NAME_MOST (4 * LIMIT_SMTP_PATH)
#define REPORT_MOST 20000 /* bytes of a report; escaped it still fits into one answer */

/* ---- list ---- */

static bool print_account(struct job *j, uint64_t account, uint64_t quota, struct str problem,
                          struct error *err)
{
    struct buf name;
    bool ok;

    buf_init(&name, NAME_MOST);
    ok = account_name(j->d, account, &name, err);
    admin_json_open(&j->json, NULL, '{');
    admin_json_text(&j->json, "account", buf_view(&name));
    admin_json_number(&j->json, "quota", quota);
    if (problem.n)
        admin_json_text(&j->json, "problem", problem);
    admin_json_close(&j->json);
    buf_done(&name);
    return ok;
}

bool admin_account_list(struct job *j, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s =
        db_stmt(j->d->db, "SELECT id, quota, problem FROM account WHERE id > ? ORDER BY id");
    bool all = !j->call.account_list.problems.yes;
    struct str page = j->call.page;
    enum db_step step = DB_DONE;
    uint64_t from = 0;

    if (page.n && !admin_page_number(&page, ':', &from))
        return admin_page_is_wrong(j, err);
    admin_json_open(&j->json, NULL, '[');
    db_bind_int(s, 1, (int64_t)from);
    while (!j->next.n && (step = db_next(j->d->db, s, err)) == DB_ROW) {
        uint64_t account = (uint64_t)db_col_int(s, 0);
        struct str problem = db_col_str(s, 2);

        if ((all || problem.n) &&
            !print_account(j, account, (uint64_t)db_col_int(s, 1), problem, err))
            return false;
        if (admin_page_full(j))
            admin_page_next(j, "%llu", (unsigned long long)account);
    }
    if (step == DB_FAIL)
        return false;
    admin_json_close(&j->json);
    admin_done(j);
    return true;
}

/* ---- show: what it is, then its aliases, then its credentials, in as many pages as that takes ---- */

static bool print_settings(struct job *j, struct error *err)
{
    struct account_settings settings;
    struct buf name;
    bool ok;

    buf_init(&name, NAME_MOST);
    ok = account_name(j->d, j->account, &name, err) &&
         account_settings(j->d, j->account, &settings, err);
    if (ok) {
        admin_json_text(&j->json, "account", buf_view(&name));
        admin_json_number(&j->json, "number", j->account);
        admin_json_number(&j->json, "quota", settings.quota);
        admin_json_bool(&j->json, "subaddress_folders", settings.subaddress);
    }
    buf_done(&name);
    return ok;
}

static bool print_problem(struct job *j, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(j->d->db, "SELECT problem FROM account WHERE id = ?");
    enum db_step step;

    db_bind_int(s, 1, (int64_t)j->account);
    step = db_next(j->d->db, s, err);
    if (step == DB_ROW && db_col_str(s, 0).n)
        admin_json_text(&j->json, "problem", db_col_str(s, 0));
    return step != DB_FAIL;
}

/* After credential number `from`. */
static bool print_credentials(struct job *j, uint64_t from, struct error *err)
{
    AUTO_STMT sqlite3_stmt *s = db_stmt(
        j->d->db, "SELECT id, kind, name, scope, read_only, created_us, expires_us FROM credential"
                  " WHERE account = ?1 AND id > ?2 ORDER BY id");
    enum db_step step = DB_DONE;

    admin_json_open(&j->json, "credentials", '[');
    db_bind_int(s, 1, (int64_t)j->account);
    db_bind_int(s, 2, (int64_t)from);
    while (!j->next.n && (step = db_next(j->d->db, s, err)) == DB_ROW) {
        admin_credential_print(j, s, true);
        if (admin_page_full(j))
            admin_page_next(j, "credential:%lld", (long long)db_col_int(s, 0));
    }
    admin_json_close(&j->json);
    return step != DB_FAIL;
}

/* After (domain, local); then the credentials, where there is room. */
static bool print_aliases(struct job *j, uint64_t domain, struct str local, struct error *err)
{
    bool more;

    admin_json_open(&j->json, "aliases", '[');
    if (!admin_alias_each(j, &domain, &local, &more, err))
        return false;
    admin_json_close(&j->json);
    if (!more)
        return print_credentials(j, 0, err);
    admin_page_next(j, "alias:%llu:%.*s", (unsigned long long)domain, STR_ARG(local));
    admin_json_open(&j->json, "credentials", '[');
    admin_json_close(&j->json);
    return true;
}

static bool print_page(struct job *j, struct error *err)
{
    struct str page = j->call.page, kind = STR_NULL;
    uint64_t from = 0;

    if (!page.n)
        return print_settings(j, err) && print_problem(j, err) && print_aliases(j, 0, page, err);
    if (!str_cut(page, ':', &kind, &page) || !admin_page_number(&page, ':', &from))
        return admin_page_is_wrong(j, err);
    if (str_equal(kind, STR("alias")))
        return print_aliases(j, from, page, err);
    return print_credentials(j, from, err);
}

bool admin_account_show(struct job *j, struct error *err)
{
    if (!admin_find_account(j, j->call.account_show.address.text, err))
        return false;
    admin_json_open(&j->json, NULL, '{');
    if (!print_page(j, err))
        return false;
    admin_json_close(&j->json);
    admin_done(j);
    return true;
}

/* ---- set ---- */

static void on_told(void *arg, int fd, const struct error *err)
{
    (void)arg, (void)err; /* where there is no process, the next one gets them */
    if (fd >= 0)
        close(fd);
}

/* Tells the account's process, which uses them from now on. */
static void tell_account(struct job *j, const struct account_settings *settings)
{
    struct open_request r = {
        .account = j->account, .settings = *settings, .service = STR("settings")};

    account_open(j->d, &r, on_told, NULL);
}

static bool save_settings(struct job *j, const struct account_settings *settings, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};
    struct buf detail;
    bool ok;

    buf_init(&detail, 200);
    buf_printf(&detail, "quota %llu, subaddress-folders %s", (unsigned long long)settings->quota,
               settings->subaddress ? "yes" : "no");
    ok = db_begin(&tx, j->d->db, err) && account_set_settings(j->d, j->account, settings, err) &&
         audit_append(j->d->db, j->who, STR("account set"), j->name, buf_view(&detail), err) &&
         db_commit(&tx, err);
    buf_done(&detail);
    return ok;
}

bool admin_account_set(struct job *j, struct error *err)
{
    const struct admin_takes_account_set *a = &j->call.account_set;
    struct account_settings settings;

    if (!admin_find_account(j, a->address.text, err) ||
        !account_settings(j->d, j->account, &settings, err))
        return false;
    if (a->quota.given)
        settings.quota = a->quota.number;
    if (a->subaddress_folders.given)
        settings.subaddress = a->subaddress_folders.yes;
    if (!save_settings(j, &settings, err))
        return false;
    admin_log(j, j->name);
    tell_account(j, &settings);
    admin_json_open(&j->json, NULL, '{');
    admin_json_text(&j->json, "account", j->name);
    admin_json_number(&j->json, "quota", settings.quota);
    admin_json_bool(&j->json, "subaddress_folders", settings.subaddress);
    admin_json_close(&j->json);
    admin_done(j);
    return true;
}

/* ---- check ---- */

/* A report that is too long is cut at the end of a line, and says so. */
static void print_report(struct job *j, struct str report)
{
    struct str shown = str_sub(report, 0, REPORT_MOST);
    struct buf text;

    if (shown.n < report.n && str_rfind_char(shown, '\n') != SIZE_MAX)
        shown = str_sub(shown, 0, str_rfind_char(shown, '\n') + 1);
    buf_init(&text, REPORT_MOST + 100);
    buf_str(&text, shown);
    if (shown.n < report.n)
        buf_printf(&text, "... and %zu bytes more of this report\n", report.n - shown.n);
    admin_json_text(&j->json, "report", buf_view(&text));
    buf_done(&text);
}

static void on_checked(struct job *j, enum error_kind kind, struct str report,
                       const struct error *err)
{
    if (err) {
        admin_fail(j, err);
        return;
    }
    account_set_problem(j->d, j->account, kind ? str_sub(report, 0, 200) : STR_NULL, true);
    admin_json_open(&j->json, NULL, '{');
    admin_json_text(&j->json, "account", j->name);
    admin_json_bool(&j->json, "ok", kind == ERROR_NONE);
    print_report(j, report);
    admin_json_close(&j->json);
    admin_done_as(j, kind);
}

bool admin_account_check(struct job *j, struct error *err)
{
    const struct admin_takes_account_check *a = &j->call.account_check;

    if (!admin_find_account(j, a->address.text, err))
        return false;
    admin_check(j, a->repair.yes, on_checked);
    return true;
}

/* ---- remove: the key first, so that nothing opens it again; then the queue, files, rows ---- */

static bool remove_rows(struct job *j, struct error *err)
{
    AUTO_TX struct db_tx tx = {0};

    return db_begin(&tx, j->d->db, err) && account_delete(j->d, j->account, err) &&
           audit_append(j->d->db, j->who, STR("account remove"), j->name, STR_NULL, err) &&
           db_commit(&tx, err);
}

static void on_files_removed(struct job *j, const struct error *failed)
{
    struct error err = {0};

    if (failed || !remove_rows(j, &err)) {
        admin_fail(j, failed ? failed : &err);
        return;
    }
    login_end_credential(j->d, j->account, 0);
    admin_log(j, j->name);
    admin_json_open(&j->json, NULL, '{');
    admin_json_text(&j->json, "removed", j->name);
    admin_json_close(&j->json);
    admin_done(j);
}

static void on_queue_purged(struct job *j, const struct error *failed)
{
    if (failed)
        admin_fail(j, failed);
    else
        admin_files_remove(j, on_files_removed);
}

static void on_key_erased(struct job *j, const struct error *failed)
{
    if (failed)
        admin_fail(j, failed);
    else
        admin_queue_purge(j, on_queue_purged);
}

/* An alias must not remove the account it belongs to. */
static bool is_own_name(struct job *j, struct str address, struct error *err)
{
    struct str asked = admin_folded(j, address);

    return str_equal(j->name, asked) ||
           error_set(err, ERROR_CONFLICT,
                     "%.*s is an address of %.*s; name the account itself to remove it",
                     STR_ARG(asked), STR_ARG(j->name));
}

bool admin_account_remove(struct job *j, struct error *err)
{
    struct str address = j->call.account_remove.address.text;

    if (!admin_find_account(j, address, err) || !is_own_name(j, address, err))
        return false;
    list_append(&j->d->removals, &j->removing);
    admin_keys_erase(j, on_key_erased);
    return true;
}

bool admin_is_removing(const struct directory *d, uint64_t account)
{
    const struct job *j;

    LIST_EACH(j, &d->removals, removing)
        if (j->account == account)
            return true;
    return false;
}
