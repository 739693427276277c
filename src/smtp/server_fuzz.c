/* smtp/server_fuzz.c: a dialogue with any bytes in any pieces gives the replies and questions that
 * it gives in one piece. The first two bytes choose the pieces and the owner's mood. Also: a path
 * that parses prints to one that parses to it. */
#include "smtp/path.h"
#include "smtp/server_owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct smtp_config configs[] = {
    {.hostname = {"mx.test", 7}, .size_max = 2000, .recipients_max = 5, .submission = true},
    {.hostname = {"mx.test", 7},
     .size_max = 2000,
     .recipients_max = 5,
     .starttls = true,
     .messages_max = 3},
    {.hostname = {"mx.test", 7}, .size_max = 2000, .recipients_max = 5, .lmtp = true},
};

static void check_replies(struct str out)
{
    struct str line, rest;

    while (out.n) {
        size_t lf = str_find_char(out, '\n');

        if (lf == SIZE_MAX || lf < 5 || out.p[lf - 1] != '\r' || lf > 511)
            panic("a reply is no line");
        line = str_sub(out, 0, lf - 1);
        rest = str_skip(out, lf + 1);
        for (size_t i = 0; i < line.n; i++)
            if (i < 3 ? !ascii_digit(line.p[i]) : line.p[i] < ' ' || line.p[i] > 126)
                panic("a reply is no text");
        if (line.p[3] != ' ' && line.p[3] != '-')
            panic("a reply has no separator");
        out = rest;
    }
}

static void check_path(struct str in)
{
    struct smtp_path path, again;
    struct cursor c;
    struct arena arena;
    struct buf printed;

    arena_init(&arena, 4096);
    buf_init(&printed, SMTP_PATH_PRINT_MAX + 2);
    cursor_init(&c, in);
    if (smtp_path_parse(&c, &arena, &path, NULL)) {
        buf_char(&printed, '<');
        smtp_path_print(&printed, &path);
        buf_char(&printed, '>');
        cursor_init(&c, buf_view(&printed));
        if (printed.overflow || !smtp_path_parse(&c, &arena, &again, NULL) || !cursor_at_end(&c) ||
            !str_equal(path.local, again.local) || !str_equal(path.domain, again.domain))
            panic("parse(print(path)) is not path");
    }
    buf_done(&printed);
    arena_done(&arena);
}

static void begin(struct owner *o, uint8_t mood)
{
    struct error busy = {.kind = ERROR_LIMIT, .text = "too many connections"};

    owner_init(o, &configs[(mood >> 3) % ARRAY_LEN(configs)]);
    o->begin_fails = (mood & 3) == 3;
    o->room = mood & 4 ? 100 : SIZE_MAX;
    o->each = (mood & 0x80) && (mood >> 3) % ARRAY_LEN(configs) == 2;
    smtp_server_greet(o->server, (mood & 0xc3) == 0xc2 ? &busy : NULL);
}

/* The owner ends it wherever it stands, and answers and handshakes come too late. */
static void end(struct owner *o)
{
    bool ehlo;

    (void)smtp_server_helo(o->server, &ehlo);
    smtp_server_end(o->server, "the end");
    smtp_server_end(o->server, "twice");
    smtp_server_answer(o->server, NULL, STR_NULL);
    smtp_server_answer_each(o->server, NULL, 0, STR_NULL);
    smtp_server_tls_ready(o->server);
    if (!o->closed || smtp_server_waiting(o->server) ||
        smtp_server_input(o->server, STR("NOOP\r\n")))
        panic("it goes on after its end");
    owner_done(o);
    smtp_server_destroy(NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct owner whole, pieces;
    struct str bytes;

    if (size < 2 || size > 100000)
        return 0;
    bytes = str_skip(str_of(data, size), 2);
    begin(&whole, data[0]);
    begin(&pieces, data[0]);
    owner_feed(&whole, bytes, SIZE_MAX / 2);
    owner_feed(&pieces, bytes, 1 + data[1] % 64U);
    check_replies(buf_view(&whole.out));
    /* What comes with STARTTLS in one piece is dropped, in the next piece it is not. */
    if (str_find(buf_view(&whole.events), STR("starttls\n")) == SIZE_MAX &&
        str_find(buf_view(&pieces.events), STR("starttls\n")) == SIZE_MAX &&
        (!str_equal(buf_view(&whole.out), buf_view(&pieces.out)) ||
         !str_equal(buf_view(&whole.events), buf_view(&pieces.events)) ||
         !str_equal(buf_view(&whole.all), buf_view(&pieces.all))))
        panic("the pieces change the dialogue");
    end(&whole);
    end(&pieces);
    check_path(bytes);
    return 0;
}
