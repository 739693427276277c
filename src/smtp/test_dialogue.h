/* smtp/test_dialogue.h: for the tests of smtp/: dialogues as rows, and the words that come again
 * and again in them. */
#ifndef SMTP_TEST_DIALOGUE_H
#define SMTP_TEST_DIALOGUE_H

#include "smtp/server_owner.h"

#include "base/limits.h"
#include "base/test.h"

static const struct smtp_config config = {
    .hostname = {"mx.test", 7}, .size_max = 1000, .recipients_max = 3, .starttls = true};

#define EHLO "EHLO client.test\r\n"
#define GREETED "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-STARTTLS\r\n" OFFERED
#define OFFERED                                                                                    \
    "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n"                  \
    "250-BINARYMIME\r\n250-LIMITS RCPTMAX=3\r\n250 HELP\r\n"
#define MAIL "MAIL FROM:<a@b.test>\r\n"
#define NOTED "250 2.1.0 Sender noted\r\n"
#define RCPT "RCPT TO:<ada@c.test>\r\n"
#define TAKEN "250 2.1.5 Recipient taken\r\n"
#define GO "354 End the message with a line that is a single dot\r\n"
#define STORED "250 2.0.0 Message taken as m1\r\n"
#define OK "250 2.0.0 OK\r\n"
#define OK_NOOP "NOOP\r\n"
#define BARE "554 5.6.0 A line ends with CR or LF alone; RFC 5321 section 2.3.8\r\n"
#define NOT_CLEAN "500 5.5.2 Lines end with CRLF and contain no control characters\r\n"
#define LIES                                                                                       \
    "501 5.5.4 Syntax: BDAT size [LAST], of at most 1000 octets\r\n"                               \
    "421 4.7.0 It cannot be told where the chunk ends\r\n"
#define BYE "421 4.7.0 This is a mail server\r\n"
#define TO_DATA EHLO MAIL RCPT "DATA\r\n"
#define AT_DATA GREETED NOTED TAKEN GO
#define BAD3 "EXPN x\r\nEXPN x\r\nEXPN x\r\n"
#define BAD9 BAD3 BAD3 BAD3
#define X9 "502 5.5.1 Lists are not expanded here\r\n"
#define NO_COMMAND "500 5.5.1 Not a command\r\n"
#define TOO_MANY "421 4.7.0 Too many errors\r\n"

#define MAIL_BIN "MAIL FROM:<a@b.test> BODY=BINARYMIME\r\n"

struct row { /* what is sent, what comes back, and what the owner was asked */
    const char *name, *sent, *replies, *events;
};

/* The owner is the callbacks' argument, so it stays where it is. */
static inline void begin(struct owner *o, const struct smtp_config *c)
{
    owner_init(o, c);
    smtp_server_greet(o->server, NULL);
    CHECK_STR(buf_view(&o->out),
              c->lmtp ? STR("220 mx.test LMTP\r\n") : STR("220 mx.test ESMTP\r\n"));
    buf_reset(&o->out);
}

static inline void run_rows(const struct row *row, size_t n, const struct smtp_config *c)
{
    static const size_t pieces[] = {100000, 1, 2, 3, 7, 16};

    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
            struct owner o;
            struct str sent = test_exact(str_c(row[i].sent));

            begin(&o, c);
            owner_feed(&o, sent, pieces[k]);
            if (!CHECK_STR(buf_view(&o.out), str_c(row[i].replies)) ||
                !CHECK_STR(buf_view(&o.events), str_c(row[i].events))) {
                CHECK_ROW(false, row[i].name);
                k = ARRAY_LEN(pieces);
            }
            owner_done(&o);
        }
    }
}

#endif
