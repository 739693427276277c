/* imap/command.h: the one table of commands. The dialogue, on both sides of login, and CAPABILITY read it; a
 * command that is not in the table does not exist, and a capability is announced by the row of the command
 * that provides it. */
#ifndef IMAP_COMMAND_H
#define IMAP_COMMAND_H

#include "base/buf.h"
#include "imap/parse.h"

struct imap_login;
struct imap_session;

/* States, as bits (RFC 9051 section 3). */
#define IMAP_BEFORE_LOGIN 1u
#define IMAP_LOGGED_IN 2u
#define IMAP_SELECTED 4u
#define IMAP_ANY (IMAP_BEFORE_LOGIN | IMAP_LOGGED_IN | IMAP_SELECTED)
#define IMAP_AUTH (IMAP_LOGGED_IN | IMAP_SELECTED)

/* Flags. */
#define IMAP_UID 1u           /* numbers are UIDs: "UID FETCH" */
#define IMAP_KEEPS_NUMBERS 2u /* no EXPUNGE may come with its answers (RFC 9051 section 7.5.1) */
#define IMAP_NO_SYNC 4u       /* nothing of the selected mailbox is told around it */
#define IMAP_WRITES 8u        /* refused to a session that may only read */
#define IMAP_WRITES_HERE 16u  /* the same, and where the selected mailbox was opened with EXAMINE */
#define IMAP_EXAMINES 32u     /* opens a mailbox for reading only */
#define IMAP_IDLES 64u        /* its tagged answer waits for DONE */
#define IMAP_ENDS 128u        /* the session is over after its OK */

/* When a capability is announced. */
#define IMAP_SAID_ALWAYS 1u
#define IMAP_SAID_AFTER 2u     /* login */
#define IMAP_SAID_STARTTLS 4u  /* before login, while STARTTLS is offered */
#define IMAP_SAID_LOGIN_OK 8u  /* before login, when credentials are taken */
#define IMAP_SAID_LOGIN_NO 16u /* before login, when they are not */

struct imap_capability {
    const char *word;
    unsigned when;
};

/* What a command keeps from its arguments to its end. */
struct imap_job {
    size_t size;             /* bytes, zeroed before its check */
    void (*done)(void *job); /* frees what it holds on the heap; NULL: nothing */
};

enum imap_step { IMAP_DONE, IMAP_MORE };

struct imap_command {
    const char *word;
    unsigned states, flags;
    const char *arguments; /* shown to a client that got them wrong; NULL: there are none */
    const char *source;    /* for the reader */
    struct imap_capability announces[5];
    /* Before login: takes the arguments, and answers. */
    void (*login)(struct imap_login *l, struct imap_parse *p);
    /* After login. The job is there, at s->job, in the command's arena; NULL: it needs none. check
     * takes the arguments, but not the line's end, into the job; NULL: there are none. Bad
     * syntax fails in the parser, what cannot be done is answered with imap_no and its like. run does a
     * piece of the work, and ends by returning what imap_ok, imap_no, imap_bad or imap_failed do. */
    const struct imap_job *job;
    void (*check)(struct imap_session *s, struct imap_parse *p);
    enum imap_step (*run)(struct imap_session *s);
};

/* The command of this word in any case ("FETCH", "UID FETCH"), or NULL. */
const struct imap_command *imap_command_find(struct str word);

/* What decides whether a capability is announced. */
struct imap_offer {
    bool login;    /* before login */
    bool starttls; /* offered now */
    bool login_ok; /* credentials are taken on this stream */
};
/* Appends "CAPABILITY IMAP4rev1 ..." without brackets or line end, in the order of the table. */
void imap_write_capability(struct buf *out, const struct imap_offer *offer);

/* Takes the command word, and the second of "UID ...". STR_NULL when it failed. In the arena when
 * it has two. */
struct str imap_take_command(struct imap_parse *p);

#endif
