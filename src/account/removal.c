/* account/removal.c: an account's files are removed by a child that does nothing else, as there may be
 * much to remove. */
#include "account/accounts_int.h"

#include "account/files.h"

#include <string.h>
#include <sys/wait.h>

#define GONE_US (60LL * 1000000) /* so long nobody opens it: the directory still has its rows */

struct removing {
    struct list_node node;
    uint64_t account;
    pid_t pid;
    struct asked asked;
};

static void removal_answer(struct asked *asked, bool ok)
{
    struct error err = {0};

    if (!ok)
        error_set(&err, ERROR_DISK, "its files could not be removed");
    tell_account_remove(asked, &(struct msg_account_remove_tell){.error = msg_error_of(&err)}, -1);
}

/* Who asks for the same again has perhaps given up the first time: the later one is answered. */
static void removal_join(struct asked *first, struct asked *later)
{
    removal_answer(first, false);
    asked_move(first, later);
}

static struct removing *find_removing(const struct accounts *a, uint64_t account)
{
    struct removing *x;

    LIST_EACH(x, &a->removals, node)
        if (x->account == account)
            return x;
    return NULL;
}

bool removal_is_under_way(const struct accounts *a, uint64_t account)
{
    return find_removing(a, account) != NULL;
}

void removal_begin(struct accounts *a, uint64_t account, struct asked *asked)
{
    struct removing *x = find_removing(a, account);
    pid_t pid;

    if (x) {
        removal_join(&x->asked, asked);
        return;
    }
    pid = a->forks->remove(a->folder, account);
    if (pid < 0) {
        removal_answer(asked, false);
        return;
    }
    x = mem_zalloc(sizeof *x);
    *x = (struct removing){.account = account, .pid = pid};
    asked_move(&x->asked, asked);
    list_append(&a->removals, &x->node);
}

void removal_ask(struct accounts *a, uint64_t account, struct asked *asked)
{
    struct running *r = running_find(a, account);

    if (!r) {
        removal_begin(a, account, asked);
        return;
    }
    running_stop(r);
    if (asked_waits(&r->removal))
        removal_join(&r->removal, asked);
    else
        asked_move(&r->removal, asked);
}

static void removing_free(struct removing *x)
{
    list_remove(&x->node);
    asked_forget(&x->asked);
    mem_free(x);
}

bool removal_ended(struct accounts *a, pid_t pid, int status)
{
    bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    struct removing *x;
    struct error gone;

    LIST_EACH(x, &a->removals, node)
        if (x->pid == pid)
            break;
    if (!x)
        return false;
    error_set(&gone, ERROR_GONE, "this account was removed");
    if (ok)
        running_note_failure(a, x->account, &gone, GONE_US);
    removal_answer(&x->asked, ok);
    removing_free(x);
    return true;
}

void removal_done(struct accounts *a)
{
    struct removing *x;

    while ((x = LIST_FIRST(&a->removals, struct removing, node)))
        removing_free(x);
}
