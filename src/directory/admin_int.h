/* directory/admin_int.h: what the files of the operator's commands share. */
#ifndef DIRECTORY_ADMIN_INT_H
#define DIRECTORY_ADMIN_INT_H

#include "base/arena.h"
#include "directory/directory_int.h"

#include <jansson.h>

struct job { /* one command, until it is answered */
    struct directory *d;
    struct asked asked;
    struct arena arena;
    struct str *args;
    size_t args_n;
    struct str input, who;
    /* account add and password */
    struct str *names;
    size_t names_n, keys_done;
    uint64_t first_account, account, quota;
    struct str password, scope, label;
    bool made_password, app, read_only;
    int64_t expires_us;
    struct str hash;
    struct account_link_want check;
};

json_t *admin_text(struct str s);
void admin_log(struct job *j, const char *what, struct str object);
/* The word after --name, or STR_NULL; *there tells whether the option stands there at all. */
struct str admin_option(const struct job *j, const char *name, bool *there);
/* Leaves *out as it is without the option. ERROR_SYNTAX. */
MUST_CHECK bool admin_number_option(const struct job *j, const char *name, uint64_t most,
                                    uint64_t *out, struct error *err);
/* At least n words; else ERROR_SYNTAX with the usage. */
MUST_CHECK bool admin_want(const struct job *j, size_t n, const char *usage, struct error *err);

/* The commands of admin_alias.c and admin_set.c: *out is their answer. */
bool admin_list_aliases(struct job *j, uint64_t account, json_t *out, bool all, struct error *err);
bool admin_alias_add(struct job *j, json_t **out, struct error *err);
bool admin_alias_remove(struct job *j, json_t **out, struct error *err);
bool admin_alias_list(struct job *j, json_t **out, struct error *err);
bool admin_account_set(struct job *j, json_t **out, struct error *err);

#endif
