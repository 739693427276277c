/* directory/admin_set.c: what an account is allowed, and what it wishes. */
#include "directory/admin_int.h"
#include "directory/audit.h"

#include <unistd.h>

/* "yes" or "no" behind the option; *out stays without it. */
static bool yes_no_option(const struct job *j, const char *name, bool *out, struct error *err)
{
    bool there;
    struct str v = admin_option(j, name, &there);

    if (!there)
        return true;
    *out = str_equal(v, STR("yes"));
    return *out || str_equal(v, STR("no")) ||
           error_set(err, ERROR_SYNTAX, "%s wants yes or no", name);
}

static void on_told(void *arg, int fd, const struct error *err)
{
    (void)arg, (void)err; /* where there is no process, the next one gets them */
    if (fd >= 0)
        close(fd);
}

bool admin_account_set(struct job *j, json_t **out, struct error *err)
{
    struct open_request r = {.service = STR("settings")};
    struct account_settings settings;
    AUTO_TX struct db_tx tx = {0};
    struct buf detail;
    bool ok;

    if (!admin_want(j, 5, "account set ADDRESS [--quota BYTES] [--subaddress-folders yes|no]",
                    err) ||
        !account_of_name(j->d, j->args[2], &j->account, err) ||
        !account_settings(j->d, j->account, &settings, err) ||
        !admin_number_option(j, "--quota", INT64_MAX, &settings.quota, err) ||
        !yes_no_option(j, "--subaddress-folders", &settings.subaddress, err))
        return false;
    buf_init(&detail, 200);
    buf_printf(&detail, "quota %llu, subaddress-folders %s", (unsigned long long)settings.quota,
               settings.subaddress ? "yes" : "no");
    ok = db_begin(&tx, j->d->db, err) && account_set_settings(j->d, j->account, &settings, err) &&
         audit_append(j->d->db, j->who, STR("account set"), j->args[2], buf_view(&detail), err) &&
         db_commit(&tx, err);
    buf_done(&detail);
    if (!ok)
        return false;
    admin_log(j, "account set", j->args[2]);
    r.account = j->account;
    r.settings = settings;
    account_open(j->d, &r, on_told, NULL); /* a process that runs goes by them from now on */
    *out = json_object();
    json_object_set_new(*out, "account", admin_text(j->args[2]));
    json_object_set_new(*out, "quota", json_integer((json_int_t)settings.quota));
    json_object_set_new(*out, "subaddress_folders", json_boolean(settings.subaddress));
    return true;
}
