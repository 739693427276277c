/* base/limits.h: the bounds on what comes from outside, with the RFC or the attack that sets them. Limits that an
 * operator may change are settings (config/settings.h). Sizes are in bytes unless said otherwise. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* Between processes. */
#define LIMIT_MSG_BYTES 65536       /* a message; what is larger travels in a memfd */
#define LIMIT_MSG_FDS 4             /* descriptors of one message */
#define LIMIT_MSG_LIST 2000         /* items of one list in a message */
#define LIMIT_CHAN_OWED (1 << 20)   /* bytes waiting for a slow peer: no more is read from it */
#define LIMIT_CHAN_QUEUE (64 << 20) /* bytes: a peer that takes nothing loses its channel */
#define LIMIT_CHAN_ASKED 20000      /* questions of one peer that wait for their answer */

/* SMTP (RFC 5321 section 4.5.3.1). */
#define LIMIT_SMTP_LINE 2048          /* 512 by the RFC, and room for extensions' parameters */
#define LIMIT_SMTP_LOCAL 64           /* RFC 5321 section 4.5.3.1.1 */
#define LIMIT_SMTP_DOMAIN 255         /* RFC 5321 section 4.5.3.1.2 */
#define LIMIT_SMTP_PATH 320           /* local part, @ and domain, and room for quoting */
#define LIMIT_SMTP_BAD_COMMANDS 10    /* errors in a row, then 421 */
#define LIMIT_SMTP_UNKNOWN_COMMANDS 3 /* in all, then 421: it speaks another protocol (ALPACA) */
#define LIMIT_SMTP_IDLE_COMMANDS                                                                   \
    200 /* since the last message that was taken, other than RCPT and BDAT */
#define LIMIT_SMTP_STRANGERS                                                                       \
    200 /* recipients refused for good since then: addresses are being harvested */
#define LIMIT_SMTP_CHUNK_SWALLOWED                                                                 \
    (16 << 20) /* bytes beyond the largest message that a chunk may announce */
#define LIMIT_SMTP_RECIPIENTS 1000
#define LIMIT_SMTP_ARENA 1048576 /* memory of one transaction */

#define LIMIT_SMTP_HOPS                                                                            \
    100 /* Received fields (RFC 5321 section 6.3: at least 100), then it is a loop */
#define LIMIT_PROXY_HEADER 1024 /* balancers write less than 300 */

/* MIME: work and memory stay linear (CVE-2024-23184, CVE-2026-27859, CVE-2026-26312). */
#define LIMIT_MIME_DEPTH 64
#define LIMIT_MIME_PARTS 2000
#define LIMIT_MIME_PARAMETERS 100
#define LIMIT_MIME_HEADER_FIELDS 20000
#define LIMIT_MIME_ADDRESSES 2000 /* of one field, in ENVELOPE */
#define LIMIT_MIME_REFERENCES 200
#define LIMIT_MIME_FIELD 65536 /* of one field; what follows is not looked at */
#define LIMIT_MIME_PREVIEW 256 /* of UTF-8 */

/* Writing messages (compose/build.h): what we write stays within what we read. */
#define LIMIT_WRITE_NAME 76 /* of a field's or parameter's name */
#define LIMIT_WRITE_TEXT                                                                           \
    30000 /* of an unstructured value: also when encoded, the field is below LIMIT_MIME_FIELD */
#define LIMIT_WRITE_PARAM 1000 /* of a parameter's value; at most 55 pieces of RFC 2231 */
#define LIMIT_WRITE_ID 900     /* of a message id: it cannot be folded, and a line has 998 */
#define LIMIT_WRITE_DEPTH 8    /* multiparts inside one another */

/* Searching (text/text.h). */
#define LIMIT_SEARCH_HEADER (1 << 20) /* of one header; what follows is not looked at */
#define LIMIT_SEARCH_PENDING                                                                       \
    (1 << 20) /* decoded bytes that wait for their charset: memory, and time */
#define LIMIT_SEARCH_TNEF (16 << 20) /* of one winmail.dat; what follows is not looked at: memory */

/* IMAP: one budget for each command (CVE-2025-61600, CVE-2026-42006). */
#define LIMIT_IMAP_LINE 65536     /* a command without its literals */
#define LIMIT_IMAP_COMMAND 131072 /* a command with its literals, but for APPEND's message */
#define LIMIT_IMAP_PRELOGIN 8192  /* the same before login, in the edge */
#define LIMIT_IMAP_PRELOGIN_SKIPPED 65536 /* of commands that are too long, in all, then BYE */
#define LIMIT_IMAP_PRELOGIN_COMMANDS 50   /* lines before login, then BYE; a client needs six */
#define LIMIT_IMAP_LITERALS 64            /* of one command */
#define LIMIT_IMAP_DEPTH 32               /* parentheses */
#define LIMIT_IMAP_ID_FIELDS 30           /* RFC 2971 section 3.3, as the next two */
#define LIMIT_IMAP_ID_NAME 30
#define LIMIT_IMAP_ID_VALUE 1024
#define LIMIT_IMAP_ITEMS 10000 /* list items and ranges of one command */
#define LIMIT_IMAP_ARENA 4194304
#define LIMIT_IMAP_BAD_COMMANDS 20  /* in a row, then BYE */
#define LIMIT_IMAP_OUTPUT (1 << 20) /* answers that wait to be read; then the command pauses */
#define LIMIT_MAILBOX_NAME 1000     /* of UTF-8 */
#define LIMIT_MAILBOXES 20000       /* of one account */
#define LIMIT_KEYWORDS 200          /* different keywords in one mailbox */
#define LIMIT_KEYWORD 100           /* of one */
#define LIMIT_SESSIONS_ACCOUNT 1000 /* sessions of one account's process */
#define LIMIT_APPENDS_ACCOUNT                                                                      \
    (256 << 20) /* bytes of commands that these hold at once, with what they have announced */

/* Credentials. */
#define LIMIT_USER_NAME 400
#define LIMIT_PASSWORD 1000
#define LIMIT_SASL_LINE 12288 /* RFC 4954 section 4: of base64 */

/* Store. */
#define LIMIT_INLINE_CONTENT 131072 /* compressed; what is larger is quicker as a file of chunks */
#define LIMIT_CHUNK 65536           /* of one sealed chunk, before it is sealed */

/* Configuration. */
#define LIMIT_CONFIG_TEXT 60000 /* all settings, as each process gets them in one message */
#define LIMIT_CONFIG_FILE                                                                          \
    49152 /* posthus.conf: with defaults for what it does not name, LIMIT_CONFIG_TEXT is enough */
#define LIMIT_CONFIG_LINE 4096

#endif
