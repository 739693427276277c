/* main/render.c: JSON answers for a person. */
#include "main/main.h"

#include "base/buf.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void value_text(struct buf *out, const json_t *v)
{
    const char *key;
    json_t *item;
    size_t i;

    buf_reset(out);
    if (json_is_string(v)) {
        buf_c(out, json_string_value(v));
    } else if (json_is_integer(v)) {
        buf_printf(out, "%lld", (long long)json_integer_value(v));
    } else if (json_is_boolean(v)) {
        buf_c(out, json_is_true(v) ? "yes" : "no");
    } else if (json_is_array(v)) {
        json_array_foreach((json_t *)(uintptr_t)v, i, item) buf_printf(
            out, "%s%s", i ? ", " : "", json_is_string(item) ? json_string_value(item) : "...");
    } else if (json_is_object(v)) {
        json_object_foreach((json_t *)(uintptr_t)v, key, item)
        {
            if (json_is_integer(item))
                buf_printf(out, "%s%s=%lld", out->n ? " " : "", key,
                           (long long)json_integer_value(item));
            else if (json_is_boolean(item))
                buf_printf(out, "%s%s=%s", out->n ? " " : "", key,
                           json_is_true(item) ? "yes" : "no");
            else if (json_is_string(item))
                buf_printf(out, "%s%s=%s", out->n ? " " : "", key, json_string_value(item));
        }
    }
}

static void print_object(const json_t *o, int indent)
{
    struct buf text;
    const char *key;
    json_t *v;
    size_t i;

    buf_init(&text, 1 << 20);
    json_object_foreach((json_t *)(uintptr_t)o, key, v)
    {
        json_t *item;

        if (json_is_array(v) && json_is_object(json_array_get(v, 0))) {
            printf("%*s%s:\n", indent, "", key);
            json_array_foreach(v, i, item)
            {
                value_text(&text, item);
                printf("%*s%.*s\n", indent + 2, "", STR_ARG(buf_view(&text)));
            }
        } else if (json_is_object(v) && indent == 0) {
            printf("%s:\n", key);
            print_object(v, 2);
        } else {
            value_text(&text, v);
            printf("%*s%-12s %.*s\n", indent, "", key, STR_ARG(buf_view(&text)));
        }
    }
    buf_done(&text);
}

/* The columns are the keys of the first row and those that later rows add. */
static void print_table(const json_t *rows)
{
    const char *keys[20];
    size_t wide[20], n = 0, i;
    struct buf text;
    json_t *row, *v;
    const char *key;

    buf_init(&text, 1 << 20);
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        json_object_foreach(row, key, v)
        {
            size_t k = 0;

            while (k < n && strcmp(keys[k], key) != 0)
                k++;
            if (k == ARRAY_LEN(keys))
                continue;
            if (k == n) {
                keys[n] = key;
                wide[n++] = strlen(key);
            }
            value_text(&text, v);
            wide[k] = size_max(wide[k], text.n);
        }
    }
    for (size_t k = 0; k < n; k++)
        printf("%-*s%s", (int)wide[k], keys[k], k + 1 < n ? "  " : "\n");
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        for (size_t k = 0; k < n; k++) {
            value_text(&text, json_object_get(row, keys[k]));
            printf("%-*.*s%s", (int)wide[k], STR_ARG(buf_view(&text)), k + 1 < n ? "  " : "\n");
        }
    }
    buf_done(&text);
}

void render_print(const char *json)
{
    json_t *j = json_loads(json, 0, NULL);
    const char *error = json_string_value(json_object_get(j, "error"));
    const char *report = json_string_value(json_object_get(j, "report"));

    if (error)
        fprintf(stderr, "posthus: %s\n", error);
    else if (report)
        fputs(report, stdout);
    else if (json_is_array(j))
        print_table(j);
    else if (j)
        print_object(j, 0);
    else
        puts(json);
    json_decref(j);
}
