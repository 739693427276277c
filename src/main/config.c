/* main/config.c: config check, config show. */
#include "main/main.h"

#include "net/tls.h"
#include "supervisor/datadir.h"

#include <stdio.h>
#include <string.h>

/* "AB:CD:..." of the certificate in use, as clients show it. */
static int print_fingerprint(const struct options *o, const struct config *c)
{
    unsigned char hash[32];
    struct buf cert;
    struct error err;
    bool ok;

    buf_init(&cert, 65536);
    ok = datadir_read(o->data, c->tls_cert, &cert, &err) &&
         tls_fingerprint(buf_view(&cert), hash, &err);
    buf_done(&cert);
    if (!ok)
        return command_failed("%s", err.text);
    for (size_t i = 0; i < sizeof hash; i++)
        printf("%s%02X", i ? ":" : "", hash[i]);
    putchar('\n');
    return 0;
}

static int check_tls(const struct options *o, const struct config *c)
{
    struct tls_names names = {STR("imap"), str_c(c->hostname), str_c(c->tls_names)};
    struct buf cert, key;
    struct error err;
    SSL_CTX *ctx = NULL;
    bool ok;

    buf_init(&cert, 65536);
    buf_init(&key, 65536);
    ok = datadir_read(o->data, c->tls_cert, &cert, &err) &&
         datadir_read(o->data, c->tls_key, &key, &err) &&
         tls_context_create(&ctx, buf_view(&cert), buf_view(&key), &names, &err);
    buf_done(&cert);
    buf_done_wipe(&key);
    SSL_CTX_free(ctx);
    return ok ? 0 : command_failed("%s", err.text);
}

/* Reads posthus.conf into c, which the caller ends with config_done. */
static int read_settings(const struct options *o, struct config *c)
{
    struct error err = {0};
    struct buf text;
    bool ok;

    config_init(c);
    buf_init(&text, 65536);
    ok = datadir_config(o->data, c, &text, &err);
    buf_done(&text);
    return ok ? 0 : command_failed("%s", err.text);
}

int command_config_check(const struct options *o, const struct admin_call *call)
{
    struct config c;
    int status = read_settings(o, &c);

    (void)call;
    if (status == 0)
        status = check_tls(o, &c);
    if (status == 0)
        status = command_print(o->json ? STR("{\"ok\": true}\n") : STR("the settings are good\n"));
    config_done(&c);
    return status;
}

static int print_config_settings(const struct options *o, const struct config *c)
{
    struct buf out;
    int status;

    buf_init(&out, 1 << 20);
    if (o->json)
        config_print_json(c, &out);
    else
        config_print(c, &out);
    status = command_print(buf_view(&out));
    buf_done(&out);
    return status;
}

static int print_table(void (*print)(struct buf *out))
{
    struct buf out;
    int status;

    buf_init(&out, 1 << 20);
    print(&out);
    status = command_print(buf_view(&out));
    buf_done(&out);
    return status;
}

int command_config_show(const struct options *o, const struct admin_call *call)
{
    const struct admin_takes_config_show *a = &call->config_show;
    struct config c;
    int status;

    if (a->sample.given + a->man.given + a->fingerprint.given > 1)
        return command_misused(
            "config show prints one of --sample, --man and --fingerprint at a time");
    if (a->sample.given)
        return print_table(config_print_sample);
    if (a->man.given)
        return print_table(config_print_man);
    status = read_settings(o, &c);
    if (status == 0)
        status = a->fingerprint.given ? print_fingerprint(o, &c) : print_config_settings(o, &c);
    config_done(&c);
    return status;
}
