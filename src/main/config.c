/* main/config.c: config check, config show. */
#include "main/main.h"

#include "net/tls.h"
#include "supervisor/datadir.h"

#include <stdio.h>
#include <string.h>

static bool has(int argc, char **argv, const char *name)
{
    bool there;

    command_option(argc, argv, name, &there);
    return there;
}

static int print_and_free(struct buf *out)
{
    fwrite(out->p, 1, out->n, stdout);
    buf_done(out);
    return 0;
}

/* "AB:CD:..." of the certificate in use, as clients show it. */
static int fingerprint(const struct options *o, const struct config *c)
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

int command_config(const struct options *o, int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    struct config c;
    struct buf text, out;
    struct error err = {0};
    int status = 0;

    buf_init(&out, 1 << 20);
    if (strcmp(verb, "show") == 0 && has(argc, argv, "--sample")) {
        config_print_sample(&out);
        return print_and_free(&out);
    }
    if (strcmp(verb, "show") == 0 && has(argc, argv, "--man")) {
        config_print_man(&out);
        return print_and_free(&out);
    }
    if (strcmp(verb, "show") != 0 && strcmp(verb, "check") != 0)
        return command_failed(
                   "usage: posthus config check | show [--sample | --man | --fingerprint]") +
               1;
    config_init(&c);
    buf_init(&text, 65536);
    if (!datadir_config(o->data, &c, &text, &err)) {
        status = command_failed("%s", err.text);
    } else if (strcmp(verb, "check") == 0) {
        status = check_tls(o, &c);
        if (status == 0)
            puts(o->json ? "{\"ok\": true}" : "the settings are good");
    } else if (has(argc, argv, "--fingerprint")) {
        status = fingerprint(o, &c);
    } else {
        o->json ? config_print_json(&c, &out) : config_print(&c, &out);
        status = print_and_free(&out);
    }
    buf_done(&text);
    config_done(&c);
    return status;
}
