/* imap/reader.h: cuts a stream of bytes into commands: lines with the literals in them (RFC 9051
 * section 4.3, RFC 7888).
 *
 * What it gathers is the command as sent, literals in place, each line ended by CRLF (a bare LF is
 * taken for one), so that the parser sees one slice and needs no state. Budgets (limits.h) are
 * enforced before anything is stored. It asks its owner at each literal, because APPEND's message
 * has another budget, and because a synchronizing literal can be refused before it is sent. */
#ifndef IMAP_READER_H
#define IMAP_READER_H

#include "base/buf.h"

enum imap_read {
    IMAP_READ_MORE,     /* all bytes were used; the command is not complete */
    IMAP_READ_COMMAND,  /* imap_reader_command has it whole; imap_reader_next before going on */
    IMAP_READ_LITERAL,  /* one of literal_n bytes is announced: accept or refuse it */
    IMAP_READ_TOO_LONG, /* over its budget: imap_reader_command has its beginning; the rest will be
                           skipped */
};

enum imap_reader_state {
    IMAP_READER_LINE,
    IMAP_READER_ASKED,   /* IMAP_READ_LITERAL was returned */
    IMAP_READER_LITERAL, /* literal_n bytes of it are to come */
    IMAP_READER_SKIP_LITERAL,
    IMAP_READER_SKIP_LINE,
};

struct imap_reader {
    struct buf text; /* the command so far; while skipping the end of the line alone */
    enum imap_reader_state state;
    size_t line_at;    /* where its last line begins */
    size_t line_bytes; /* all its lines, without literals */
    size_t line_max, text_max;
    uint64_t literal_n; /* announced, or still to come */
    unsigned literals;
    bool sync;    /* the announced literal waits for "+ " */
    bool dropped; /* the text is no command any more: forgotten at the next feed */
    bool secret;  /* commands hold passwords: memory is wiped before it is given back */
};

/* line_max: bytes of the lines of one command; text_max: with its literals. */
void imap_reader_init(struct imap_reader *r, size_t line_max, size_t text_max, bool secret);
void imap_reader_done(struct imap_reader *r);
/* Takes bytes up to the next event; *used says how many. */
enum imap_read imap_reader_feed(struct imap_reader *r, struct str bytes, size_t *used);
/* The command with its last CRLF, or what there is of it. */
struct str imap_reader_command(const struct imap_reader *r);
/* Forgets the command and begins the next one. */
void imap_reader_next(struct imap_reader *r);
/* Whether the announced literal is within the budget. */
bool imap_reader_fits(const struct imap_reader *r);
/* Answers IMAP_READ_LITERAL: takes it, also when it is over the budget (APPEND's message). */
void imap_reader_accept(struct imap_reader *r);
/* Answers IMAP_READ_LITERAL: the command is over. A synchronizing literal is never sent; another is
 * skipped with the rest of the command. */
void imap_reader_refuse(struct imap_reader *r);
/* Whether what comes next is passed over: the rest of a command that was too long, or refused. */
bool imap_reader_skips(const struct imap_reader *r);

#endif
