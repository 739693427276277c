/* admin/status.h: what `posthus status` makes of what the processes have counted: what waits, what was refused, and what needs
 * a hand. A counter that is new in a process shows without a change here; one whose name begins with refused-, over-rate- or
 * ended- is taken for a limit. */
#ifndef ADMIN_STATUS_H
#define ADMIN_STATUS_H

#include "base/buf.h"
#include "base/vec.h"

#define ADMIN_PROBLEMS_SHOWN 5

struct admin_counter {
    struct str name;
    uint64_t value;
};

struct admin_process {
    struct str name;     /* of its role: "hasher" */
    unsigned instance;   /* of those of this role, from 0; they follow one another */
    uint64_t pid;        /* 0: it does not run */
    bool ready, answers; /* answers: it said what it has counted */
    uint64_t restarts;   /* in all */
    uint64_t up_s;       /* since its last start */
    struct vec counters; /* of struct admin_counter */
};

struct admin_problem {
    struct str account, problem;
};

struct admin_status {
    struct str version, state, data;
    int64_t started_us; /* wall clock */
    uint64_t up_s;
    struct vec processes; /* of struct admin_process */
    uint64_t disk_free, disk_reserve;
    bool problems_known; /* the directory has answered, to the end */
    uint64_t problem_accounts;
    struct admin_problem problem[ADMIN_PROBLEMS_SHOWN];
};

void admin_status_init(struct admin_status *s);
/* Frees the lists; what slices borrow from is the owner's. */
void admin_status_done(struct admin_status *s);
struct admin_process *admin_status_add(struct admin_status *s);
/* Appends the answer of `status` (admin/commands.h) in JSON. */
void admin_status_print(struct buf *out, const struct admin_status *s);

#endif
