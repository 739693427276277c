/* smtp/extension_test.c: dialogues of the extensions: chunks (RFC 3030), addresses in UTF-8 (RFC
 * 6531), LMTP (RFC 2033), and the measures of a connection (RFC 9422). */
#include "smtp/test_dialogue.h"

#include <string.h>

#define TOO_LARGE                                                                                  \
    "552 5.3.4 A message may have 1000 bytes here\r\n"                                             \
    "421 4.7.0 So large a chunk is not waited for\r\n"
#define NO_RCPT "554 5.5.1 No recipient was taken\r\n"
#define AFTER_BDAT "503 5.5.1 Only BDAT or RSET may follow BDAT\r\n"

/* RFC 3030 */
static const struct row chunk_rows[] = {
    {"one chunk", EHLO MAIL RCPT "BDAT 7 LAST\r\nhello\r\nNOOP\r\n", GREETED NOTED TAKEN STORED OK,
     "rcpt ada@c.test size 0\nbegin\nend a@b.test 7\n"},
    {"several chunks, cut within CRLF, and an empty last one",
     EHLO MAIL RCPT "BDAT 3\r\na\r\nBDAT 2\r\nb\rBDAT 1\r\n\nbdat 0 last\r\n",
     GREETED NOTED TAKEN
     "250 2.0.0 3 octets taken\r\n250 2.0.0 2 octets taken\r\n250 2.0.0 1 octets "
     "taken\r\n" STORED,
     "rcpt ada@c.test size 0\nbegin\nend a@b.test 6\n"},
    {"dots are octets as others", EHLO MAIL RCPT "BDAT 11 LAST\r\n..\r\n.\r\nMAIL" OK_NOOP,
     GREETED NOTED TAKEN STORED OK, "rcpt ada@c.test size 0\nbegin\nend a@b.test 11\n"},
    {"a bare LF", EHLO MAIL RCPT "BDAT 4 LAST\r\na\nb\n" OK_NOOP, GREETED NOTED TAKEN BARE OK,
     "rcpt ada@c.test size 0\nbegin\nreset\n"},
    {"a bare CR at the end", EHLO MAIL RCPT "BDAT 2\r\na\rBDAT 0 LAST\r\n",
     GREETED NOTED TAKEN "250 2.0.0 2 octets taken\r\n" BARE,
     "rcpt ada@c.test size 0\nbegin\nreset\n"},
    {"a bare LF in the first of two chunks",
     EHLO MAIL RCPT "BDAT 2\r\na\nBDAT 9 LAST\r\nMAIL x@y\n" OK_NOOP,
     GREETED NOTED TAKEN BARE "503 5.5.1 Say MAIL first\r\n" OK,
     "rcpt ada@c.test size 0\nbegin\nreset\n"},
    {"a binary body", EHLO MAIL_BIN RCPT "BDAT 12 LAST\r\nA: b\r\n\r\n\n\r\n\rNOOP\r\n",
     GREETED NOTED TAKEN STORED OK, "rcpt ada@c.test size 0\nbegin\nend a@b.test 12 BINARYMIME\n"},
    {"the header of a binary message has lines", EHLO MAIL_BIN RCPT "BDAT 7 LAST\r\nA: b\n\r\n",
     GREETED NOTED TAKEN BARE, "rcpt ada@c.test size 0\nbegin\nreset\n"},
    {"a binary message does not come by DATA", EHLO MAIL_BIN RCPT "DATA\r\nRSET\r\n",
     GREETED NOTED TAKEN "503 5.5.1 A BINARYMIME message comes by BDAT\r\n" OK,
     "rcpt ada@c.test size 0\nreset\n"},
    {"chunks without recipients are swallowed",
     EHLO MAIL "RCPT TO:<nobody@c.test>\r\nBDAT 6\r\nNOOP\r\nBDAT 6 LAST\r\nQUIT\r\n" OK_NOOP,
     GREETED NOTED "550 5.1.1 nobody here has this address\r\n" NO_RCPT NO_RCPT OK,
     "rcpt nobody@c.test size 0\n"},
    {"chunks outside of transactions are swallowed",
     "BDAT 6\r\nQUIT\r\n" EHLO "BDAT 6 LAST\r\nQUIT\r\n",
     "503 5.5.1 Say EHLO first\r\n" GREETED "503 5.5.1 Say MAIL first\r\n", ""},
    {"between chunks", EHLO MAIL RCPT "BDAT 0\r\nDATA\r\n" MAIL RCPT "NOOP\r\nBDAT 1 LAST\r\nx",
     GREETED NOTED TAKEN "250 2.0.0 0 octets taken\r\n" AFTER_BDAT AFTER_BDAT AFTER_BDAT OK STORED,
     "rcpt ada@c.test size 0\nbegin\nend a@b.test 1\n"},
    {"RSET between chunks", EHLO MAIL RCPT "BDAT 1\r\nxRSET\r\nBDAT 1 LAST\r\nx" MAIL,
     GREETED NOTED TAKEN "250 2.0.0 1 octets taken\r\n" OK "503 5.5.1 Say MAIL first\r\n" NOTED,
     "rcpt ada@c.test size 0\nbegin\nreset\n"},
    {"sizes that lie: no number", EHLO MAIL RCPT "BDAT x\r\nNOOP\r\n", GREETED NOTED TAKEN LIES,
     "rcpt ada@c.test size 0\nreset\nclose\n"},
    {"sizes that lie: negative", EHLO MAIL RCPT "BDAT -1 LAST\r\nNOOP\r\n",
     GREETED NOTED TAKEN LIES, "rcpt ada@c.test size 0\nreset\nclose\n"},
    {"sizes that lie: hexadecimal", EHLO MAIL RCPT "BDAT 0x10 LAST\r\nNOOP\r\n",
     GREETED NOTED TAKEN LIES, "rcpt ada@c.test size 0\nreset\nclose\n"},
    {"sizes that lie: none", EHLO "BDAT\r\nNOOP\r\n", GREETED LIES, "close\n"},
    {"a size beyond 64 bits", EHLO "BDAT 18446744073709551617 LAST\r\nNOOP\r\n", GREETED TOO_LARGE,
     "close\n"},
    {"a size beyond all measure", EHLO MAIL RCPT "BDAT 18446744073709551616 LAST\r\nNOOP\r\n",
     GREETED NOTED TAKEN TOO_LARGE, "rcpt ada@c.test size 0\nreset\nclose\n"},
    {"with zeros before it", EHLO MAIL RCPT "BDAT 00000000000000000000000006 LAST\r\nNOOP\r\n",
     GREETED NOTED TAKEN STORED, "rcpt ada@c.test size 0\nbegin\nend a@b.test 6\n"},
    {"a size that nobody swallows", EHLO "BDAT 99999999 LAST\r\nNOOP\r\n", GREETED TOO_LARGE,
     "close\n"},
    {"a bare LF after it", EHLO "BDAT 6 LAST\nNOOP\r\n", GREETED LIES, "close\n"},
    {"CR CR LF after it", EHLO "bdat 6 LAST\r\r\nNOOP\r\n", GREETED LIES, "close\n"},
    {"a control in it", EHLO " BDAT 6\001LAST\r\nNOOP\r\n", GREETED LIES, "close\n"},
    {"another word than LAST", EHLO "BDAT 5 FIRST\r\nNOOP\r\n", GREETED LIES, "close\n"},
};

static void chunks_end_by_their_count(void)
{
    run_rows(chunk_rows, ARRAY_LEN(chunk_rows), &config);
}

static void chunks_over_the_size_are_swallowed_and_refused(void)
{
    struct owner o;

    begin(&o, &config);
    owner_feed(&o, STR(EHLO MAIL RCPT "BDAT 600\r\n"), 1000);
    for (int i = 0; i < 600; i++)
        owner_feed(&o, STR("x"), 1);
    owner_feed(&o, STR("BDAT 600\r\n"), 1000);
    for (int i = 0; i < 600; i++)
        owner_feed(&o, STR("y"), 1);
    owner_feed(&o, STR("BDAT 4 LAST\r\nlast" MAIL), 3);
    CHECK(str_ends(buf_view(&o.out),
                   STR("250 2.0.0 600 octets taken\r\n552 5.3.4 A message may have 1000 bytes "
                       "here\r\n503 5.5.1 Say MAIL first\r\n" NOTED)));
    CHECK(o.all.n == 0 && o.message.n <= 1000);
    o.begin_fails = true;
    owner_feed(&o, STR(RCPT "BDAT 3\r\nabcBDAT 3 LAST\r\nabcNOOP\r\n"), 5);
    CHECK(str_ends(buf_view(&o.out), STR("452 4.3.1 no space\r\n503 5.5.1 Say MAIL first\r\n" OK)));
    owner_done(&o);
}

#define J "j\xc3\xb6rg"
#define MAIL_UTF8 "MAIL FROM:<" J "@b\xc3\xbc.test> SMTPUTF8\r\n"

/* RFC 6531 */
static const struct row utf8_rows[] = {
    {"addresses in UTF-8",
     EHLO MAIL_UTF8 "RCPT TO:<" J "@c.test>\r\nRCPT TO:<\"" J " x\"@c.test>\r\nDATA\r\nx\r\n.\r\n",
     GREETED NOTED TAKEN TAKEN GO STORED,
     "rcpt " J "@c.test size 0\nrcpt \"" J " x\"@c.test size 0\nbegin\nend " J
     "@b\xc3\xbc.test 3 SMTPUTF8\n"},
    {"not without the parameter",
     EHLO "MAIL FROM:<" J "@b.test>\r\n" MAIL "RCPT TO:<" J "@c.test>\r\n",
     GREETED "553 5.6.7 This address needs the parameter SMTPUTF8\r\n" NOTED
             "553 5.6.7 This address needs SMTPUTF8 in MAIL\r\n",
     ""},
    {"what is no UTF-8",
     EHLO "MAIL FROM:<j\xf6rg@b.test> SMTPUTF8\r\nMAIL FROM:<a@\xc0\x80.test> SMTPUTF8\r\n",
     GREETED
     "501 5.1.7 The sender's address cannot be read\r\n501 5.1.7 The sender's address cannot "
     "be read\r\n",
     ""},
    {"the parameter has no value",
     EHLO "MAIL FROM:<a@b> SMTPUTF8=1\r\nMAIL FROM:<a@b> smtputf8\r\n",
     GREETED "501 5.5.4 SMTPUTF8 has no value\r\n" NOTED, ""},
};

static void a_chunk_command_that_is_too_long_ends_the_connection(void)
{
    static char line[LIMIT_SMTP_LINE + 100];
    struct owner o;

    memset(line, ' ', sizeof line);
    memcpy(line, "BDAT 6", 6);
    begin(&o, &config);
    owner_feed(&o, str_of(line, sizeof line), 1000);
    owner_feed(&o, STR("\r\nNOOP\r\n"), 3);
    CHECK_STR(buf_view(&o.out), STR(LIES));
    CHECK(o.closed);
    owner_done(&o);
}

static void addresses_may_be_in_utf8(void)
{
    run_rows(utf8_rows, ARRAY_LEN(utf8_rows), &config);
}

#define LHLO "LHLO client.test\r\n"

/* RFC 2033 */
static const struct row lmtp_rows[] = {
    {"an answer for each recipient",
     LHLO MAIL RCPT "RCPT TO:<nobody@c.test>\r\n" RCPT "DATA\r\nx\r\n.\r\nQUIT\r\n",
     GREETED NOTED TAKEN "550 5.1.1 nobody here has this address\r\n" TAKEN GO STORED STORED
                         "221 2.0.0 Goodbye\r\n",
     "rcpt ada@c.test size 0\nrcpt nobody@c.test size 0\nrcpt ada@c.test size 0\nbegin\nend "
     "a@b.test "
     "3\nclose\n"},
    {"also when it is refused here", LHLO MAIL RCPT RCPT "DATA\r\na\nb\r\n.\r\n",
     GREETED NOTED TAKEN TAKEN GO BARE BARE,
     "rcpt ada@c.test size 0\nrcpt ada@c.test size 0\nbegin\nreset\n"},
    {"a chunk that is not the last has one", LHLO MAIL RCPT RCPT "BDAT 1\r\nxBDAT 0 LAST\r\n",
     GREETED NOTED TAKEN TAKEN "250 2.0.0 1 octets taken\r\n" STORED STORED,
     "rcpt ada@c.test size 0\nrcpt ada@c.test size 0\nbegin\nend a@b.test 1\n"},
    {"a chunk that is refused before the last has one",
     LHLO MAIL RCPT RCPT "BDAT 2\r\nx\nBDAT 0 LAST\r\n",
     GREETED NOTED TAKEN TAKEN BARE "503 5.5.1 Say MAIL first\r\n",
     "rcpt ada@c.test size 0\nrcpt ada@c.test size 0\nbegin\nreset\n"},
    {"EHLO and HELO are none", "EHLO x\r\nHELO x\r\n" MAIL LHLO,
     NO_COMMAND NO_COMMAND "503 5.5.1 Say LHLO first\r\n" GREETED, ""},
    {"no recipients", LHLO MAIL "DATA\r\n", GREETED NOTED "503 5.5.1 No recipient was taken\r\n",
     ""},
};

static void lmtp_answers_for_each_recipient(void)
{
    struct smtp_config lmtp = config;
    struct error err[2] = {{.kind = ERROR_NONE}, {.kind = ERROR_TEMPORARY, .text = "later"}};
    struct owner o;

    lmtp.lmtp = true;
    run_rows(lmtp_rows, ARRAY_LEN(lmtp_rows), &lmtp);
    begin(&o, &lmtp);
    owner_feed(&o, STR(LHLO MAIL RCPT RCPT), 1000);
    smtp_server_input(o.server, STR("DATA\r\nx\r\n.\r\n"));
    buf_reset(&o.out);
    smtp_server_answer_each(o.server, err, 2, STR("m2"));
    CHECK_STR(buf_view(&o.out), STR("250 2.0.0 Message taken as m2\r\n451 4.3.0 later\r\n"));
    owner_done(&o);
    /* And LHLO is none in SMTP. */
    begin(&o, &config);
    owner_feed(&o, STR(LHLO), 1000);
    CHECK_STR(buf_view(&o.out), STR(NO_COMMAND));
    owner_done(&o);
}

static void a_connection_has_its_measure(void)
{
    struct smtp_config c = config;
    struct owner o;

    c.messages_max = 2;
    begin(&o, &c);
    owner_feed(&o, STR(EHLO), 1000);
    CHECK(str_find(buf_view(&o.out), STR("250-LIMITS MAILMAX=2 RCPTMAX=3\r\n")) != SIZE_MAX);
    owner_feed(&o, STR(MAIL "RSET\r\n" MAIL "RSET\r\n" MAIL), 1000);
    CHECK(o.closed &&
          str_ends(buf_view(&o.out),
                   STR("421 4.7.0 Too many messages on this connection; open another\r\n")));
    owner_done(&o);

    begin(&o, &config);
    for (int i = 0; i < LIMIT_SMTP_IDLE_COMMANDS; i++)
        owner_feed(&o, STR("NOOP\r\n"), 1000);
    CHECK(!o.closed);
    owner_feed(&o, STR("NOOP\r\n"), 1000);
    CHECK(o.closed && o.refusals == 0 && o.counters.idle == 1);
    owner_done(&o);

    begin(&o, &config);
    owner_feed(&o, STR(EHLO MAIL), 1000);
    for (int i = 0; i + 1 < LIMIT_SMTP_STRANGERS; i++)
        owner_feed(&o, STR("RCPT TO:<nobody@c.test>\r\n"), 1000);
    CHECK(!o.closed);
    owner_feed(&o, STR("RCPT TO:<nobody@c.test>\r\n"), 1000);
    CHECK(o.closed && o.refusals == LIMIT_SMTP_STRANGERS && o.counters.strangers == 1);
    owner_done(&o);
}

int main(void)
{
    RUN(chunks_end_by_their_count);
    RUN(chunks_over_the_size_are_swallowed_and_refused);
    RUN(a_chunk_command_that_is_too_long_ends_the_connection);
    RUN(addresses_may_be_in_utf8);
    RUN(lmtp_answers_for_each_recipient);
    RUN(a_connection_has_its_measure);
    return test_end();
}
