/* smtp/command.c: command lines: what they must look like, and what each does. A handler checks
 * syntax and state, then acts; it makes exactly one reply, or asks the owner, whose answer makes
 * it. */
#include "smtp/command_int.h"

#include <string.h>

#define IN_ANY                                                                                     \
    (SMTP_STATE_START | SMTP_STATE_READY | SMTP_STATE_MAIL | SMTP_STATE_RCPT | SMTP_STATE_CHUNKS)
#define IN_TRANSACTION (SMTP_STATE_MAIL | SMTP_STATE_RCPT)
#define BOTH true, true
#define SMTP_ONLY true, false
#define LMTP_ONLY false, true

static void forgive_errors(struct smtp_server *s)
{
    s->bad = 0;
}

/* What a HELO name may hold: a domain, an address literal, and what host names of Windows add to
 * it. Not more, because the name goes into the Received field. */
static bool is_helo(char ch)
{
    return ascii_alpha(ch) || ascii_digit(ch) || (ch && strchr(".-_:[]", ch));
}

/* RFC 5321 section 4.1.1.1. The name is kept as it is; many clients send one that is no domain
 * name, and section 4.1.4 forbids to refuse mail for that. */
static bool take_helo(struct smtp_server *s, struct str name)
{
    struct cursor c;

    cursor_init(&c, name);
    if (cursor_while(&c, is_helo, LIMIT_SMTP_DOMAIN).n != name.n) {
        smtp_refuse(s, "501 5.5.2 A domain name or address literal is needed");
        return false;
    }
    smtp_transaction_end(s);
    buf_reset(&s->helo);
    buf_str(&s->helo, name);
    s->state = SMTP_STATE_READY;
    forgive_errors(s);
    return true;
}

static void cmd_helo(struct smtp_server *s, struct str argument)
{
    if (!take_helo(s, argument))
        return;
    s->ehlo = false;
    smtp_reply(s, "250 %.*s", STR_ARG(s->config.hostname));
}

static void cmd_ehlo(struct smtp_server *s, struct str argument)
{
    if (!take_helo(s, argument))
        return;
    s->ehlo = true;
    smtp_reply(s, "250-%.*s", STR_ARG(s->config.hostname));
    smtp_reply(s, "250-PIPELINING");                                        /* RFC 2920 */
    smtp_reply(s, "250-SIZE %llu", (unsigned long long)s->config.size_max); /* RFC 1870 */
    if (s->config.starttls && !s->tls)
        smtp_reply(s, "250-STARTTLS");        /* RFC 3207 */
    smtp_reply(s, "250-ENHANCEDSTATUSCODES"); /* RFC 2034 */
    smtp_reply(s, "250-8BITMIME");            /* RFC 6152 */
    smtp_reply(s, "250-SMTPUTF8");            /* RFC 6531 */
    smtp_reply(s, "250-CHUNKING");            /* RFC 3030 section 2 */
    smtp_reply(s, "250-BINARYMIME");          /* RFC 3030 section 3 */
    if (s->config.messages_max)
        smtp_reply(s, "250-LIMITS MAILMAX=%u RCPTMAX=%u", s->config.messages_max,
                   s->config.recipients_max); /* RFC 9422 section 3 */
    else
        smtp_reply(s, "250-LIMITS RCPTMAX=%u", s->config.recipients_max);
    smtp_reply(s, "250 HELP");
}

/* Reads "FROM:" or "TO:" and the path; the cursor is left at the parameters. */
static bool take_path(struct smtp_server *s, struct cursor *c, struct str word, struct arena *arena,
                      struct smtp_path *path)
{
    struct error err = {0};

    if (!cursor_accept_word(c, word)) {
        smtp_refuse(s, word.n == 5 ? "501 5.5.4 Syntax: MAIL FROM:<address>"
                                   : "501 5.5.4 Syntax: RCPT TO:<address>");
        return false;
    }
    if (s->config.submission) /* docs/deviations.md: Outlook 365 writes "MAIL FROM: <a@b>" */
        cursor_accept(c, ' ');
    if (smtp_path_parse(c, arena, path, &err))
        return true;
    smtp_refuse(s, word.n == 5 ? "501 5.1.7 The sender's address cannot be read"
                               : "501 5.1.3 The recipient's address cannot be read");
    return false;
}

/* A view whose strings lie in the arena. */
static struct smtp_path_view view_of(const struct smtp_path *path, struct arena *arena)
{
    struct smtp_path_view view = {arena_str(arena, path->local), arena_str(arena, path->domain),
                                  STR_NULL, path->utf8};
    struct buf whole;

    buf_init(&whole, SMTP_PATH_PRINT_MAX);
    smtp_path_print(&whole, path);
    view.whole = arena_str(arena, buf_view(&whole));
    buf_done(&whole);
    return view;
}

/* RFC 5321 section 4.1.1.2 */
static void cmd_mail(struct smtp_server *s, struct str argument)
{
    struct smtp_mail mail = {0};
    struct smtp_path path;
    struct cursor c;
    bool ok;

    if (s->config.messages_max && s->messages >= s->config.messages_max) {
        s->config.counters->messages++;
        smtp_reply(s, "421 4.7.0 This connection has carried its last message; open another one");
        smtp_close(s);
        return;
    }
    cursor_init(&c, argument);
    ok = take_path(s, &c, STR("FROM:"), &s->arena, &path) && smtp_mail_parameters(s, &c, &mail);
    if (ok && path.utf8 && !mail.smtputf8) { /* RFC 6531 section 3.5 */
        smtp_refuse(s, "553 5.6.7 This address needs the parameter SMTPUTF8");
        ok = false;
    }
    if (!ok) {
        arena_done(&s->arena);
        return;
    }
    mail.from = view_of(&path, &s->arena);
    s->mail = mail;
    s->recipients = 0;
    s->messages++;
    s->state = SMTP_STATE_MAIL;
    forgive_errors(s);
    smtp_reply(s, "250 2.1.0 Sender noted");
}

/* RFC 5321 section 4.1.1.3 */
static void cmd_rcpt(struct smtp_server *s, struct str argument)
{
    struct smtp_path path;
    struct smtp_path_view view;
    struct arena arena;
    struct cursor c;

    arena_init(&arena, 4096);
    cursor_init(&c, argument);
    if (!take_path(s, &c, STR("TO:"), &arena, &path)) {
        arena_done(&arena);
        return;
    }
    if (path.local.n == 0) {
        smtp_refuse(s, "501 5.1.3 The null path takes no mail");
    } else if (!cursor_at_end(&c)) {
        smtp_refuse(s, cursor_peek(&c) == ' ' ? "555 5.5.4 RCPT has no parameters here"
                                              : "501 5.5.4 The parameters cannot be read");
    } else if (path.utf8 && !s->mail.smtputf8) { /* RFC 6531 section 3.5 */
        smtp_refuse(s, "553 5.6.7 This address needs SMTPUTF8 in MAIL");
    } else if (s->recipients >= s->config.recipients_max) {
        s->config.counters->recipients++;
        smtp_reply(s, "452 4.5.3 Too many recipients, send the rest in another transaction");
    } else {
        view = view_of(&path, &arena);
        forgive_errors(s);
        s->state = SMTP_STATE_ASKED_RCPT;
        s->ops->rcpt(s->arg, &view, s->mail.size);
    }
    arena_done(&arena);
}

/* RFC 5321 section 4.1.1.4 */
static void cmd_data(struct smtp_server *s, struct str argument UNUSED)
{
    if (s->state == SMTP_STATE_MAIL) { /* RFC 2033 section 4.2 wants 503 */
        smtp_refuse(s, s->config.lmtp ? "503 5.5.1 No recipient was taken"
                                      : "554 5.5.1 No recipient was taken");
        return;
    }
    if (s->mail.body == SMTP_BODY_BINARYMIME) { /* RFC 3030 section 3 */
        smtp_refuse(s, "503 5.5.1 A BINARYMIME message comes by BDAT");
        return;
    }
    if (!smtp_message_begin(s))
        return;
    s->state = SMTP_STATE_DATA;
    smtp_reply(s, "354 End the message with a line that is a single dot");
}

static void cmd_rset(struct smtp_server *s, struct str argument UNUSED)
{
    smtp_transaction_end(s);
    forgive_errors(s);
    smtp_reply(s, "250 2.0.0 OK");
}

static void cmd_noop(struct smtp_server *s, struct str argument UNUSED)
{
    forgive_errors(s);
    smtp_reply(s, "250 2.0.0 OK");
}

/* RFC 5321 section 7.3: neither yes nor no. */
static void cmd_vrfy(struct smtp_server *s, struct str argument UNUSED)
{
    forgive_errors(s);
    smtp_reply(s, "252 2.0.0 Addresses are checked when mail comes for them");
}

static void cmd_expn(struct smtp_server *s, struct str argument UNUSED)
{
    smtp_refuse(s, "502 5.5.1 Lists are not expanded here");
}

static bool is_command(const struct smtp_server *s, const struct smtp_command *command)
{
    return command && (s->config.lmtp ? command->lmtp : command->smtp);
}

static void cmd_help(struct smtp_server *s, struct str argument)
{
    const struct smtp_command *command = smtp_command_find(argument);

    forgive_errors(s);
    if (is_command(s, command)) {
        smtp_reply(s, "214 2.0.0 %s", command->syntax);
        return;
    }
    for (size_t i = 0; (command = smtp_command_at(i)); i++)
        if (is_command(s, command))
            smtp_reply(s, "214-2.0.0 %s", command->syntax);
    smtp_reply(s, "214 2.0.0 See RFC 5321");
}

static void cmd_quit(struct smtp_server *s, struct str argument UNUSED)
{
    smtp_reply(s, "221 2.0.0 Goodbye");
    smtp_close(s);
}

/* RFC 3207 section 4. Whatever else came with the line was sent in the clear; smtp_server_input
 * leaves it unread. */
static void cmd_starttls(struct smtp_server *s, struct str argument UNUSED)
{
    if (s->tls) {
        smtp_refuse(s, "503 5.5.1 TLS is active");
        return;
    }
    if (!s->config.starttls) {
        smtp_refuse(s, "502 5.5.1 TLS is not available here");
        return;
    }
    s->state = SMTP_STATE_TLS;
    smtp_reply(s, "220 2.0.0 Begin TLS");
    s->ops->starttls(s->arg);
}

// clang-format off
static const struct smtp_command commands[] = {
    {"EHLO", IN_ANY, SMTP_ARG_STRING, SMTP_ONLY, cmd_ehlo, "EHLO domain", "RFC 5321 4.1.1.1"},
    {"HELO", IN_ANY, SMTP_ARG_STRING, SMTP_ONLY, cmd_helo, "HELO domain", "RFC 5321 4.1.1.1"},
    {"LHLO", IN_ANY, SMTP_ARG_STRING, LMTP_ONLY, cmd_ehlo, "LHLO domain", "RFC 2033 4.1"},
    {"MAIL", SMTP_STATE_READY, SMTP_ARG_FROM, BOTH, cmd_mail,
     "MAIL FROM:<address> [SIZE=n] [BODY=7BIT|8BITMIME|BINARYMIME] [SMTPUTF8]", "RFC 5321 4.1.1.2"},
    {"RCPT", IN_TRANSACTION, SMTP_ARG_TO, BOTH, cmd_rcpt, "RCPT TO:<address>", "RFC 5321 4.1.1.3"},
    {"DATA", IN_TRANSACTION, SMTP_ARG_NONE, BOTH, cmd_data, "DATA", "RFC 5321 4.1.1.4"},
    {"BDAT", IN_ANY, SMTP_ARG_ANY, BOTH, smtp_chunk_command, "BDAT size [LAST]", "RFC 3030 2"},
    {"RSET", IN_ANY, SMTP_ARG_NONE, BOTH, cmd_rset, "RSET", "RFC 5321 4.1.1.5"},
    {"NOOP", IN_ANY, SMTP_ARG_ANY, BOTH, cmd_noop, "NOOP [words]", "RFC 5321 4.1.1.9"},
    {"QUIT", IN_ANY, SMTP_ARG_NONE, BOTH, cmd_quit, "QUIT", "RFC 5321 4.1.1.10"},
    {"VRFY", IN_ANY, SMTP_ARG_STRING, BOTH, cmd_vrfy, "VRFY words", "RFC 5321 4.1.1.6"},
    {"EXPN", IN_ANY, SMTP_ARG_STRING, BOTH, cmd_expn, "EXPN words", "RFC 5321 4.1.1.7"},
    {"HELP", IN_ANY, SMTP_ARG_ANY, BOTH, cmd_help, "HELP [command]", "RFC 5321 4.1.1.8"},
    {"STARTTLS", SMTP_STATE_READY, SMTP_ARG_NONE, BOTH, cmd_starttls, "STARTTLS", "RFC 3207 4"},
};
// clang-format on

const struct smtp_command *smtp_command_at(size_t i)
{
    return i < ARRAY_LEN(commands) ? &commands[i] : NULL;
}

const struct smtp_command *smtp_command_find(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (str_equal_nocase(word, str_c(commands[i].word)))
            return &commands[i];
    return NULL;
}

static bool is_word_char(char ch)
{
    return ascii_alpha(ch) || ascii_digit(ch) || ch == '-' || ch == '.';
}

/* Another protocol talks to us, through a browser or a mixed-up TLS connection (ALPACA, 2021):
 * request lines and header fields of HTTP, and bytes that no command begins with, like those of a
 * TLS or SSH handshake. */
static bool is_other_protocol(struct str line)
{
    static const char *const words[] = {"GET",     "POST",  "PUT",   "HEAD", "OPTIONS", "DELETE",
                                        "CONNECT", "PATCH", "TRACE", "PRI",  "PROPFIND"};
    size_t n = 0;

    while (n < line.n && is_word_char(line.p[n]))
        n++;
    if (n == 0)
        return line.n && (!line.p[0] || !strchr("\r\n \t", line.p[0]));
    if ((n < line.n && line.p[n] == ':') || str_starts(line, STR("SSH-2.0")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_equal_nocase(str_sub(line, 0, n), str_c(words[i])))
            return true;
    return false;
}

/* RFC 5321 section 2.3.8: no CR or LF stands alone; nor is there another control but the tab. */
static bool is_clean(const struct smtp_line *line)
{
    struct str text = buf_view(&line->text);

    for (size_t i = 0; i + 2 < text.n; i++)
        if (((unsigned char)text.p[i] < ' ' && text.p[i] != '\t') || text.p[i] == 127)
            return false;
    return !line->bare;
}

static const char *state_words(const struct smtp_server *s, const struct smtp_command *command)
{
    if (s->state == SMTP_STATE_START)
        return s->config.lmtp ? "503 5.5.1 Say LHLO first" : "503 5.5.1 Say EHLO first";
    if (s->state == SMTP_STATE_CHUNKS)
        return "503 5.5.1 Only BDAT or RSET may follow BDAT"; /* RFC 3030 section 2 */
    if (command->states == IN_TRANSACTION)
        return "503 5.5.1 Say MAIL first";
    return "503 5.5.1 Not within a transaction";
}

/* What costs a peer nothing and brings no mail may be said so often and no more. */
static bool is_too_idle(struct smtp_server *s, const struct smtp_command *command)
{
    if (command->argument == SMTP_ARG_TO || command->run == smtp_chunk_command ||
        ++s->idle <= LIMIT_SMTP_IDLE_COMMANDS)
        return false;
    s->config.counters->idle++;
    smtp_reply(s, "421 4.7.0 Too many commands without a message");
    smtp_close(s);
    return true;
}

/* A line that is no command whatever is in it. True: it is answered. */
static bool refuse_line(struct smtp_server *s, const struct smtp_line *line)
{
    bool clean = is_clean(line);

    if (is_other_protocol(buf_view(&line->text))) {
        s->config.counters->protocols++;
        smtp_reply(s, "421 4.7.0 This is a mail server");
        smtp_close(s);
    } else if (line->chunk && (line->overflow || !clean)) {
        smtp_chunk_unclear(s);
    } else if (line->overflow) {
        smtp_refuse(s, "500 5.5.2 The line is too long");
    } else if (!clean) {
        smtp_refuse(s, "500 5.5.2 Lines end with CRLF and contain no control characters");
    } else {
        return false;
    }
    return true;
}

void smtp_command_run(struct smtp_server *s, const struct smtp_line *line)
{
    const struct smtp_command *command;
    struct str word, argument = STR_NULL, text = str_trim(buf_view(&line->text));

    if (refuse_line(s, line))
        return;
    word = text;
    str_cut(text, ' ', &word, &argument);
    command = smtp_command_find(word);
    if (!is_command(s, command)) {
        s->unknown++;
        smtp_refuse(s, "500 5.5.1 Not a command");
        return;
    }
    if (is_too_idle(s, command))
        return;
    if (!(s->state & command->states))
        smtp_refuse(s, state_words(s, command));
    else if (command->argument == SMTP_ARG_NONE && argument.n)
        smtp_refuse(s, "501 5.5.4 Nothing may follow this command");
    else if (command->argument != SMTP_ARG_NONE && command->argument != SMTP_ARG_ANY && !argument.n)
        smtp_refuse(s, "501 5.5.4 Something is missing after this command");
    else
        command->run(s, argument);
}
