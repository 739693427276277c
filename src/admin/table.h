/* admin/table.h: the rows of admin/commands.h as constant data, and how a row is found. */
#ifndef ADMIN_TABLE_H
#define ADMIN_TABLE_H

#include "admin/commands.h"
#include "base/error.h"

#define ADMIN_ARGUMENTS_MOST 8

enum admin_by { ADMIN_BY_COMMAND_LINE, ADMIN_BY_SUPERVISOR, ADMIN_BY_DIRECTORY };

enum admin_right {
    ADMIN_RIGHT_NOTHING = 0,
    ADMIN_RIGHT_FOLDER = 1,  /* whoever may read and write the data folder has it */
    ADMIN_RIGHT_SEE = 2,     /* who is there */
    ADMIN_RIGHT_CHANGE = 4,  /* who is there, and what they are allowed */
    ADMIN_RIGHT_SECRETS = 8, /* passwords and keys */
};

enum admin_shape { ADMIN_SHAPE_OBJECT, ADMIN_SHAPE_ROWS, ADMIN_SHAPE_LINES, ADMIN_SHAPE_TEXT };

enum admin_kind {
    ADMIN_KIND_WORD,
    ADMIN_KIND_MAYBE,
    ADMIN_KIND_OPTION,
    ADMIN_KIND_NEEDED,
    ADMIN_KIND_SOME,
    ADMIN_KIND_REPEATED,
};

enum admin_type {
    ADMIN_TYPE_FLAG,
    ADMIN_TYPE_TEXT,
    ADMIN_TYPE_ADDRESS,
    ADMIN_TYPE_DOMAIN,
    ADMIN_TYPE_NUMBER,
    ADMIN_TYPE_SIZE, /* bytes, with K, M, G or T */
    ADMIN_TYPE_YESNO,
    ADMIN_TYPE_CHOICE, /* one of the words of its placeholder, which has | between them */
    ADMIN_TYPE_SERVICES,
    ADMIN_TYPE_SETTING, /* key=value */
    ADMIN_TYPE_FOLDER,
};

struct admin_argument {
    enum admin_kind kind;
    const char *name; /* between processes */
    enum admin_type type;
    const char *spelling;    /* "--quota"; of a word its placeholder */
    const char *placeholder; /* "BYTES"; of a flag "" */
    uint64_t least, most;    /* of a number its value, of a text its bytes */
    const char *preset;      /* what holds when it is not given, or "" */
    const char *help;
};

enum admin_field_type {
    ADMIN_FIELD_TEXT,
    ADMIN_FIELD_NUMBER,
    ADMIN_FIELD_SIZE, /* bytes */
    ADMIN_FIELD_YESNO,
    ADMIN_FIELD_TIME,   /* RFC 3339 */
    ADMIN_FIELD_TEXTS,  /* a list */
    ADMIN_FIELD_OBJECT, /* with the fields inside */
    ADMIN_FIELD_ROWS,   /* a list of such objects */
    ADMIN_FIELD_MAP,    /* an object of such objects */
    ADMIN_FIELD_SETTINGS,
};

enum admin_presence { ADMIN_PRESENCE_ALWAYS, ADMIN_PRESENCE_MAYBE };

struct admin_fields;

struct admin_field {
    enum admin_field_type type;
    const char *name; /* "*": any others */
    enum admin_presence presence;
    const struct admin_fields *inside; /* of OBJECT, ROWS and MAP, else NULL */
    const char *help;
};

struct admin_fields {
    const struct admin_field *v;
    size_t n;
};

struct admin_command {
    const char *name; /* "account add" */
    const char *noun, *verb;
    enum admin_by by;
    enum admin_right right;
    enum admin_shape shape;
    const char *help;
    const struct admin_argument *takes;
    size_t takes_n;
    struct admin_fields gives;
};

enum admin_number {
#define COMMAND(NAME, name, noun, verb, by, right, shape, help) ADMIN_##NAME,
    ADMIN_COMMANDS(COMMAND)
#undef COMMAND
        ADMIN_COUNT
};

/* The row of a number; the rows stand in the order of commands.h. */
const struct admin_command *admin_command(enum admin_number number);
enum admin_number admin_number(const struct admin_command *c);
/* The row of a noun and a verb (empty where the noun stands alone), synonyms included; NULL when there is none. */
const struct admin_command *admin_find(struct str noun, struct str verb);
/* The row whose name is "account add"; NULL when there is none. */
const struct admin_command *admin_find_name(struct str name);
/* The verbs that a noun has, in order and with its synonyms: *at starts at 0; NULL at the end. A noun that stands alone has
 * none, and neither has one that does not exist. */
const char *admin_each_verb(struct str noun, size_t *at);
/* The nouns, each once and in order: *at starts at 0; NULL at the end. */
const char *admin_each_noun(size_t *at);
/* What every command takes: --data, --json, --help. */
const struct admin_argument *admin_everywhere(size_t *n);
/* Whether it is spelled with dashes. */
bool admin_is_option(const struct admin_argument *a);
/* What the type SERVICES may name. *at starts at 0; NULL at the end. */
const char *admin_each_service(size_t *at);
/* "nothing", "folder", "see", "change", "secrets". */
const char *admin_right_name(enum admin_right right);
/* "command line", "supervisor", "directory". */
const char *admin_by_name(enum admin_by by);

/* Of the candidates the one that is nearest to word: fewest letters wrong, missing, too many or changed about. NULL when none
 * is near enough to have been meant. next is called with *at from 0 until it returns NULL. */
const char *admin_nearest(struct str word, const char *(*next)(const void *arg, size_t *at),
                          const void *arg);
/* The same among the nouns, the verbs of a noun, and the services. */
const char *admin_nearest_noun(struct str word);
const char *admin_nearest_verb(struct str noun, struct str word);
const char *admin_nearest_service(struct str word);

#endif
