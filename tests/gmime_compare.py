#!/usr/bin/env python3
"""Compares src/mime with GMime 3, field by field, on messages and on mutants of them.

    python3 tests/gmime_compare.py [--mutants N] [--seed S] [--show N] [FOLDER ...]

Needs a C compiler and GMime 3. FOLDERs hold messages (*.eml, one level deep); without any: tests/data/messages, and a folder
shared/data/messages beside this one if there is one. A message has nine fields and seven for each part (FIELDS, PART_FIELDS). A
difference has a class (CLASSES, which says why ours is kept, and docs/deviations.md says it too), or is unexplained.
"""
import argparse
import collections
import glob
import os
import random
import re
import subprocess
import sys
import tempfile

from compiling import compile_with_mime

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))

FIELDS = ["Subject", "Message-ID", "References", "Date", "From", "To", "Cc", "Reply-To", "Sender"]
PART_FIELDS = ["type", "filename", "name", "charset", "disposition", "encoding", "content"]
ADDRESSES = {"From", "To", "Cc", "Reply-To", "Sender"}


# ---- both programs ----

def build(folder):
    """Compiles the two programs that print fields; their command lines."""
    cc, theirs = os.environ.get("CC", "cc"), folder + "/gmime_dump"
    ours = compile_with_mime(folder + "/mime_dump", "tests/mime_dump.c")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "gmime-3.0"], check=True, stdout=subprocess.PIPE, text=True)
    subprocess.run([cc, "-O1", "-o", theirs, TOP + "/tests/gmime_dump.c"] + flags.stdout.split(), check=True)
    return [ours, "--fields"], [theirs]


def normal(key, value):
    """What is no difference: case where the RFC knows none, white space of folding, quotes that need not be there."""
    if key in ADDRESSES or key == "Subject" or key.endswith(("|filename", "|name")):
        value = re.sub("(%0d|%0a)+", "", value)     # RFC 5322 section 2.2.3: unfolding
        value = value.replace("\ufffd", "?")        # GMime's sign in a header for what has no meaning
    if key in ADDRESSES:
        value = re.sub('<"([^"<>]*)"@', r"<\1@", value)
        value = re.sub(" +", " ", value.replace("%09", " "))
    if key.endswith(("|type", "|charset", "|disposition", "|encoding")):
        value = value.lower()
    return value.strip()


def understood(command, files):
    """{file: {field: value}} as the program prints them; field is a name of FIELDS or "path|" and one of PART_FIELDS."""
    result, fields = {}, None
    for start in range(0, len(files), 400):
        text = subprocess.run(command + files[start:start + 400], check=True, stdout=subprocess.PIPE, timeout=300).stdout
        for line in text.decode("utf-8", "replace").split("\n"):
            kind, _, rest = line.partition("|")
            if kind == "file":
                fields = result[rest] = {}
            elif kind == "part":
                path, what, value = rest.split("|", 2)
                fields[path + "|" + what] = normal("|" + what, value)
            elif kind:
                fields[kind] = normal(kind, rest)
    return result


# ---- mutants ----

FIELD = rb"[^\r\n][^\n]*\n(?:[ \t][^\n]*\n)*"


def lines_of(data):
    return data.splitlines(keepends=True)


def head_of(data):
    """(header, rest)"""
    m = re.search(rb"\r?\n\r?\n", data)
    return (data[:m.end()], data[m.end():]) if m else (data, b"")


def flip_bytes(data, rng, _):
    data = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        if data:
            data[rng.randrange(len(data))] = rng.choice(b"\r\n -=\";:<>(),@\\?\x00\xff") if rng.random() < 0.5 else rng.randrange(256)
    return bytes(data)


def delete_line(data, rng, _):
    lines = lines_of(data)
    if lines:
        del lines[rng.randrange(len(lines))]
    return b"".join(lines)


def double_line(data, rng, _):
    lines = lines_of(data)
    if lines:
        at = rng.randrange(len(lines))
        lines.insert(at, lines[at])
    return b"".join(lines)


def swap_fields(data, rng, _):
    head, rest = head_of(data)
    fields = re.findall(FIELD, head)
    if fields:
        a, b = rng.randrange(len(fields)), rng.randrange(len(fields))
        fields[a], fields[b] = fields[b], fields[a]
    return b"".join(fields) + head[sum(len(f) for f in fields):] + rest


def truncate(data, rng, _):
    """In the body, mostly: that is where messages are cut that a system has taken."""
    head, rest = head_of(data)
    return data[:rng.randrange(len(data) + 1)] if rng.random() < 0.25 else head + rest[:rng.randrange(len(rest) + 1)]


def change_boundary(data, rng, _):
    found = re.findall(rb'boundary="?([^";\s]+)', data)
    if not found:
        return flip_bytes(data, rng, _)
    old = rng.choice(found)
    new = rng.choice([old + b"x", old[:-1], old[::-1], b"b", old + b"--", old + b" "])
    parts = data.split(old)
    at = rng.randrange(1, len(parts)) if len(parts) > 1 else 1
    return old.join(parts[:at]) + new + old.join(parts[at:])


def change_charset(data, rng, _):
    labels = [b"utf-8", b"us-ascii", b"iso-8859-1", b"iso-8859-2", b"windows-1252", b"koi8-r", b"gb2312", b"big5", b"iso-2022-jp",
              b"shift_jis", b"euc-kr", b"iso-8859-15", b"windows-1251"]
    found = list(re.finditer(rb"(?i)(?:charset=\"?|=\?)([\w.-]+)", data))
    if not found:
        return double_line(data, rng, _)
    m = rng.choice(found)
    return data[:m.start(1)] + rng.choice(labels) + data[m.end(1):]


def splice(data, rng, other):
    """The header of one with the body of the other; or some fields of the other in the place of ours; or one field twice, with
    different values."""
    head, rest = head_of(data)
    head2, rest2 = head_of(other)
    choice = rng.randrange(8)
    if choice < 4:
        return head + rest2
    fields, added = re.findall(FIELD, head), re.findall(FIELD, head2)
    if choice == 4 and added:
        return b"".join(fields) + rng.choice(added) + b"\r\n" + rest
    for field in added:
        name = field.split(b":")[0].lower()
        if rng.random() < 0.5:
            fields = [f for f in fields if f.split(b":")[0].lower() != name] + [field]
    return b"".join(fields) + b"\r\n" + rest


MUTATIONS = [flip_bytes, delete_line, double_line, swap_fields, truncate, change_boundary, change_charset, splice]


def mutant(messages, rng):
    data = rng.choice(messages)
    for _ in range(rng.choice([1, 1, 1, 2])):
        data = rng.choice(MUTATIONS)(data, rng, rng.choice(messages))
    return data


# ---- classes of differences ----

# name: (why ours is kept, what shows a difference to be of this class). The first that fits counts. docs/deviations.md has the
# same names in its section "MIME against GMime".

class Case:
    """One difference: field `what` (with the path before it, of a part), ours `a`, GMime's `b`; None is a part that is not there."""

    def __init__(self, key, a, b, data, ours, theirs):
        self.key, self.a, self.b, self.data, self.ours, self.theirs = key, a, b, data, ours, theirs
        self.path, _, self.what = key.rpartition("|")
        self.head = head_of(data)[0]
        self.text = self.what == "content" and ours.get(self.path + "|type", "").startswith("text/")
        self.decoded = self.what in ADDRESSES | {"Subject", "filename", "name"}

    def part(self, what):
        return self.ours.get(self.path + "|" + what, "")

    def raw(self):
        """The lines of the field in the header of the message."""
        m = re.search(rb"(?im)^%s[ \t]*:(.*(?:\n[ \t].*)*)" % re.escape(self.what.encode()), self.head)
        return m.group(1) if m else b""


def doubled(data):
    """Names of fields that come twice in one header, of the message or of a part."""
    names = set()
    for block in re.split(rb"\r?\n\r?\n|\r\r", data):
        count = collections.Counter(name.lower() for name in re.findall(rb"(?m)^([!-9;-~]+)[ \t]*:", block))
        names |= {name.decode() for name, n in count.items() if n > 1}
    return names


def is_doubled(c):
    names = doubled(c.data)
    if c.path:
        return any(n.startswith("content-") for n in names)
    return c.what.lower() in names or (c.what == "References" and "in-reply-to" in names)


def is_mixed(c):
    return bool(re.search(rb"\r(?!\n)", c.data) or (b"\r\n" in c.data and re.search(rb"(?<!\r)\n", c.data))) and (
        bool(c.path) or bool(re.search(rb"\r(?!\n)", c.head)))


def solid(text):
    """Without what stands for bytes that have no meaning, and without controls."""
    text = re.sub("%[01][0-9a-f]|%7f", "", text)
    return re.sub("[\ufffd?\x7f-\x9f]", "", text)


def is_undecodable(c):
    if c.text and c.part("charset") in ("", "us-ascii") and re.sub(r"[^\x00-\x7f]", "", c.a) == re.sub(r"[^\x00-\x7f]", "", c.b):
        return True                             # UTF-8 without saying so
    return ("\ufffd" in c.a or "?" in c.b) and solid(c.a) == solid(c.b)


def ascii_only(text):
    return re.sub(r"%[01][0-9a-f]|%7f|[^\x21-\x7e]|\?", "", text)


def is_superset(c):
    """C1 controls, or other letters, where the larger charset has letters; what is ASCII is the same."""
    def western(text):
        return "".join(ch.encode("latin-1").decode("cp1252", "ignore") if "\x80" <= ch <= "\x9f" else ch for ch in text)
    if not (c.text or c.decoded):
        return False
    if solid(western(c.b)) == solid(c.a):
        return True
    labels = b"gb2312|gbk|gb18030|big5|euc-kr|ks_c_5601-1987|shift_jis|euc-jp|iso-2022-jp|iso-8859-[189]|windows-12.."
    pattern = rb"(?i)=\?(%s)[?*]" % labels if c.decoded else rb"(?i)^(%s)$" % labels
    where = c.raw() if c.what in FIELDS else c.data if c.decoded else c.part("charset").encode()
    return bool(re.search(pattern, where)) and ascii_only(c.a) == ascii_only(c.b)


def is_raw_in_word(c):
    return c.decoded and bool(re.search(rb"=\?[^?\s]+\?[qQbB]\?[^?]*[\x80-\xff]", c.raw() if c.what in FIELDS else c.data))


def is_8bit_structure(c):
    return not c.text and c.what != "content" and bool(re.search(r"[^\x00-\x7f]", c.a + c.b)) and re.sub(
        r"[^\x00-\x7f]+|\?", "", c.a) == re.sub(r"[^\x00-\x7f]+|\?", "", c.b)


def is_broken_word(c):
    """Something is left of an encoded word, on one side."""
    return c.decoded and c.a.count("=?") != c.b.count("=?")


def is_cut_character(c):
    return c.decoded and "?" in c.b and "\ufffd" not in c.a and len(re.findall(rb"=\?", c.raw())) > 1


def without_comments(text):
    old = None
    while old != text:
        old, text = text, re.sub(r"\s*\([^()]*\)?\s*", " ", text)
    return re.sub(r"[\s?]+", " ", text).strip()


def is_comment(c):
    if c.what == "Date":
        return b"(" in c.raw()
    if c.what in ("content", "encoding"):
        return bool(re.search(rb"(?i)\ncontent-transfer-encoding:[^\n]*\(", c.data))
    return "(" in c.b and (c.a == without_comments(c.b) or without_comments(c.a) == without_comments(c.b))


def is_no_multipart(c):
    return c.what in ("type", "content") and (c.theirs.get(c.path + "|type", "").startswith("multipart/") and
                                              c.part("type") == "text/plain")


def is_no_type(c):
    theirs = c.theirs.get(c.path + "|type", "")
    return c.what in ("type", "charset", "name", "filename", "content") and theirs == "application/octet-stream" != c.part("type")


def is_param(c):
    if c.what == "disposition":         # GMime goes on to the next ";"
        return bool(c.a) and c.b.startswith(c.a)
    return c.what in ("charset", "name", "filename", "content") and bool(re.search(
        rb"(?im)^content-(?:type|disposition):[^\n]*(?:\r?\n[ \t][^\n]*)*", c.data)) and (
            c.what != "content" or (c.text and c.part("charset") != c.theirs.get(c.path + "|charset")))


def is_leap_second(c):
    return c.what == "Date" and re.search(rb":60\b", c.raw())


def is_zone(c):
    return c.what == "Date" and re.search(rb"[+-]\d{1,3}(?!\d)|[+-]\d{4}\S|[+-]\d\d:\d\d|\d[ \t]+[A-Za-z]{1,5}\s*$|GMT[+-]", c.raw()) and c.a and c.b


def is_year(c):
    return c.what == "Date" and re.search(rb"(?i)[a-z]{3,}\s+\d{3}\s", c.raw())


def is_time(c):
    """No date-time by RFC 5322 section 3.3."""
    return c.what == "Date" and not re.fullmatch(
        rb"\s*(?:\w{3},)?\s*\d{1,2}\s+\w{3}\s+\d{4}\s+[012]\d:[0-5]\d(?::[0-6]\d)?\s+[+-]\d{4}\s*", c.raw())


def listed(value):
    return [x for x in re.split(r", |: |; ?|,$", value) if x.strip()]


def is_kept_address(c):
    """Theirs is part of ours."""
    return c.what in ADDRESSES and len(c.b) < len(c.a) and all(x in c.a for x in listed(c.b))


def is_broken_address(c):
    """Not a list of addresses by RFC 5322 section 3.4, even with its section 4.4."""
    text = re.sub(rb"=\?[^?\s]+\?[bq]\?[^?\s]*\?=", b"w", c.raw(), flags=re.I)
    while re.search(rb"\([^()]*\)", text):
        text = re.sub(rb"\([^()]*\)", b" ", text)
    text = re.sub(rb'"(?:\\.|[^"\\])*"', b"w", text)
    atom = rb"[\w!#$%&'*+/=?^`{|}~.\x80-\xff-]+"
    spec = rb"(?:%s\s*@\s*(?:%s(?:\s+\.\s*%s)*|\[[^\]\\]*\])|)" % (atom, atom, atom)
    box = rb"\s*(?:%s|(?:%s\s*)*<\s*(?:@[^:>]*:)?\s*%s\s*>)\s*" % (spec, atom, spec)
    boxes = rb"%s(?:,%s)*" % (box, box)
    return c.what in ADDRESSES and not re.fullmatch(rb"(?:%s|\s*(?:%s\s*)+:%s;\s*)(?:,(?:%s|\s*(?:%s\s*)+:%s;\s*))*" %
                                                    (box, atom, boxes, box, atom, boxes), text, re.S)


def is_id(c):
    atext = rb"[\w!#$%&'*+/=?^`{|}~.-]+"
    if c.what == "References":
        raw = b"".join(re.findall(rb"(?im)^(?:References|In-Reply-To)[ \t]*:(.*(?:\n[ \t].*)*)", c.head))
    else:
        raw = c.raw()
    return c.what in ("Message-ID", "References") and not re.fullmatch(rb"\s*(?:<%s@%s>\s*)+" % (atext, atext), raw)


def quoted_text(text):
    """Quoted-printable without what is at issue: white space at the end of lines, signs that begin nothing, soft breaks."""
    return re.sub("(%09| )+(?=%0|$)|=|%0d|%0a|\ufffd", "", text).strip()


def is_quoted_printable(c):
    if c.what != "content" or c.part("encoding") != "quoted-printable":
        return False
    return not c.text or quoted_text(c.a).startswith(quoted_text(c.b)[:-8]) or quoted_text(c.b)[:200] in quoted_text(c.a)


def is_base64(c):
    """The two differ in the last octets, or in what comes behind an "="."""
    if c.what != "content" or c.part("encoding") != "base64":
        return False
    if c.text:
        return c.a.startswith(c.b) or solid(c.a).startswith(solid(c.b)[:-3])
    if re.search(rb"(?m)^[A-Za-z0-9+/]+=+[A-Za-z0-9+/]{2}", c.data):
        return True                             # an "=" where no end can be
    return 0 < int(c.a.split(":")[0]) - int(c.b.split(":")[0]) <= 2


def is_uuencode(c):
    return c.what == "content" and c.part("encoding") == "uuencode"


def is_empty_message(c):
    return c.b is None and re.search(r"\.1$", c.path) and c.ours.get(c.path[:-2] + "|type", "").startswith("message/")


def is_part(c):
    return c.a is None or c.b is None or (c.path and (c.a == "-") != (c.b == "-"))


CLASSES = {
    "mixed line ends": ("RFC 5322 section 2.1, RFC 2046 section 5.1.1: a line ends with CRLF, and the one before a boundary belongs "
                        "to it; GMime takes the ends of the first line for all, and cuts a byte off or leaves a CR", is_mixed),
    "doubled field": ("RFC 5322 section 3.6: it may come once; the first counts, as in Python's email; in GMime the last, or all",
                      is_doubled),
    "empty message": ("RFC 2046 section 5.2.1: a message/rfc822 part holds a message, be it empty", is_empty_message),
    "other part": ("RFC 2046 section 5.1.1: what stands within a boundary is a part, also at the end of a message that was cut, and "
                   "a boundary line must match whole", is_part),
    "multipart without boundary": ("RFC 2046 section 5.1.1: the parameter is required; without it the part is text "
                                   "(RFC 2045 section 5.2)", is_no_multipart),
    "unreadable type": ("RFC 2045 section 5.2: text/plain is assumed where Content-Type is invalid", is_no_type),
    "NUL": ("RFC 5322 section 4: text goes on behind a NUL; in GMime it ends", lambda c: b"\0" in c.data or "%00" in (c.a or "")),
    "8-bit in an encoded word": ("RFC 2047 section 2: not allowed; read in the charset of the word, in GMime as a second one",
                                 is_raw_in_word),
    "no meaning in the charset": ("RFC 2047 section 6.3, RFC 2046 section 4.1.2: U+FFFD stands for it, in GMime nothing or '?'",
                                  is_undecodable),
    "charset label": ("RFC 2047 section 2 with the leniency of deviations.md: names of Python's that GMime does not know",
                      lambda c: c.decoded and re.search(rb"(?i)=\?(big5_tw|eucgb2312_cn)\?", c.data)),
    "larger charset": ("RFC 2046 section 4.1.2 with the WHATWG Encoding Standard, section 4.2: labels mean the superset that senders "
                       "use", is_superset),
    "8-bit in a structured field": ("RFC 6532 section 3.2: UTF-8 is kept as it is, other bytes too; GMime guesses", is_8bit_structure),
    "cut character": ("RFC 2047 section 5 (3): against it, and common; neighbours in one charset are joined", is_cut_character),
    "broken encoded word": ("RFC 2047 section 6.2: what is no encoded word stays, what is one is decoded wherever it stands",
                            is_broken_word),
    "comment": ("RFC 5322 section 3.2.2, RFC 2045 section 5.1: comments may stand between any two words, and are no text", is_comment),
    "backslash": ("RFC 2045 section 5.1: only quotes and backslashes are quoted in a parameter, else Windows paths are lost",
                  lambda c: c.what in ("filename", "name") and c.a.replace("\\", "") == c.b.replace("\\", "")),
    "control": ("RFC 5322 section 3.2.5: a control is no text; in what is shown it becomes a space",
                lambda c: c.decoded and re.sub("%[01][0-9a-f]|%7f| ", "", c.a) == re.sub("%[01][0-9a-f]|%7f| ", "", c.b)),
    "leap second": ("RFC 5322 section 3.3: second 60", is_leap_second),
    "zone": ("RFC 5322 section 4.3: military and unknown zones are -0000; CET and CEST, +1 and +01:00 as they are meant", is_zone),
    "three-digit year": ("RFC 5322 section 4.3: added to 1900", is_year),
    "broken date": ("RFC 5322 section 3.3: a time that cannot be read is none; GMime makes midnight of it, or drops a date that "
                    "can be read", is_time),
    "kept address": ("RFC 5322 section 4.4 and deviations: semicolons between addresses, no domain, no '>', controls, empty brackets; "
                     "GMime drops the address, or all behind it", is_kept_address),
    "broken address": ("RFC 5322 section 3.4: no address list; neither is right", is_broken_address),
    "broken id": ("RFC 5322 section 3.6.4: no msg-id; ours is what stands between < and >", is_id),
    "parameters": ("RFC 2045 section 5.1, RFC 2231 section 4, RFC 6266 section 4.3: an unquoted value runs to ';', the charset form "
                   "wins over the plain one, what is not closed ends with the field", is_param),
    "quoted-printable": ("RFC 2045 section 6.7 (3), (5): white space at the end of a line is deleted, also behind '='; an '=' that "
                         "begins nothing stays, with what follows", is_quoted_printable),
    "cut base64": ("RFC 2045 section 6.8: the whole octets of a group that was cut are kept, and an '=' that cannot be the end is skipped", is_base64),
    "uuencode": ("no RFC; a cut group is kept as in base64", is_uuencode),
}


def classify(key, a, b, data, ours, theirs):
    """The class of a difference, or None."""
    case = Case(key, a, b, data, ours, theirs)
    for name, (_, fits) in CLASSES.items():
        if (a is None or b is None) and name not in ("mixed line ends", "doubled field", "empty message", "other part"):
            continue
        if fits(case):
            return name
    return None


# ---- comparing ----

class Tally:
    def __init__(self, show):
        self.fields, self.refused, self.show = 0, 0, show
        self.classes = collections.Counter()

    def differing(self):
        return sum(self.classes.values())

    def compare(self, name, data, ours, theirs):
        if not theirs:
            self.refused += 1
            return
        lonely = {key.split("|")[0] for key in set(ours) ^ set(theirs) if "|" in key}
        for path in sorted(lonely):         # a part that only one of the two has is one difference
            self.count(name, path + "|part", "there" if path + "|type" in ours else None,
                       "there" if path + "|type" in theirs else None, data, ours, theirs)
        for key in sorted(set(ours) | set(theirs)):
            if key.split("|")[0] not in lonely:
                self.count(name, key, ours.get(key), theirs.get(key), data, ours, theirs)

    def count(self, name, key, a, b, data, ours, theirs):
        self.fields += 1
        if a == b:
            return
        kind = classify(key, a, b, data, ours, theirs) or "unexplained"
        self.classes[kind] += 1
        if self.classes[kind] <= self.show:
            print("%s: %s: %s\n    ours  %s\n    GMime %s" % (os.path.basename(name), kind, key, (a or repr(a))[:300],
                                                              (b or repr(b))[:300]))


def folders():
    beside = os.path.join(TOP, "..", "shared", "data", "messages")
    return [TOP + "/tests/data/messages"] + ([beside] if os.path.isdir(beside) else [])


def originals(names):
    """The messages in these folders, each once."""
    found = {}
    for name in names:
        for path in sorted(glob.glob(name + "/*.eml") + glob.glob(name + "/*/*.eml")):
            with open(path, "rb") as f:
                found.setdefault(f.read(), path)
    return list(found.values())


def report(what, names, tally):
    print("%d %s (GMime has nothing of %d), %d fields, %d differ (%.2f %%)" %
          (len(names), what, tally.refused, tally.fields, tally.differing(), 100 * tally.differing() / max(1, tally.fields)))
    for kind, count in tally.classes.most_common():
        print("    %5d %s" % (count, kind))


def compare(programs, names, show=0):
    """The tally of these files, and those of them that both read alike but for two fields at most."""
    tally, alike = Tally(show), []
    ours, theirs = [understood(p, names) for p in programs]
    for name in names:
        with open(name, "rb") as f:
            data = f.read()
        before = tally.differing()
        tally.compare(name, data, ours[name], theirs[name])
        if tally.differing() <= before + 2:
            alike.append(data)
    return tally, alike


def run(files, mutants, seed, show, folder):
    """Tallies of the messages and of that many mutants. Mutants are made of messages that both read alike: what is known to differ
    would only be counted once more for each."""
    rng = random.Random(seed)
    programs = build(folder)
    first, alike = compare(programs, files, show)
    names = []
    for i in range(mutants):
        names.append(folder + "/%d.eml" % i)
        with open(names[-1], "wb") as f:
            f.write(mutant(alike, rng))
    second, _ = compare(programs, names, show)
    report("messages", files, first)
    report("mutants", names, second)
    return first, second


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mutants", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="so many differences of each class")
    parser.add_argument("--keep", help="a folder for the programs and the mutants")
    parser.add_argument("folder", nargs="*")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.keep:
            folder = options.keep
            os.makedirs(folder, exist_ok=True)
        run(originals(options.folder or folders()), options.mutants, options.seed, options.show, folder)


if __name__ == "__main__":
    sys.exit(main())
