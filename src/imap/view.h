/* imap/view.h: the message numbers that a session knows: UIDs in ascending order, number 1 is the
 * first. Held as runs of consecutive UIDs, so that a mailbox of a million messages costs what its
 * holes cost. */
#ifndef IMAP_VIEW_H
#define IMAP_VIEW_H

#include "base/vec.h"

struct imap_run {
    uint32_t uid, n; /* uid, uid + 1 ... n of them */
    uint32_t before; /* messages in earlier runs */
};

struct imap_view {
    struct vec runs; /* of struct imap_run */
    uint32_t n;      /* messages */
};

void imap_view_init(struct imap_view *v);
void imap_view_done(struct imap_view *v);
/* Adds a UID that is higher than all. */
void imap_view_add(struct imap_view *v, uint32_t uid);
/* The UID of a number, 1 to n. */
uint32_t imap_view_uid(const struct imap_view *v, uint32_t number);
/* The number of a UID, or 0. */
uint32_t imap_view_number(const struct imap_view *v, uint32_t uid);
/* The number of the first UID that is at least uid; n + 1 when there is none. */
uint32_t imap_view_from(const struct imap_view *v, uint32_t uid);
/* Removes UIDs that are given in descending order; those it does not hold are passed over. Linear
 * in runs and UIDs. */
void imap_view_remove(struct imap_view *v, const uint32_t *uids, size_t n);

#endif
