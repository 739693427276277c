#!/usr/bin/env python3
"""Has Python's email package (policy.default) read what src/compose/build.h writes, and compares.

    python3 tests/mime_build_compare.py [--count N] [--seed S] [--show N]

Needs a C compiler. Prints each difference, then how many messages are read alike. White space in names, and at the ends of
file names, is not compared: Python 3.11 keeps the blanks between two encoded words of a phrase (against RFC 2047 section 6.2), folds runs
of them, and trims decoded parameters.
"""
import argparse
import email
import email.policy
import email.utils
import re
import subprocess
import sys
import tempfile

from compiling import compile_with_mime


def build(folder):
    return compile_with_mime(folder + "/mime_build_dump", "tests/mime_build_dump.c", "src/compose/build_check.c")


def samples(program, seed, count):
    """What each message was made of, as {word: [values of a line]}."""
    out = subprocess.run([program, str(seed), str(count)], check=True, stdout=subprocess.PIPE, text=True).stdout
    sample = {}
    for line in out.split("\n"):
        words = line.split(" ")
        values = [bytes.fromhex(w[:-1]) if w.endswith(".") else w for w in words[1:]]
        if words[0] == "seed":
            sample = {}
        sample.setdefault(words[0], []).append(values)
        if words[0] == "bytes":
            yield sample


def utf8(text):
    """Headers in UTF-8 come as lone surrogates."""
    return text and text.encode("utf-8", "surrogateescape").decode("utf-8")


def tight(name):
    return name and "".join(utf8(name).split())


def addresses(field):
    """(group or None, name, local part, domain) of each."""
    out = []
    for group in field.groups:
        for a in group.addresses:
            out.append((tight(group.display_name), tight(a.display_name), utf8(a.username), utf8(a.domain)))
        if not group.addresses:
            out.append((tight(group.display_name), None, None, None))
    return out


def wanted_addresses(lines):
    out, group, empty = [], None, False
    for kind, name, local, domain in lines:
        if kind == "1":
            group, empty = tight(name.decode()), True
        elif kind == "2":
            if empty:
                out.append((group, None, None, None))
            group = None
        else:
            out.append((group, tight(name.decode()), local.decode(), domain.decode()))
            empty = False
    return out


def walk(part, depth, out):
    container = part.is_multipart()
    content = b""
    if not container:
        content = part.get_payload(decode=True)
    out.append((depth, container, part.get_content_type(), (part.get_filename() or "").strip(), content))
    if container:
        for child in part.get_payload():
            walk(child, depth + 1, out)


def ids(message, name):
    raw = dict(message.raw_items())[name]
    return [utf8(i).strip("<>") for i in re.split("[ \r\n]+", raw.strip())]


def compare(sample):
    """What differs, as (what, ours, theirs)."""
    m = email.message_from_bytes(sample["bytes"][0][0], policy=email.policy.default)
    pairs = [
        ("subject", sample["subject"][0][0].decode(), str(m["Subject"])),
        ("date", int(sample["date"][0][0]), int(email.utils.parsedate_to_datetime(str(m["Date"])).timestamp())),
        ("to", wanted_addresses(sample["to"]), addresses(m["To"])),
        ("id", [sample["id"][0][0].decode()], ids(m, "Message-ID")),
        ("references", [r[0].decode() for r in sample["reference"]], ids(m, "References")),
    ]
    parts = []
    walk(m, 0, parts)
    pairs.append(("parts", [(int(d), c == "1", t.decode(), f.decode().strip(), b"" if c == "1" else b)
                            for d, c, t, f, b in sample["part"]], parts))
    return [(what, a, b) for what, a, b in pairs if a != b]


def run(count, seed, show):
    """(messages that are read alike, others); prints the differences of the first `show` of these."""
    alike = different = 0
    with tempfile.TemporaryDirectory() as folder:
        for sample in samples(build(folder), seed, count):
            differences = compare(sample)
            alike += not differences
            different += bool(differences)
            for what, a, b in differences:
                if different <= show:
                    print("seed %s, %s\n  written %a\n  python  %a" % (sample["seed"][0][0], what, a, b))
    return alike, different


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=10)
    options = parser.parse_args()
    alike, different = run(options.count, options.seed, options.show)
    print("%d messages are read alike, %d are not" % (alike, different))
    return 1 if different or not alike else 0


if __name__ == "__main__":
    sys.exit(main())
