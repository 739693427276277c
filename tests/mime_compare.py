#!/usr/bin/env python3
"""Compares src/mime with Python's email package, on the messages of tests/data and on mutants of them.

    python3 tests/mime_compare.py [--mutants N] [--seed S] [--show N]

Needs a C compiler. The originals must agree in all but the cases of EXPECTED; of mutants the differences are counted by
kind and the first ones of each are shown, to be looked at: neither side is right by definition.
"""
import argparse
import collections
import email
import email.errors
import email.header
import email.utils
import glob
import os
import random
import subprocess
import sys
import tempfile
import zlib

from compiling import compile_with_mime

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")

# Files on which the two differ, and why ours is kept.
EXPECTED = {
    # 8-bit within encoded words: we read it in the charset of the word, Python not at all. Raw 8-bit text: UTF-8 or Windows-1252
    # (020, 022, 027, 052, raw).
    "subject": {"009", "010", "015", "016", "018", "020", "022", "023", "024", "025", "026", "027", "050", "051", "052",
                "subject-raw-latin1", "subject-raw-utf8",
                # A line that is no field, and white space before the colon (RFC 5322 section 4.5), do not end the header; nor does a
                # CR alone.
                "header-junk-lines", "header-spaces-before-colon", "lone-cr-in-header",
                # No space where there was none; a language (RFC 2231 section 5); an unknown charset.
                "subject-glued-words", "subject-language", "subject-unknown-charset"},
    "From": {"addresses-obsolete", "addresses-utf8", "comments-everywhere", "from-raw-8bit", "header-spaces-before-colon"},
    "To": {"009", "010", "015", "016", "017", "018", "020", "022", "023", "024", "025", "026", "027", "050", "051", "052",
           # An address that is the name of an address, UTF-8, comments within an address.
           "addresses-unquoted-specials", "addresses-utf8", "comments-everywhere", "header-junk-lines",
           "header-spaces-before-colon"},
    "id": {"comments-everywhere", "python-encoded-references"},
    # Comments; CEST is two hours; years of three digits; "+1" is an hour.
    "date": {"comments-everywhere", "date-cest", "date-three-digit-year", "date-zone-short"},
    # Raw Latin-1 in a file's name (016, 023, 026); message/external-body has a body and no message inside, RFC 9051 section 7.5.2 (001),
    # so have delivery-status and partial; a message/rfc822 in base64 is against RFC 2046 section 5.2.1, and neither looks inside
    # (008).
    "part": {"001", "008", "016", "023", "026", "filename-raw-utf8", "bounce", "partial",
             "header-junk-lines", "header-spaces-before-colon", "lone-cr-in-header",
             # Comments; no boundary; the line end before a boundary that is missing; RFC 2231 before the plain form; no ";".
             "comments-everywhere", "disposition-comment", "missing-boundary-parameter", "missing-close", "rfc2231-beside-plain",
             "type-no-semicolon",
             # Junk in base64 is skipped (RFC 2045 section 6.8), white space at the end of lines is deleted (section 6.7).
             "base64-junk", "qp-broken", "qp-soft-breaks"},
}


def build(folder):
    return compile_with_mime(folder + "/mime_dump", "tests/mime_dump.c")


def escape(text):
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    data = data.decode("utf-8", "replace").encode()
    return b"".join(b"%%%02x" % c if c < 32 or c in b"%|" else bytes([c]) for c in data).decode("utf-8", "replace")


def decode_words(value):
    try:
        text = str(email.header.make_header(email.header.decode_header(value)))
    except (LookupError, UnicodeError, ValueError, email.errors.MessageError):
        return value
    return text


def unfold(value):
    return "".join(c for c in str(value) if c not in "\r\n\0").strip(" \t")


def filename(part):
    name = part.get_filename()
    return "" if name is None else unfold(decode_words(name))


def parts(message, depth, out):
    children = message.get_payload() if message.is_multipart() else []
    content = "-"
    if not children:
        try:
            payload = message.get_payload(decode=True)
        except (AssertionError, ValueError, AttributeError):
            payload = None
        payload = b"" if payload is None else payload
        content = "%d:%08x" % (len(payload), zlib.adler32(payload))
    out.append("part|%d|%s|%s|%s" % (depth, message.get_content_type(), escape(filename(message)), content))
    for child in children:
        parts(child, depth + 1, out)


def theirs(data):
    message = email.message_from_bytes(data)
    out = ["subject|" + escape(" ".join(decode_words(unfold(message.get("Subject", ""))).split(" ")))]
    out.append("id|" + escape(unfold(message.get("Message-ID", "")).strip("<>")))
    date = email.utils.parsedate_tz(unfold(message.get("Date", "")))
    try:
        out.append("date|%d" % (-1 if date is None else email.utils.mktime_tz(date)))
    except (ValueError, OverflowError):
        out.append("date|-1")
    for name in ("From", "To"):
        for person, address in email.utils.getaddresses([unfold(message.get(name, ""))]):
            if address:
                out.append("%s|%s|%s" % (name, escape(decode_words(person)), escape(address)))
    parts(message, 0, out)
    return out


def ours(program, files):
    result, lines = {}, None
    for start in range(0, len(files), 500):
        text = subprocess.run([program] + files[start:start + 500], check=True, stdout=subprocess.PIPE).stdout
        for line in text.decode("utf-8", "replace").split("\n"):
            if line.startswith("file|"):
                lines = result[line[5:]] = []
            elif line:
                lines.append(normal(line))
    return result


def normal(line):
    fields = line.split("|")
    if fields[0] == "part":
        fields[2] = fields[2].lower()
    return "|".join(fields)


def mutate(data, rng):
    data = bytearray(data)
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(data))
        choice = rng.randrange(4)
        if choice == 0:
            data[at] = rng.choice(b"\r\n -=\";:<>(),@\\?\x00\xff")
        elif choice == 1:
            del data[at:at + rng.randint(1, 30)]
        elif choice == 2:
            data[at:at] = data[rng.randrange(len(data)):][:rng.randint(1, 60)]
        else:
            data[at:at] = bytes([rng.choice(b"\r\n -=\";:<>(),@\\?")])
    return bytes(data)


def compare(name, data, got, counts, shown, limit):
    """Returns the number of lines that differ."""
    want = theirs(data)
    if got == want:
        return 0
    differing = 0
    for kind in ("subject", "id", "date", "From", "To", "part"):
        a = [line for line in got if line.startswith(kind + "|")]
        b = [line for line in want if line.startswith(kind + "|")]
        if a == b or os.path.basename(name)[:-4] in EXPECTED.get(kind, ()) and ROOT in name:
            continue
        differing += 1
        counts[kind] += 1
        if counts[kind] <= limit:
            shown.append("%s %s\n" % (name, kind) + "".join(
                "    ours   %s\n" % line for line in a if line not in b) + "".join(
                "    python %s\n" % line for line in b if line not in a))
    return differing


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mutants", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=3)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder)
        files = sorted(glob.glob(ROOT + "/tests/data/messages/*/*.eml"))
        counts, shown = collections.Counter(), []
        got = ours(program, files)
        wrong = sum(compare(f, open(f, "rb").read(), got[f], counts, shown, 1000) for f in files)
        print("".join(shown), end="")
        print("%d messages, %d differences" % (len(files), wrong))
        mutants = []
        for i in range(options.mutants):
            path = os.path.join(folder, "%d.eml" % i)
            with open(path, "wb") as f:
                f.write(mutate(open(rng.choice(files), "rb").read(), rng))
            mutants.append(path)
        counts, shown = collections.Counter(), []
        got = ours(program, mutants) if mutants else {}
        for f in mutants:
            compare(f, open(f, "rb").read(), got[f], counts, shown, options.show)
        print("".join(shown), end="")
        if mutants:
            print("%d mutants, differences: %s" % (len(mutants), dict(counts)))
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
