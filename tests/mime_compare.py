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

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")

# Files on which the two differ, and why ours is kept.
EXPECTED = {
    # 8-bit within encoded words: we read it in the charset of the word, Python not at all.
    "subject": {"009", "010", "015", "016", "018", "023", "024", "025", "026", "050", "051"},
    "To": {"009", "010", "015", "016", "018", "023", "024", "025", "026", "050", "051"},
    # x-uuencode stays as it is (017, 026, 048); message/external-body has a body and no message inside, RFC 9051 section
    # 7.5.2 (001); a message/rfc822 in base64 is against RFC 2046 section 5.2.1, and neither looks inside (008).
    "part": {"001", "008", "017", "026", "048"},
}


def build(folder):
    program = os.path.join(folder, "mime_dump")
    sources = [f for f in glob.glob(ROOT + "/src/mime/*.c") + glob.glob(ROOT + "/src/base/*.c")
               if not f.endswith(("_test.c", "_fuzz.c", "_check.c", "/test.c", "/replay.c"))]
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-I", ROOT + "/src",
                    "-o", program, ROOT + "/tests/mime_dump.c"] + sources + ["-lunistring"], check=True)
    return program


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
        if a == b or os.path.basename(name)[:3] in EXPECTED.get(kind, ()) and ROOT in name:
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
