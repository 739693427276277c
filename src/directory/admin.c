/* directory/admin.c: the operator's commands: a call is checked by the table (admin/commands.h), carried out by
 * the file of its noun (admin_domain.c, admin_account.c ...), and answered with JSON. Every change and its
 * line in the audit log are one transaction. */
#include "directory/admin_int.h"

#include "address/address.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#define ARENA_MOST (64 << 20) /* of `account add --many 100000` */
#define PAGE_MOST 60000       /* bytes: an answer fits into one message */
#define PAGE_FULL 48000       /* then no more rows: one row has at most the rest */
#define PAGE_US 5000          /* of the loop's time */
#define ALL_RIGHTS (ADMIN_RIGHT_SEE | ADMIN_RIGHT_CHANGE | ADMIN_RIGHT_SECRETS)

static bool (*const functions[ADMIN_COUNT])(struct job *j, struct error *err) = {
    [ADMIN_DOMAIN_ADD] = admin_domain_add,
    [ADMIN_DOMAIN_LIST] = admin_domain_list,
    [ADMIN_ACCOUNT_ADD] = admin_account_add,
    [ADMIN_ACCOUNT_LIST] = admin_account_list,
    [ADMIN_ACCOUNT_SHOW] = admin_account_show,
    [ADMIN_ACCOUNT_SET] = admin_account_set,
    [ADMIN_ACCOUNT_CHECK] = admin_account_check,
    [ADMIN_ACCOUNT_REMOVE] = admin_account_remove,
    [ADMIN_ACCOUNT_PASSWORD] = admin_account_password,
    [ADMIN_APP_PASSWORD_ADD] = admin_app_password_add,
    [ADMIN_APP_PASSWORD_LIST] = admin_app_password_list,
    [ADMIN_APP_PASSWORD_END] = admin_app_password_end,
    [ADMIN_ALIAS_ADD] = admin_alias_add,
    [ADMIN_ALIAS_LIST] = admin_alias_list,
    [ADMIN_ALIAS_REMOVE] = admin_alias_remove,
    [ADMIN_AUDIT_LIST] = admin_audit_list,
    [ADMIN_AUDIT_VERIFY] = admin_audit_verify,
};

/* ---- a job ---- */

static struct job *job_create(struct directory *d, struct chan *c, const struct msg *m)
{
    const struct msg_admin_ask *call = &m->admin_ask;
    struct job *j = mem_zalloc(sizeof *j);

    *j = (struct job){.d = d, .began_us = clock_boot_us()};
    asked_take(&j->asked, c, m);
    arena_init(&j->arena, ARENA_MOST);
    j->input = arena_str(&j->arena, call->input);
    j->who = arena_str(&j->arena, call->who);
    buf_init(&j->text, PAGE_MOST);
    admin_json_init(&j->json, &j->text, false);
    return j;
}

static void job_destroy(struct job *j)
{
    account_link_done(&j->check);
    list_remove(&j->removing);
    asked_forget(&j->asked);
    buf_done_wipe(&j->text); /* it may show a new password */
    arena_done(&j->arena);
    mem_free(j);
}

/* A copy of the call's list, as a job outlives the message. */
static bool job_read_call(struct job *j, const struct msg_list *args, struct error *err)
{
    struct str *list = arena_array(&j->arena, args->n + 1, sizeof *list);

    if (!list)
        return error_set(err, ERROR_LIMIT, "the call is too long");
    for (size_t i = 0; i < args->n; i++)
        list[i] = arena_str(&j->arena, args->v[i]);
    return admin_call_read(&j->call, list, args->n, &j->arena, err);
}

/* ---- answers ---- */

void admin_done_as(struct job *j, enum error_kind kind)
{
    struct error err;

    if (j->text.overflow) {
        error_set(&err, ERROR_INTERNAL, "the answer of %s is too long", j->call.command->name);
        admin_fail(j, &err);
        return;
    }
    admin_reply(j, kind, j->next, buf_view(&j->text));
    job_destroy(j);
}

void admin_done(struct job *j)
{
    admin_done_as(j, ERROR_NONE);
}

void admin_fail(struct job *j, const struct error *err)
{
    buf_reset(&j->text);
    admin_json_init(&j->json, &j->text, false);
    admin_json_open(&j->json, NULL, '{');
    admin_json_c(&j->json, "error", err->text);
    admin_json_c(&j->json, "kind", error_kind_name(err->kind));
    admin_json_close(&j->json);
    admin_reply(j, err->kind ? err->kind : ERROR_INTERNAL, STR_NULL, buf_view(&j->text));
    job_destroy(j);
}

void admin_log(struct job *j, struct str object)
{
    struct log_line l;

    log_begin(&l, LOG_ADMIN, STR_NULL);
    log_str(&l, "who", j->who);
    log_c(&l, "command", j->call.command->name);
    log_str(&l, "object", object);
    log_end(&l);
}

/* ---- addresses ---- */

bool admin_find_account(struct job *j, struct str address, struct error *err)
{
    struct buf name;
    bool ok;

    buf_init(&name, 4 * LIMIT_SMTP_PATH);
    ok = account_of_name(j->d, address, &j->account, err) &&
         account_name(j->d, j->account, &name, err);
    if (ok)
        j->name = arena_str(&j->arena, buf_view(&name));
    buf_done(&name);
    return ok;
}

struct str admin_folded(struct job *j, struct str address)
{
    struct str folded;
    struct buf b;

    buf_init(&b, 4 * LIMIT_SMTP_PATH);
    address_fold_whole(&b, address);
    folded = arena_str(&j->arena, buf_view(&b));
    buf_done(&b);
    return folded;
}

/* ---- pages ---- */

bool admin_page_full(const struct job *j)
{
    return j->text.n >= PAGE_FULL || clock_boot_us() - j->began_us >= PAGE_US;
}

void admin_page_next(struct job *j, const char *fmt, ...)
{
    char next[ADMIN_PAGE_MOST + 1];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(next, sizeof next, fmt, ap);
    va_end(ap);
    j->next = arena_str(&j->arena, str_c(next));
}

bool admin_page_number(struct str *page, char separator, uint64_t *out)
{
    struct str head = *page, rest = STR_NULL;

    str_cut(*page, separator, &head, &rest);
    if (!str_to_u64(head, INT64_MAX, out))
        return false;
    *page = rest;
    return true;
}

bool admin_page_is_wrong(const struct job *j, struct error *err)
{
    return error_set(err, ERROR_SYNTAX, "no page of %s begins there", j->call.command->name);
}

/* ---- a call ---- */

/* The operator at the control socket may do all; an interface for others names them, and gives them less. */
static unsigned rights_of(struct str who)
{
    return str_equal(who, STR("operator")) ? ALL_RIGHTS : 0;
}

static bool may_call(const struct job *j, struct error *err)
{
    const struct admin_command *c = j->call.command;

    if (c->by != ADMIN_BY_DIRECTORY || !functions[admin_number(c)])
        return error_set(err, ERROR_UNSUPPORTED, "%s is not carried out by the directory", c->name);
    if ((rights_of(j->who) & c->right) != c->right)
        return error_set(err, ERROR_DENIED, "%.*s may not use %s", STR_ARG(j->who), c->name);
    return true;
}

void admin_call(struct directory *d, struct chan *c, struct msg *m)
{
    struct job *j = job_create(d, c, m);
    struct error err = {0};

    if (!job_read_call(j, &m->admin_ask.args, &err) || !may_call(j, &err) ||
        !functions[admin_number(j->call.command)](j, &err))
        admin_fail(j, &err);
}
