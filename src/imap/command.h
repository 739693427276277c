/* imap/command.h: the one table of commands and that of capabilities. Dialogue, CAPABILITY and the
 * documentation read them; a command that is not in the table does not exist, and a capability
 * without its commands is not announced. */
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

enum imap_step { IMAP_DONE, IMAP_MORE };

struct imap_command {
    const char *word;
    unsigned states, flags;
    const char *arguments; /* for people */
    const char *source;
    /* Before login: parses and answers. */
    void (*login)(struct imap_login *l, struct imap_parse *p);
    /* After login: check takes the arguments up to the line's end and leaves what run needs in the
     * session's job; false when the parse failed or the session has an answer already. run does a
     * piece of the work. */
    bool (*check)(struct imap_session *s, struct imap_parse *p);
    enum imap_step (*run)(struct imap_session *s);
};

/* The command of this word in any case ("FETCH", "UID FETCH"), or NULL. */
const struct imap_command *imap_command_find(struct str word);
/* Iterates the table; NULL at the end. */
const struct imap_command *imap_command_at(size_t i);

/* What decides whether a capability is announced. */
struct imap_offer {
    bool login;    /* before login */
    bool starttls; /* offered now */
    bool login_ok; /* credentials are taken on this stream */
};
/* Appends "CAPABILITY IMAP4rev1 ..." without brackets or line end. */
void imap_write_capability(struct buf *out, const struct imap_offer *offer);

/* Takes the command word, and the second of "UID ...". STR_NULL when it failed. In the arena when
 * it has two. */
struct str imap_take_command(struct imap_parse *p);

#endif
