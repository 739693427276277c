/* smtp/server_test.c: dialogues, line by line: what is sent, and what comes back. Each is also fed
 * in pieces, which must not change a byte. */
#include "smtp/test_dialogue.h"

#include "base/random.h"
#include "smtp/command_int.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct row rows[] = {
    {"a message", TO_DATA "Subject: x\r\n\r\nHello\r\n.\r\nQUIT\r\n",
     AT_DATA STORED "221 2.0.0 Goodbye\r\n",
     "rcpt ada@c.test size 0\nbegin\nend a@b.test 21\nclose\n"},
    {"the null sender and an empty message", "HELO x\r\nMAIL FROM:<>\r\n" RCPT "DATA\r\n.\r\n",
     "250 mx.test\r\n" NOTED TAKEN GO STORED, "rcpt ada@c.test size 0\nbegin\nend  0\n"},
    {"commands in any case, white space at the end",
     "ehlo x\r\nmail from:<a@b.test> \r\nRcPt tO:<ada@c.test>\t\r\n", GREETED NOTED TAKEN,
     "rcpt ada@c.test size 0\n"},
    {"two transactions", TO_DATA "a\r\n.\r\n" MAIL RCPT "DATA\r\nb\r\n.\r\n",
     AT_DATA STORED NOTED TAKEN GO STORED,
     "rcpt ada@c.test size 0\nbegin\nend a@b.test 3\nrcpt ada@c.test size 0\nbegin\nend a@b.test "
     "3\n"},
    {"recipients by their answers",
     EHLO MAIL "RCPT TO:<nobody@c.test>\r\nRCPT TO:<full@c.test>\r\nRCPT TO:<later@c.test>\r\n"
               "RCPT TO:<relay@c.test>\r\nRCPT TO:<limit@c.test>\r\nRCPT TO:<gone@c.test>\r\n"
               "RCPT TO:<disk@c.test>\r\nRCPT TO:<internal@c.test>\r\nDATA\r\n",
     GREETED NOTED
     "550 5.1.1 nobody here has this address\r\n452 4.2.2 the account is full\r\n"
     "451 4.3.0 try again\r\n550 5.7.1 relaying is not allowed\r\n452 4.5.3 too much\r\n"
     "550 5.2.1 no longer here\r\n452 4.3.1 no space\r\n451 4.3.0 something broke\r\n"
     "554 5.5.1 No recipient was taken\r\n",
     "rcpt nobody@c.test size 0\nrcpt full@c.test size 0\nrcpt later@c.test size 0\n"
     "rcpt relay@c.test size 0\nrcpt limit@c.test size 0\nrcpt gone@c.test size 0\n"
     "rcpt disk@c.test size 0\nrcpt internal@c.test size 0\n"},
    {"a refused recipient leaves the taken ones",
     EHLO MAIL RCPT "RCPT TO:<nobody@c.test>\r\nDATA\r\n.\r\n",
     GREETED NOTED TAKEN "550 5.1.1 nobody here has this address\r\n" GO STORED,
     "rcpt ada@c.test size 0\nrcpt nobody@c.test size 0\nbegin\nend a@b.test 0\n"},
    {"more recipients than allowed", EHLO MAIL RCPT RCPT RCPT RCPT "DATA\r\n.\r\n",
     GREETED NOTED TAKEN TAKEN TAKEN
     "452 4.5.3 Too many recipients, send the rest in another transaction\r\n" GO STORED,
     "rcpt ada@c.test size 0\nrcpt ada@c.test size 0\nrcpt ada@c.test size 0\nbegin\nend a@b.test "
     "0\n"},
    {"a message by its answer",
     TO_DATA "full\r\n.\r\n" MAIL RCPT "DATA\r\nrelay\r\n.\r\n" MAIL RCPT "DATA\r\ndisk\r\n.\r\n",
     AT_DATA "452 4.2.2 the account is full\r\n" NOTED TAKEN GO
             "550 5.7.1 relaying is not allowed\r\n" NOTED TAKEN GO "452 4.3.1 no space\r\n",
     "rcpt ada@c.test size 0\nbegin\nend a@b.test 6\nrcpt ada@c.test size 0\nbegin\nend a@b.test "
     "7\n"
     "rcpt ada@c.test size 0\nbegin\nend a@b.test 6\n"},
    {"dots are unstuffed", TO_DATA "..\r\n...x\r\n.y\r\nz.\r\n.\r\n", AT_DATA STORED,
     "rcpt ada@c.test size 0\nbegin\nend a@b.test 15\n"},
    {"RSET forgets", EHLO MAIL RCPT "RSET\r\nDATA\r\nRSET\r\n",
     GREETED NOTED TAKEN OK "503 5.5.1 Say MAIL first\r\n" OK, "rcpt ada@c.test size 0\nreset\n"},
    {"EHLO forgets", EHLO MAIL EHLO RCPT, GREETED NOTED GREETED "503 5.5.1 Say MAIL first\r\n",
     "reset\n"},
    {"QUIT in a transaction forgets", EHLO MAIL "QUIT\r\nNOOP\r\n",
     GREETED NOTED "221 2.0.0 Goodbye\r\n", "reset\nclose\n"},
    {"commands out of order",
     MAIL RCPT "DATA\r\nSTARTTLS\r\n" EHLO RCPT "DATA\r\n" MAIL MAIL "STARTTLS\r\n",
     "503 5.5.1 Say EHLO first\r\n503 5.5.1 Say EHLO first\r\n503 5.5.1 Say EHLO first\r\n"
     "503 5.5.1 Say EHLO first\r\n" GREETED
     "503 5.5.1 Say MAIL first\r\n503 5.5.1 Say MAIL first\r\n" NOTED
     "503 5.5.1 Not within a transaction\r\n503 5.5.1 Not within a transaction\r\n",
     ""},
    {"NOOP, RSET, VRFY, EXPN, HELP before EHLO",
     "NOOP\r\nNOOP x y\r\nRSET\r\nVRFY x\r\nEXPN x\r\nHELP mail\r\n",
     OK OK OK
     "252 2.0.0 Addresses are checked when mail comes for them\r\n502 5.5.1 Lists are not expanded "
     "here\r\n"
     "214 2.0.0 MAIL FROM:<address> [SIZE=n] [BODY=7BIT|8BITMIME|BINARYMIME] [SMTPUTF8]\r\n",
     ""},
    {"arguments that are missing, or too many",
     EHLO "EHLO\r\nHELO \r\nEHLO a b\r\nMAIL\r\nVRFY\r\nRSET x\r\nQUIT x\r\n",
     GREETED "501 5.5.4 Something is missing after this command\r\n501 5.5.4 Something is missing "
             "after this command\r\n"
             "501 5.5.2 A domain name or address literal is needed\r\n501 5.5.4 Something is "
             "missing after this command\r\n"
             "501 5.5.4 Something is missing after this command\r\n501 5.5.4 Nothing may follow "
             "this command\r\n"
             "501 5.5.4 Nothing may follow this command\r\n",
     ""},
    {"names in EHLO",
     "EHLO WIN_PC-7\r\nEHLO a(b)\r\nEHLO \xc3\xa4\r\nHELO a;b\r\nHELO [192.0.2.1]\r\n",
     GREETED "501 5.5.2 A domain name or address literal is needed\r\n"
             "501 5.5.2 A domain name or address literal is needed\r\n"
             "501 5.5.2 A domain name or address literal is needed\r\n250 mx.test\r\n",
     ""},
    {"paths that cannot be read",
     EHLO "MAIL FROM:a@b\r\nMAIL FROM:<a\r\nMAIL TO:<a@b>\r\nMAIL FROM: <a@b>\r\n" MAIL
          "RCPT TO:<>\r\nRCPT TO:<a@b\r\nRCPT FROM:<a@b>\r\nRCPT TO:<a@b>x\r\n",
     GREETED
     "501 5.1.7 The sender's address cannot be read\r\n501 5.1.7 The sender's address cannot "
     "be read\r\n"
     "501 5.5.4 Syntax: MAIL FROM:<address>\r\n501 5.1.7 The sender's address cannot be "
     "read\r\n" NOTED "501 5.1.3 The null path takes no mail\r\n501 5.1.3 The "
     "recipient's address cannot be read\r\n"
     "501 5.5.4 Syntax: RCPT TO:<address>\r\n501 5.5.4 The parameters cannot be read\r\n",
     ""},
    {"parameters",
     EHLO "MAIL FROM:<a@b> SIZE=1000 BODY=8BITMIME\r\n" RCPT
          "RSET\r\nMAIL FROM:<a@b> body=7bit\r\n",
     GREETED NOTED TAKEN OK NOTED, "rcpt ada@c.test size 1000\nreset\n"},
    {"parameters that are wrong",
     EHLO "MAIL FROM:<a@b> SIZE=\r\nMAIL FROM:<a@b> SIZE=1x\r\nMAIL FROM:<a@b> SIZE=1 SIZE=2\r\n"
          "MAIL FROM:<a@b> BODY=16BIT\r\nMAIL FROM:<a@b>  SIZE=1\r\nMAIL FROM:<a@b>SIZE=1\r\n",
     GREETED
     "501 5.5.4 SIZE is a number\r\n501 5.5.4 SIZE is a number\r\n501 5.5.4 SIZE is a number\r\n"
     "501 5.5.4 BODY is 7BIT, 8BITMIME or BINARYMIME\r\n501 5.5.4 The parameters cannot be "
     "read\r\n"
     "501 5.5.4 The parameters cannot be read\r\n",
     ""},
    {"parameters that are not known",
     EHLO "MAIL FROM:<a@b> AUTH=<>\r\nMAIL FROM:<a@b> X=1\r\n" MAIL
          "RCPT TO:<ada@c.test> NOTIFY=NEVER\r\n",
     GREETED "555 5.5.4 A parameter of MAIL is not known here\r\n555 5.5.4 A parameter of MAIL is "
             "not known here\r\n" NOTED "555 5.5.4 RCPT has no parameters here\r\n",
     ""},
    {"a size that is announced and too large",
     EHLO "MAIL FROM:<a@b> SIZE=1001\r\nMAIL FROM:<a@b> SIZE=99999999999999999999\r\n",
     GREETED "552 5.3.4 Messages are limited to 1000 bytes\r\n552 5.3.4 Messages are limited "
             "to 1000 bytes\r\n",
     ""},
    {"words that are no command", "FOO\r\nMAILFROM:<a@b>\r\nAUTH PLAIN\r\n\r\nNOOP\r\n",
     "500 5.5.1 Not a command\r\n421 4.7.0 This is a mail server\r\n", "close\n"},
    {"an empty line is no command", "\r\n \r\nNOOP\r\n", NO_COMMAND NO_COMMAND OK, ""},
    {"CR or LF alone in commands", "NOOP\nNOOP\r\nNO\rOP\r\nNOOP\r\r\nNOOP\n\r\n\nNOOP\r\nNOOP\r\n",
     NOT_CLEAN NOT_CLEAN NOT_CLEAN NOT_CLEAN NOT_CLEAN OK, ""},
    {"what stands after an LF alone is no command",
     EHLO "MAIL FROM:<a@b.test>\nRCPT TO:<ada@c.test>\nDATA\r\nDATA\r\n" MAIL
          "RCPT TO:<ada@c.test>\nRCPT TO:<ben@c.test>\r\nDATA\r\nNOOP\n\n\n\n\n\n\n\n\r\nNOOP\r\n",
     GREETED NOT_CLEAN "503 5.5.1 Say MAIL first\r\n" NOTED NOT_CLEAN
                       "554 5.5.1 No recipient was taken\r\n" NOT_CLEAN OK,
     ""},
    {"nor after a CR alone", EHLO MAIL RCPT "NOOP\rRSET\r\nNOOP\rQUIT\r\n" RCPT,
     GREETED NOTED TAKEN NOT_CLEAN NOT_CLEAN TAKEN,
     "rcpt ada@c.test size 0\nrcpt ada@c.test size 0\n"},
    {"but octets that may follow a chunk there are not trusted", EHLO "NOOP\n \tbdat 6\r\nQUIT\r\n",
     GREETED NOT_CLEAN LIES, "close\n"},
    {"nor after a CR", EHLO "NOOP\rBDAT 6\r\nQUIT\r\n", GREETED LIES, "close\n"},
    {"it is an error like others", BAD9 "NOOP\nNOOP\r\nNOOP\r\n",
     X9 X9 X9 X9 X9 X9 X9 X9 X9 NOT_CLEAN TOO_MANY, "close\n"},
    {"controls in commands", "NOOP \001\r\nNOOP \177\r\nNOOP\t\r\nNOOP \xc3\xa4\r\n",
     NOT_CLEAN NOT_CLEAN OK OK, ""},
    {"ten errors in a row", BAD9 "EXPN x\r\nNOOP\r\n", X9 X9 X9 X9 X9 X9 X9 X9 X9 X9 TOO_MANY,
     "close\n"},
    {"three words that are no command", "XA\r\nNOOP\r\nXB\r\nNOOP\r\nXC\r\nNOOP\r\n",
     NO_COMMAND OK NO_COMMAND OK NO_COMMAND TOO_MANY, "close\n"},
    {"nine errors in a row are forgiven", BAD9 "NOOP\r\n" BAD9 "NOOP\r\n",
     X9 X9 X9 X9 X9 X9 X9 X9 X9 OK X9 X9 X9 X9 X9 X9 X9 X9 X9 OK, ""},
    {"HTTP: GET", "GET / HTTP/1.1\r\nHost: x\r\n", BYE, "close\n"},
    {"HTTP: POST with a message in its body", "POST / HTTP/1.1\nEHLO x\r\n" MAIL, BYE, "close\n"},
    {"HTTP: a header field", "NOOP\r\nContent-Type: text/plain\r\n", OK BYE, "close\n"},
    {"HTTP/2", "PRI * HTTP/2.0\r\n", BYE, "close\n"},
    {"SSH", "SSH-2.0-OpenSSH_9.2\r\n", BYE, "close\n"},
    {"a TLS handshake in the clear", "\026\003\001\002\n", BYE, "close\n"},
    {"junk after EHLO", EHLO "{\"a\":1}\r\n", GREETED BYE, "close\n"},
    {"a bare LF in the data", TO_DATA "a\nb\r\n.\r\nNOOP\r\n", AT_DATA BARE OK,
     "rcpt ada@c.test size 0\nbegin\nreset\n"},
    {"a bare CR in the data", TO_DATA "a\rb\r\n.\r\nNOOP\r\n", AT_DATA BARE OK,
     "rcpt ada@c.test size 0\nbegin\nreset\n"},
    {"CR CR LF in the data", TO_DATA "a\r\r\n.\r\nNOOP\r\n", AT_DATA BARE OK,
     "rcpt ada@c.test size 0\nbegin\nreset\n"},
    {"8-bit data is kept", EHLO MAIL RCPT "DATA\r\na\200\377\r\n.\r\n", AT_DATA STORED,
     "rcpt ada@c.test size 0\nbegin\nend a@b.test 5\n"},
    {"STARTTLS begins anew", EHLO "STARTTLS\r\n", GREETED "220 2.0.0 Begin TLS\r\n", "starttls\n"},
    {"STARTTLS with an argument", EHLO "STARTTLS now\r\n",
     GREETED "501 5.5.4 Nothing may follow this command\r\n", ""},
};

static void each_dialogue_goes_as_written_in_any_pieces(void)
{
    run_rows(rows, ARRAY_LEN(rows), &config);
}

/* What a receiver may see in a stream of message bytes, written the slow way: the end is the first
 * CRLF "." CRLF, and before it (or before its last CRLF) no CR or LF stands alone. */
static size_t naive_end(struct str stream, bool *bare)
{
    struct str framed = stream; /* the CRLF of DATA itself stands before it */
    size_t end = SIZE_MAX;

    *bare = false;
    if (str_starts(framed, STR(".\r\n")))
        return 3;
    end = str_find(framed, STR("\r\n.\r\n"));
    for (size_t i = 0; i < size_min(end, framed.n); i++) {
        bool cr = framed.p[i] == '\r', lf = framed.p[i] == '\n';

        if (cr && (i + 1 == framed.n || framed.p[i + 1] != '\n'))
            *bare = true;
        if (lf && (i == 0 || framed.p[i - 1] != '\r'))
            *bare = true;
    }
    return end == SIZE_MAX ? SIZE_MAX : end + 5;
}

/* CVE-2023-51764 to 51766, VU#302671. The evil message stands after an end of data that some
 * server might believe. */
static void no_false_end_of_data_is_believed(void)
{
    static const char *const ends[] = {"\r\n", "\n", "\r", ""};
    size_t accepted = 0, evil = 0;

    for (int v = 0; v < 64; v++) {
        char text[400];
        struct owner o;
        bool bare;
        size_t end;

        snprintf(
            text, sizeof text,
            "good%s.%s%sMAIL FROM:<evil@e.test>\r\nRCPT TO:<ada@c.test>\r\nDATA\r\nevil\r\n.\r\n",
            ends[v >> 4], ends[v >> 2 & 3], ends[v & 3]);
        end = naive_end(str_c(text), &bare);
        begin(&o, &config);
        owner_feed(&o, STR(TO_DATA), 1000);
        owner_feed(&o, str_c(text), v % 2 ? 1 : 1000);
        evil += str_find(buf_view(&o.events), STR("end evil@")) != SIZE_MAX;
        accepted += str_starts(buf_view(&o.all), STR("good"));
        /* The evil transaction is only run after a true end, and not where an LF or CR alone makes its
         * MAIL a part of a line that is refused. */
        CHECK_ROW((str_find(buf_view(&o.events), STR("end evil@")) != SIZE_MAX) ==
                      (str_starts(str_c(text), STR("good\r\n.\r\nMAIL")) ||
                       str_starts(str_c(text), STR("good\r\n.\r\n\r\nMAIL"))),
                  text);
        CHECK_ROW(str_starts(buf_view(&o.all), STR("good")) == (end != SIZE_MAX && !bare), text);
        CHECK_ROW((str_find(buf_view(&o.out), STR(BARE)) != SIZE_MAX) == bare, text);
        owner_done(&o);
    }
    CHECK_U64(evil, 4);
    CHECK(accepted > evil && accepted < 64);
}

/* The same with random bytes of CR, LF, dot and letters, against the slow way. */
static void random_data_ends_where_the_slow_way_says(void)
{
    for (int i = 0; i < 20000; i++) {
        char text[24];
        struct str stream = {text, 1 + random_below(sizeof text)};
        struct owner o;
        bool bare;
        size_t end;

        for (size_t k = 0; k < stream.n; k++)
            text[k] = "\r\n..a\r\n"[random_below(7)];
        end = naive_end(stream, &bare);
        begin(&o, &config);
        owner_feed(&o, STR(TO_DATA), 1000);
        buf_reset(&o.out);
        owner_feed(&o, str_sub(stream, 0, end), 1 + random_below(5));
        if (!CHECK((o.out.n == 0) == (end == SIZE_MAX)) ||
            (end != SIZE_MAX && !CHECK_STR(buf_view(&o.out), bare ? STR(BARE) : STR(STORED))))
            i = 20000;
        owner_done(&o);
    }
}

static void a_dialogue_does_not_depend_on_its_pieces(void)
{
    static const char *const words[] = {"EHLO x\r\n",
                                        "HELO y\r\n",
                                        MAIL,
                                        RCPT,
                                        "RCPT TO:<nobody@c.test>\r\n",
                                        "DATA\r\n",
                                        ".\r\n",
                                        "..\r\n",
                                        "text\r\n",
                                        "\r\n",
                                        "\n",
                                        "\r",
                                        "a",
                                        "RSET\r\n",
                                        "NOOP\r\n",
                                        "VRFY a\r\n",
                                        "BDAT 3\r\n",
                                        "BDAT 5 LAST\r\n",
                                        "BDAT 0 LAST\r\n",
                                        MAIL_BIN,
                                        "MAIL FROM:<a@b> SIZE=5000\r\n",
                                        "\r\n.\r\n",
                                        TO_DATA,
                                        TO_DATA "x\r\n.\r\n"};

    for (int i = 0; i < 5000; i++) {
        struct owner whole, pieces;
        struct buf sent;

        buf_init(&sent, 100000);
        for (size_t k = 1 + random_below(40); k > 0; k--)
            buf_c(&sent, words[random_below(ARRAY_LEN(words))]);
        begin(&whole, &config);
        begin(&pieces, &config);
        owner_feed(&whole, buf_view(&sent), sent.n);
        for (size_t at = 0, n; at < sent.n; at += n) {
            n = 1 + random_below(random_below(2) ? 3 : 60);
            owner_feed_piece(&pieces, str_sub(buf_view(&sent), at, n));
        }
        if (!CHECK_STR(buf_view(&pieces.out), buf_view(&whole.out)) ||
            !CHECK_STR(buf_view(&pieces.events), buf_view(&whole.events)) ||
            !CHECK_STR(buf_view(&pieces.all), buf_view(&whole.all)))
            i = 5000;
        owner_done(&whole);
        owner_done(&pieces);
        buf_done(&sent);
    }
}

/* RFC 3207 section 4.2; each row is what an attacker puts after STARTTLS in the same packet. */
static void what_comes_with_starttls_is_never_read(void)
{
    static const char *const injected[] = {
        "NOOP\r\n",           MAIL,           "EHLO evil\r\n" MAIL RCPT "DATA\r\nevil\r\n.\r\n",
        "RSET\r\n",           "STARTTLS\r\n", "QUIT\r\n",
        "MAIL FROM:<evi",     "\r\n",         "\n",
        "GET / HTTP/1.1\r\n", "\026\003\001", "x"};

    for (size_t i = 0; i < ARRAY_LEN(injected); i++) {
        struct owner o;
        struct buf sent;
        bool ehlo = true;

        buf_init(&sent, 1000);
        buf_c(&sent, EHLO "STARTTLS\r\n");
        buf_c(&sent, injected[i]);
        begin(&o, &config);
        CHECK_U64(owner_feed_piece(&o, buf_view(&sent)), strlen(injected[i]));
        CHECK_STR(buf_view(&o.out), STR(GREETED "220 2.0.0 Begin TLS\r\n"));
        CHECK_STR(buf_view(&o.events), STR("starttls\n"));
        CHECK_STR(smtp_server_helo(o.server, &ehlo), STR(""));
        CHECK(!ehlo && !smtp_server_waiting(o.server));
        /* After TLS nothing is remembered, and STARTTLS is not offered again. */
        buf_reset(&o.out);
        owner_feed(&o, STR(MAIL EHLO "STARTTLS\r\n"), 1000);
        CHECK_STR(buf_view(&o.out),
                  STR("503 5.5.1 Say EHLO first\r\n250-mx.test\r\n250-PIPELINING\r\n250-SIZE "
                      "1000\r\n" OFFERED "503 5.5.1 TLS is active\r\n"));
        owner_done(&o);
        buf_done(&sent);
    }
}

static void starttls_is_only_there_when_it_is_configured(void)
{
    struct smtp_config plain = config;
    struct owner o;

    plain.starttls = false;
    begin(&o, &plain);
    owner_feed(&o, STR(EHLO "STARTTLS\r\n"), 1000);
    CHECK(str_find(buf_view(&o.out), STR("250-STARTTLS")) == SIZE_MAX);
    CHECK(str_ends(buf_view(&o.out), STR("502 5.5.1 TLS is not available here\r\n")));
    owner_done(&o);
}

static void a_message_over_the_size_is_swallowed_and_refused(void)
{
    for (size_t size = 998; size <= 1003; size++) {
        struct owner o;

        begin(&o, &config);
        owner_feed(&o, STR(TO_DATA), 1000);
        for (size_t i = 0; i + 2 < size; i++)
            owner_feed(&o, STR("x"), 1);
        owner_feed(&o, STR("\r\n.\r\n"), 3);
        CHECK(str_ends(buf_view(&o.out),
                       size <= 1000 ? STR(GO STORED)
                                    : STR(GO "552 5.3.4 Messages are limited to 1000 bytes\r\n")));
        CHECK(o.message.n <= 1000);
        CHECK(str_ends(buf_view(&o.events), size <= 1000 ? STR(" 1000\n") : STR("reset\n")) ||
              size < 1000);
        owner_done(&o);
    }
}

static void no_room_for_the_data_is_said_at_its_end(void)
{
    struct owner o;

    begin(&o, &config);
    o.room = 10;
    owner_feed(&o, STR(TO_DATA "12345\r\n12345\r\n12345\r\n.\r\n"), 4);
    CHECK(str_ends(buf_view(&o.out), STR(GO "452 4.3.1 no space\r\n")));
    CHECK(str_ends(buf_view(&o.events), STR("begin\nreset\n")));
    o.begin_fails = true;
    owner_feed(&o, STR(MAIL RCPT "DATA\r\nRSET\r\n"), 1000);
    CHECK(str_ends(buf_view(&o.out), STR(TAKEN "452 4.3.1 no space\r\n" OK)));
    owner_done(&o);
}

static void a_command_line_has_a_maximum(void)
{
    static char line[3 * LIMIT_SMTP_LINE];
    struct owner o;

    memset(line, 'a', sizeof line);
    memcpy(line, "NOOP ", 5);
    begin(&o, &config);
    owner_feed(&o, str_of(line, LIMIT_SMTP_LINE - 2), 100);
    owner_feed(&o, STR("\r\n"), 1);
    CHECK_STR(buf_view(&o.out), STR(OK));
    owner_feed(&o, str_of(line, sizeof line), 999);
    owner_feed(&o, STR("\r\nNOOP\r\n"), 1);
    CHECK_STR(buf_view(&o.out), STR(OK "500 5.5.2 The line is too long\r\n" OK));
    for (size_t piece = 1; piece < 20;
         piece++) { /* nor is what stands after an LF in it a command */
        buf_reset(&o.out);
        owner_feed(&o, str_of(line, sizeof line), 999);
        owner_feed(&o, STR("\nNOOP\r\nNOOP\r\n"), piece);
        CHECK_STR(buf_view(&o.out), STR("500 5.5.2 The line is too long\r\n" OK));
    }
    owner_feed(&o, STR("GET /"), 5);
    owner_feed(&o, str_of(line + 5, sizeof line - 5), 4096);
    owner_feed(&o, STR(" HTTP/1.1\r\n"), 99);
    CHECK(o.closed && str_ends(buf_view(&o.out), STR(BYE)));
    owner_done(&o);
}

static void a_chunk_after_a_line_that_is_too_long_is_not_trusted(void)
{
    static char line[3 * LIMIT_SMTP_LINE];
    struct owner o;

    memset(line, 'a', sizeof line);
    memcpy(line, "NOOP ", 5);
    begin(&o, &config);
    owner_feed(&o, str_of(line, sizeof line), 999);
    owner_feed(&o, STR("\rBDAT 5\r\nQUIT\r\n"), 3);
    CHECK_STR(buf_view(&o.out), STR(LIES));
    owner_done(&o);
}

static void a_space_before_the_path_is_for_submission_alone(void)
{
    struct smtp_config submission = config;
    struct owner o;

    submission.submission = true;
    begin(&o, &submission);
    owner_feed(&o,
               STR("HELO x\r\nMAIL FROM: <a@b.test>\r\nRCPT TO: <ada@c.test>\r\nRSET\r\nMAIL FROM: "
                   " <a@b>\r\n"),
               99);
    CHECK_STR(buf_view(&o.out), STR("250 mx.test\r\n" NOTED TAKEN OK
                                    "501 5.1.7 The sender's address cannot be read\r\n"));
    owner_done(&o);
}

static void a_connection_can_be_refused_and_ended(void)
{
    struct error busy = {.kind = ERROR_LIMIT, .text = "too many connections"};
    struct owner o;

    owner_init(&o, &config);
    smtp_server_greet(o.server, &busy);
    CHECK_STR(buf_view(&o.out), STR("421 4.7.0 too many connections\r\n"));
    CHECK(o.closed && smtp_server_input(o.server, STR("NOOP\r\n")) == 0);
    owner_done(&o);

    begin(&o, &config);
    CHECK_U64(smtp_server_input(o.server, STR(EHLO MAIL RCPT RCPT)), strlen(EHLO MAIL RCPT));
    CHECK(smtp_server_waiting(o.server));
    smtp_server_end(o.server, "The server stops");
    smtp_server_end(o.server, "twice");
    smtp_server_answer(o.server, NULL, STR_NULL); /* too late, and no harm */
    CHECK(!smtp_server_waiting(o.server));
    CHECK_STR(buf_view(&o.out), STR(GREETED NOTED "421 4.3.2 The server stops\r\n"));
    CHECK_STR(buf_view(&o.events), STR("rcpt ada@c.test size 0\nreset\nclose\n"));
    owner_done(&o);
    smtp_server_destroy(NULL);
}

static void replies_hold_no_8_bit_and_are_cut(void)
{
    struct error err = {.kind = ERROR_TEMPORARY, .text = "gr\xc3\xbc\xc3\x9f dich\r\n250 OK"};
    struct owner o;

    begin(&o, &config);
    smtp_server_input(o.server, STR(EHLO MAIL RCPT));
    buf_reset(&o.out);
    smtp_server_answer(o.server, &err, STR_NULL);
    CHECK_STR(buf_view(&o.out), STR("451 4.3.0 gr???? dich??250 OK\r\n"));
    owner_done(&o);
}

static void what_ehlo_said_is_kept(void)
{
    struct owner o;
    bool ehlo = false;

    begin(&o, &config);
    CHECK_STR(smtp_server_helo(o.server, &ehlo), STR(""));
    owner_feed(&o, STR("EHLO [IPv6:::1]\r\n"), 1);
    CHECK_STR(smtp_server_helo(o.server, &ehlo), STR("[IPv6:::1]"));
    CHECK(ehlo);
    owner_feed(&o, STR("HELO WIN_PC\r\n"), 1);
    CHECK_STR(smtp_server_helo(o.server, &ehlo), STR("WIN_PC"));
    CHECK(!ehlo);
    owner_done(&o);
}

static void help_names_every_command(void)
{
    const struct smtp_command *command;
    struct owner o;
    size_t lines = 0;

    begin(&o, &config);
    owner_feed(&o, STR("HELP\r\n"), 6);
    for (size_t i = 0; (command = smtp_command_at(i)); i++) {
        CHECK_ROW((str_find(buf_view(&o.out), str_c(command->syntax)) != SIZE_MAX) == command->smtp,
                  command->word);
        lines += command->smtp;
    }
    for (size_t i = 0; i < o.out.n; i++)
        lines -= o.out.p[i] == '\n';
    CHECK_U64(lines + 1, 0);
    CHECK(str_ends(buf_view(&o.out), STR("\r\n214 2.0.0 See RFC 5321\r\n")));
    owner_done(&o);
}

/* The owner closes while the handshake runs: TLS that comes up then finds nobody. */
static void tls_after_the_end_is_harmless(void)
{
    struct owner o;

    begin(&o, &config);
    CHECK_U64(smtp_server_input(o.server, STR(EHLO "STARTTLS\r\nNOOP\r\n")),
              strlen(EHLO "STARTTLS\r\n"));
    CHECK(smtp_server_waiting(o.server) && smtp_server_input(o.server, STR("NOOP\r\n")) == 0);
    smtp_server_end(o.server, "The handshake took too long");
    smtp_server_tls_ready(o.server);
    CHECK(smtp_server_input(o.server, STR("NOOP\r\n")) == 0);
    CHECK(str_ends(buf_view(&o.out), STR("421 4.3.2 The handshake took too long\r\n")));
    owner_done(&o);
}

static void every_command_says_where_it_comes_from(void)
{
    const struct smtp_command *command;

    for (size_t i = 0; (command = smtp_command_at(i)); i++) {
        CHECK(smtp_command_find(str_c(command->word)) == command);
        CHECK(str_starts(str_c(command->syntax), str_c(command->word)));
        CHECK(str_starts(str_c(command->source), STR("RFC ")) && command->states);
    }
    CHECK(!smtp_command_find(STR("")) && !smtp_command_find(STR("MAI")));
}

/* Data comes in large slices: one call a piece when no dot has to go, whatever the lines. */
static void data_is_handed_on_in_large_slices(void)
{
    struct smtp_config large = config;
    struct owner o;
    struct buf text;

    large.size_max = 1 << 24;
    buf_init(&text, 1 << 22);
    while (text.n < 1 << 20)
        buf_c(&text,
              "a line of seventy-odd octets, as most of them are in real mail, about so\r\n");
    begin(&o, &large);
    owner_feed(&o, STR(TO_DATA), 1000);
    for (size_t at = 0; at < text.n; at += 65536)
        owner_feed_piece(&o, str_sub(buf_view(&text), at, 65536));
    owner_feed(&o, STR(".\r\n"), 3);
    CHECK(o.data_calls <= text.n / 65536 + 1);
    CHECK_STR(str_sub(buf_view(&o.all), 0, text.n), buf_view(&text));
    owner_done(&o);
    buf_done(&text);
}

/* CPU time of feeding n bytes of one shape as data, microseconds. */
static double data_cost(const char *shape, size_t n)
{
    struct timespec from, to;
    struct smtp_data d = {0};
    struct buf text;
    struct str rest, slice;

    buf_init(&text, n + 100);
    while (text.n < n)
        buf_c(&text, shape);
    rest = buf_view(&text);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    while (rest.n && d.place != SMTP_DATA_DONE)
        rest = str_skip(rest, smtp_data_next(&d, rest, &slice));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    buf_done(&text);
    return (double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3;
}

static void hostile_data_costs_linear_time(void)
{
    static const char *const shapes[] = {"\r",     "\n",      "\n\r", "\r\n", ".\r\n.",
                                         "\r\n..", "\r\n.\r", "a\n.", "a"};

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        double ratio = 100;

        for (int tries = 0; tries < 8 && ratio > 5; tries++) {
            double one = data_cost(shapes[i], 1 << 18), four = data_cost(shapes[i], 1 << 20);

            ratio = four / (one > 20 ? one : 20);
        }
        CHECK_ROW(ratio <= 5, shapes[i]);
    }
}

int main(void)
{
    RUN(each_dialogue_goes_as_written_in_any_pieces);
    RUN(no_false_end_of_data_is_believed);
    RUN(random_data_ends_where_the_slow_way_says);
    RUN(a_dialogue_does_not_depend_on_its_pieces);
    RUN(what_comes_with_starttls_is_never_read);
    RUN(starttls_is_only_there_when_it_is_configured);
    RUN(a_message_over_the_size_is_swallowed_and_refused);
    RUN(no_room_for_the_data_is_said_at_its_end);
    RUN(a_command_line_has_a_maximum);
    RUN(a_chunk_after_a_line_that_is_too_long_is_not_trusted);
    RUN(a_space_before_the_path_is_for_submission_alone);
    RUN(a_connection_can_be_refused_and_ended);
    RUN(replies_hold_no_8_bit_and_are_cut);
    RUN(what_ehlo_said_is_kept);
    RUN(help_names_every_command);
    RUN(tls_after_the_end_is_harmless);
    RUN(every_command_says_where_it_comes_from);
    RUN(data_is_handed_on_in_large_slices);
    RUN(hostile_data_costs_linear_time);
    return test_end();
}
