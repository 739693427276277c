/* imap/parse.h: the grammar of commands (RFC 9051 section 9, with what RFC 3501 still allows), over
 * one complete command as the reader gathers it. Each function is named for its rule, takes at most
 * what the rule allows and fails in the cursor; results are slices of the command, or lie in the
 * arena where something had to be undone. */
#ifndef IMAP_PARSE_H
#define IMAP_PARSE_H

#include "base/arena.h"
#include "base/cursor.h"

struct imap_parse {
    struct cursor c;
    struct arena *arena;
    unsigned items; /* list items and ranges so far, at most LIMIT_IMAP_ITEMS */
    bool utf8;      /* mailbox names are UTF-8 (RFC 6855), not modified UTF-7 */
};

void imap_parse_init(struct imap_parse *p, struct str command, struct arena *arena, bool utf8);

/* Takes one SP, or fails. */
void imap_take_sp(struct imap_parse *p);
/* Takes the CRLF that ends the command, or fails. */
void imap_take_end(struct imap_parse *p);
/* Whether an SP, and not the end, is next; takes it. */
bool imap_accept_sp(struct imap_parse *p);
/* Counts one item of the command's budget; fails when it is used up. */
bool imap_count_item(struct imap_parse *p);

struct str imap_take_tag(struct imap_parse *p);
struct str imap_take_atom(struct imap_parse *p);
struct str imap_take_string(struct imap_parse *p); /* quoted or literal */
struct str imap_take_astring(struct imap_parse *p);
/* NIL gives STR_NULL (p is NULL). */
struct str imap_take_nstring(struct imap_parse *p);
/* A mailbox name, decoded to UTF-8. */
struct str imap_take_mailbox(struct imap_parse *p);
/* As LIST has it: with wildcards, decoded to UTF-8. */
struct str imap_take_list_mailbox(struct imap_parse *p);
uint64_t imap_take_modseq(struct imap_parse *p); /* 0 to 2^63 - 1 */

#define IMAP_STAR UINT64_MAX

struct imap_range {
    uint64_t from, to; /* IMAP_STAR is "*"; from may be greater */
};
struct imap_set {
    struct imap_range *ranges;
    size_t n;
    bool saved; /* "$" (RFC 5182) */
};
struct imap_set imap_take_set(struct imap_parse *p);

struct imap_flags {
    uint32_t system;   /* STORE_SEEN and the like */
    struct str *words; /* keywords as sent */
    size_t words_n;
};
/* flag-list, or, bare, flags with SP between up to the end (RFC 9051 section 9, store-att-flags).
 * \Recent is passed over. */
struct imap_flags imap_take_flags(struct imap_parse *p);

/* date-time with its quotes: microseconds since 1970 UTC. */
int64_t imap_take_date_time(struct imap_parse *p);
/* date, quoted or not: days since 1970. */
int64_t imap_take_date(struct imap_parse *p);

/* Days since 1970 of a date of the Gregorian calendar, and back. */
int64_t imap_days(int64_t year, unsigned month, unsigned day);
void imap_civil(int64_t days, int64_t *year, unsigned *month, unsigned *day);

bool imap_is_astring_char(char c);

#endif
