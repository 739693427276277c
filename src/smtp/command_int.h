/* smtp/command_int.h: the table that says all there is about each command: the dialogue, HELP, and the
 * documentation read it. */
#ifndef SMTP_COMMAND_INT_H
#define SMTP_COMMAND_INT_H

#include "smtp/server_int.h"

enum smtp_argument {
    SMTP_ARG_NONE,   /* nothing but white space may follow */
    SMTP_ARG_ANY,    /* a string, which may be missing */
    SMTP_ARG_STRING, /* a string that must be there */
    SMTP_ARG_FROM,   /* "FROM:" path parameters */
    SMTP_ARG_TO      /* "TO:" path parameters */
};

struct smtp_command {
    const char *word;
    unsigned states; /* of enum smtp_state, in which it may come; elsewhere it is answered 503 */
    enum smtp_argument argument;
    bool smtp, lmtp; /* in which of the two it is one */
    void (*run)(struct smtp_server *s, struct str argument);
    const char *syntax; /* for HELP */
    const char *source;
};

/* NULL when there is none of this name (ASCII case aside). */
const struct smtp_command *smtp_command_find(struct str word);
/* Row i, NULL after the last. */
const struct smtp_command *smtp_command_at(size_t i);

#endif
