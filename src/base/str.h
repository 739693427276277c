/* base/str.h: a borrowed slice of bytes. All input is a slice with its length; it may hold NUL. A slice owns nothing and
 * is passed by value. C strings appear only at system calls and in literals. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/base.h"

struct str {
    const char *p; /* may be NULL when n is 0 */
    size_t n;      /* bytes */
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NULL ((struct str){NULL, 0})
/* For printf: printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).n, ((s).p ? (s).p : "")

/* A slice of a C string, without its NUL; NULL gives the empty slice. */
struct str str_c(const char *s);
struct str str_of(const void *p, size_t n);
bool str_equal(struct str a, struct str b);
/* ASCII letters without case, every other byte as it is. */
bool str_equal_nocase(struct str a, struct str b);
/* <0, 0, >0 as memcmp; a prefix sorts first. */
int str_cmp(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Whether no byte is above 127; true of an empty slice. */
bool str_is_ascii(struct str s);
/* The index of the first (last) c, or SIZE_MAX. */
size_t str_find_char(struct str s, char c);
size_t str_rfind_char(struct str s, char c);
/* The index of the first needle, or SIZE_MAX. An empty needle is at 0. */
size_t str_find(struct str s, struct str needle);
/* From byte `from`, at most n bytes; what lies outside is cut, never an error. */
struct str str_sub(struct str s, size_t from, size_t n);
/* Without the first n bytes. */
struct str str_skip(struct str s, size_t n);
/* Without spaces, tabs, CR and LF at both ends. */
struct str str_trim(struct str s);
/* Cuts s at the first c: *head gets what is before, *tail what is after. False, and both untouched, when c is not there. */
bool str_cut(struct str s, char c, struct str *head, struct str *tail);
/* A decimal number of digits alone, at most max. False for anything else, overflow included. */
MUST_CHECK bool str_to_u64(struct str s, uint64_t max, uint64_t *out);
/* A NUL-terminated heap copy; the caller frees with mem_free. NUL bytes inside stay, so it is for system calls only
 * where the caller has looked. */
char *str_dup_c(struct str s);

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static inline char ascii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static inline bool ascii_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_alpha(char c)
{
    return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

#endif
