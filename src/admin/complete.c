/* admin/complete.c: the completion for bash. The script knows the whole table, so that it starts no process, and needs nothing
 * but bash: it finds noun and verb among the words before the cursor, then offers verbs, options, or what an option's value
 * may be. */
#include "admin/usage.h"

static const char head[] =
    "# Completion of posthus for bash; `posthus completion bash` prints it.\n"
    "_posthus()\n"
    "{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev= noun= verb= verbs= options= i\n"
    "    COMPREPLY=()\n"
    "    ((COMP_CWORD > 1)) && prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    # bash makes words of --option=value: the option, \"=\" and the value\n"
    "    [ \"$cur\" = = ] && cur=\n"
    "    [ \"$prev\" = = ] && prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        --data) ((i++)) ;;\n"
    "        -*) ;;\n"
    "        *)\n"
    "            if [ -z \"$noun\" ]; then\n"
    "                noun=${COMP_WORDS[i]}\n"
    "            else\n"
    "                verb=${COMP_WORDS[i]}\n"
    "                break\n"
    "            fi\n"
    "            ;;\n"
    "        esac\n"
    "    done\n"
    "    case $prev in\n";

static const char middle[] = "    esac\n"
                             "    case $noun in\n";

static const char tail[] =
    "    *) return ;;\n"
    "    esac\n"
    "    if [ -n \"$verbs\" ] && [ -z \"$verb\" ] && [ \"${cur#-}\" = \"$cur\" ]; then\n"
    "        COMPREPLY=($(compgen -W \"$verbs\" -- \"$cur\"))\n"
    "    elif [ \"${cur#-}\" != \"$cur\" ] || [ -z \"$verbs\" ] || [ -n \"$verb\" ]; then\n"
    "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
    "    fi\n"
    "}\n"
    "complete -F _posthus posthus\n";

static void print_options(struct buf *out, const struct admin_argument *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (admin_is_option(&list[i]))
            buf_printf(out, "%s ", list[i].spelling);
}

static void print_everywhere(struct buf *out)
{
    size_t n;
    const struct admin_argument *a = admin_everywhere(&n);

    print_options(out, a, n);
}

/* Words that the value of an option, or a word of a command, may be; false when they are not known. */
static bool print_choices(struct buf *out, const struct admin_argument *a)
{
    const char *one;
    size_t at = 0;

    switch (a->type) {
    case ADMIN_TYPE_YESNO:
        buf_c(out, "yes no");
        return true;
    case ADMIN_TYPE_CHOICE:
        for (const char *p = a->placeholder; *p; p++)
            buf_char(out, *p == '|' ? ' ' : *p);
        return true;
    case ADMIN_TYPE_SERVICES:
        while ((one = admin_each_service(&at)))
            buf_printf(out, "%s%s", at > 1 ? " " : "", one);
        return true;
    default:
        return false;
    }
}

/* After an option that wants a value: its choices, folders, or nothing. Options of the same spelling are of one type. */
static void print_values(struct buf *out, const struct admin_argument *a, struct buf *seen)
{
    struct buf words, mark;

    buf_init(&words, 1000);
    buf_init(&mark, 200);
    buf_printf(&mark, " %s ", a->spelling);
    if (admin_is_option(a) && a->type != ADMIN_TYPE_FLAG &&
        str_find(buf_view(seen), buf_view(&mark)) == SIZE_MAX) {
        buf_str(seen, buf_view(&mark));
        buf_printf(out, "    %s)\n", a->spelling);
        if (a->type == ADMIN_TYPE_FOLDER)
            buf_c(out, "        COMPREPLY=($(compgen -d -- \"$cur\"))\n");
        else if (print_choices(&words, a))
            buf_printf(out, "        COMPREPLY=($(compgen -W \"%.*s\" -- \"$cur\"))\n",
                       STR_ARG(buf_view(&words)));
        buf_c(out, "        return\n        ;;\n");
    }
    buf_done(&words);
    buf_done(&mark);
}

static void print_all_values(struct buf *out)
{
    const struct admin_argument *everywhere;
    struct buf seen;
    size_t n;

    buf_init(&seen, 10000);
    everywhere = admin_everywhere(&n);
    for (size_t i = 0; i < n; i++)
        print_values(out, &everywhere[i], &seen);
    for (int i = 0; i < ADMIN_COUNT; i++) {
        const struct admin_command *c = admin_command((enum admin_number)i);

        for (size_t k = 0; k < c->takes_n; k++)
            print_values(out, &c->takes[k], &seen);
    }
    buf_done(&seen);
}

/* What may follow a command: its options, and words of which all are known. */
static void print_completions(struct buf *out, const struct admin_command *c)
{
    buf_c(out, "options=\"");
    print_options(out, c->takes, c->takes_n);
    print_everywhere(out);
    for (size_t i = 0; i < c->takes_n; i++)
        if (!admin_is_option(&c->takes[i]) && print_choices(out, &c->takes[i]))
            buf_char(out, ' ');
    buf_c(out, "\"");
}

static void print_noun(struct buf *out, const char *noun)
{
    const struct admin_command *alone = admin_find(str_c(noun), STR_NULL);
    const char *verb;
    size_t at = 0;

    buf_printf(out, "    %s)\n        ", noun);
    if (alone) {
        print_completions(out, alone);
        buf_c(out, "\n        ;;\n");
        return;
    }
    buf_c(out, "verbs=\"");
    while ((verb = admin_each_verb(str_c(noun), &at)))
        buf_printf(out, "%s ", verb);
    buf_c(out, "\" options=\"");
    print_everywhere(out);
    buf_c(out, "\"\n        case $verb in\n");
    at = 0;
    while ((verb = admin_each_verb(str_c(noun), &at))) {
        buf_printf(out, "        %s) ", verb);
        print_completions(out, admin_find(str_c(noun), str_c(verb)));
        buf_c(out, " ;;\n");
    }
    buf_c(out, "        esac\n        ;;\n");
}

void admin_usage_print_bash(struct buf *out)
{
    const char *noun;
    size_t at = 0;

    buf_c(out, head);
    print_all_values(out);
    buf_c(out, middle);
    buf_c(out, "    '')\n        verbs=\"");
    while ((noun = admin_each_noun(&at)))
        buf_printf(out, "%s ", noun);
    buf_c(out, "\" options=\"");
    print_everywhere(out);
    buf_c(out, "\"\n        ;;\n");
    at = 0;
    while ((noun = admin_each_noun(&at)))
        print_noun(out, noun);
    buf_c(out, tail);
}
