/* config/config.h: the settings of settings.h as a struct, and what is made from their table.
 *
 * The file has a setting a line, `key = value`; `#` begins a comment at the start of a line; an unknown key, a value out of
 * bounds or a key given twice is an error with its line number. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/buf.h"
#include "base/error.h"
#include "config/settings.h"

#define CONFIG_C_TEXT char *
#define CONFIG_C_ADDRESSES char *
#define CONFIG_C_NETWORKS char *
#define CONFIG_C_NUMBER uint64_t
#define CONFIG_C_BOOL bool

struct config {
#define SETTING(type, field, key, def, least, most, reload, help) CONFIG_C_##type field;
    SETTINGS(SETTING)
#undef SETTING
};

/* Fills with the defaults. The caller ends it with config_done. */
void config_init(struct config *c);
void config_done(struct config *c);
/* Reads the text of a file into c, which has been initialised; what the text does not name stays. ERROR_SYNTAX or ERROR_LIMIT
 * with the line in err->at and in the words; c is then partly changed. */
MUST_CHECK bool config_parse(struct config *c, struct str text, struct error *err);
/* Appends every setting as `key = value`. */
void config_print(const struct config *c, struct buf *out);
/* Appends one JSON object of all settings: {"key": value, ...}. */
void config_print_json(const struct config *c, struct buf *out);
/* Appends the sample file: help, bounds and default of each setting, all commented out. */
void config_print_sample(struct buf *out);
/* Appends the manual page posthus.conf(5), in mdoc. */
void config_print_man(struct buf *out);
/* Makes `fresh`, just parsed, what holds at a reload: settings that need a new start keep the values of `old`, and the same
 * pointers, so that who keeps one of those may go on using it. Afterwards `old` only has what is no longer valid; end it. */
void config_keep_start(struct config *fresh, struct config *old);
/* The value of a TEXT, ADDRESSES or NETWORKS setting by its key; NULL when there is none of that name. */
const char *config_text(const struct config *c, const char *key);
/* The names of settings that differ between a and b and need a new start, separated by spaces; appended. */
void config_print_changed(const struct config *a, const struct config *b, struct buf *out);

#endif
