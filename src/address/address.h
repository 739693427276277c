/* address/address.h: addresses as the directory compares them. */
#ifndef ADDRESS_ADDRESS_H
#define ADDRESS_ADDRESS_H

#include "base/buf.h"
#include "base/error.h"

/* Splits at the last @; both parts must be there. */
MUST_CHECK bool address_split(struct str address, struct str *local, struct str *domain);
/* Appends a local part as it is compared here: without case, and in Unicode's form NFC, as RFC 6530 section 10.1 advises. Bytes
 * that are not UTF-8 are taken as they are. */
void address_fold(struct buf *out, struct str s);
/* Appends a domain as it is compared: lower case (RFC 5321 section 2.4), a name beyond ASCII as its A-label (RFC 5891). One that
 * cannot be turned into it is appended as it is, and so matches nothing. */
void address_fold_domain(struct buf *out, struct str s);
/* Both parts of "local@domain"; without @ as a local part. */
void address_fold_whole(struct buf *out, struct str s);
/* "ada+lists" -> "ada" and "lists"; without + the detail is empty. A + in front is part of the name. */
void address_detail(struct str local, struct str *base, struct str *detail);
/* Appends a login name: folded, white space around it cut, %40 read as @, as iOS 18.4 sends it. */
void address_login(struct buf *out, struct str user);
/* A new address of ours: local part of 1..64 bytes of [a-z0-9._-] and others without quoting, letters beyond ASCII in UTF-8,
 * no + (it begins a detail); a domain of letters, digits, dots and dashes, or one that has an A-label. ERROR_SYNTAX says what is
 * wrong. */
MUST_CHECK bool address_check(struct str local, struct str domain, struct error *err);
MUST_CHECK bool address_check_domain(struct str domain, struct error *err);

#endif
