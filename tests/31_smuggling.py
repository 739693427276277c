#!/usr/bin/env python3
"""SMTP smuggling, commands injected in front of TLS, and relaying for strangers: tables of what an attacker sends. Each row looks
at the replies, and by IMAP at what is stored: nothing that was not answered 250, and that byte for byte."""
import itertools
import json
import re
import socket

from harness import DOMAIN, Server, behind_trace, main, tls

OURS = DOMAIN.encode()


class Box:
    """An account's INBOX as IMAP shows it; new() returns what came since it was called last."""

    def __init__(self, server, name):
        self.imap, self.seen = server.login(name), 0

    def new(self):
        """The sender's bytes of each new message, in order."""
        return [behind_trace(m) for m in self.new_whole()]

    def new_whole(self):
        self.imap.select("INBOX", readonly=True)
        found = []
        for item in self.imap.uid("FETCH", "%d:*" % (self.seen + 1), "(UID BODY.PEEK[])")[1]:
            if isinstance(item, tuple):
                uid = int(re.search(rb"UID (\d+)", item[0]).group(1))
                if uid > self.seen:         # n:* is the last message even where that is older
                    found.append((uid, item[1]))
        self.seen = max([self.seen] + [uid for uid, _ in found])
        return [m for _, m in sorted(found)]


class Client:
    """Bytes out, replies in; knows nothing of SMTP but where a reply ends."""

    def __init__(self, server, lmtp=False):
        self.s = socket.create_connection(("127.0.0.1", server.lmtp if lmtp else server.smtp), timeout=20)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.read = b""
        self.greeting = self.reply()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.s.close()

    def reply(self):
        """One whole reply; b"" when the server has closed."""
        while True:
            found = re.match(rb"(?:[2-5]\d\d-[^\r\n]*\r\n)*[2-5]\d\d [^\r\n]*\r\n", self.read)
            if found:
                self.read = self.read[found.end():]
                return found.group()
            try:
                part = self.s.recv(65536)
            except ConnectionResetError:
                part = b""
            if not part:
                assert not self.read, self.read
                return b""
            self.read += part

    def send(self, data, bytewise=False):
        try:
            for i in range(len(data)) if bytewise else ():
                self.s.send(data[i:i + 1])
            if not bytewise:
                self.s.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass        # it closed in the middle; what it said is still read

    def ask(self, line):
        self.send(line + b"\r\n")
        return self.reply()

    def rest(self):
        """All replies until the server closes."""
        return list(iter(self.reply, b""))

    def start_tls(self):
        """Only the handshake. What was said in the clear behind the 220 makes it fail."""
        assert not self.read, self.read
        self.s = tls().wrap_socket(self.s, server_hostname="localhost")


def codes(replies):
    return [int(r[:3]) for r in replies]


def counter(server, role, name):
    return json.loads(server.admin("status"))["processes"][role][name]


def assert_nothing_queued(server):
    assert counter(server, "relay", "queue") == 0 and not server.log("mail-queued")


# ---- the end of the data ----

LINE_ENDS = [b"\r\n", b"\n", b"\r", b"", b"\r\0\n", b"\r\r\n"]
DOTS = [b".", b"..", b". ", b".\0"]
SMUGGLED = b"Subject: smuggled\r\n\r\nfor ben\r\n"
SMUGGLED_COMMANDS = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<ben@%s>\r\nDATA\r\n" % OURS + SMUGGLED


def bare(data):
    return re.search(rb"(?<!\r)\n|\r(?!\n)", data) is not None


def unstuffed(data):
    """What a message is whose bytes on the wire are these, its end excluded (RFC 5321 section 4.5.2)."""
    return re.sub(rb"(\A|\r\n)\.", rb"\1", data)


def data_row(before, dot, after):
    """Bytes behind 354, the codes that follow, and what the accounts then hold: (bytes, codes, ada's, ben's). Only CRLF.CRLF
    ends, and all that comes before the first one is the message, refused where a CR or LF stands alone."""
    sent = b"Subject: outer\r\n\r\ntext" + before + dot + after + SMUGGLED_COMMANDS + b".\r\n"
    message, _, rest = sent.partition(b"\r\n.\r\n")
    message += b"\r\n"
    answer = 554 if bare(message) else 250
    ada = [] if answer == 554 else [unstuffed(message)]
    if rest:        # the rows whose end is the real one: what follows is an honest second message
        assert before.endswith(b"\r\n") and (dot, after) == (b".", b"\r\n"), (before, dot, after)
        return sent, [answer, 250, 250, 354, 250], ada, [SMUGGLED]
    return sent, [answer], ada, []


def each_row(rows, hello=b"EHLO x.test", lmtp=False, settings=(), ways=(False, True)):
    """Sends each row in one write and byte by byte (or only one of these) behind `hello`; `rows` yields (name, bytes, codes, ada's,
    ben's), where the codes are those between the answers to hello and to QUIT. A row whose last code is 421 is closed there. Returns
    how many were sent."""
    count = 0
    with Server(settings=settings) as s:
        ada, ben = Box(s, "ada"), Box(s, "ben")
        for name, sent, wanted, for_ada, for_ben in rows:
            for bytewise in ways:
                where = (name, "byte by byte" if bytewise and len(sent) < 10000 else "in one write")
                with Client(s, lmtp) as c:
                    c.send(hello + b"\r\n" + sent + b"QUIT\r\n", bytewise and len(sent) < 10000)
                    replies = c.rest()
                assert codes(replies) == [250] + wanted + ([] if wanted[-1] == 421 else [221]), (where, replies)
                assert ben.new() == for_ben, where
                got = ada.new()
                assert got == for_ada, (where, got, for_ada)
                count += 1
        assert_nothing_queued(s)
    return count


def outer(parameters=b""):
    return b"MAIL FROM:<a@example.org>%s\r\nRCPT TO:<ada@%s>\r\n" % (parameters, OURS)


def all_ends():
    return itertools.product(LINE_ENDS, DOTS, LINE_ENDS)


ENDS = len(LINE_ENDS) ** 2 * len(DOTS)
assert ENDS >= 64


def data_rows():
    for row in all_ends():
        sent, wanted, for_ada, for_ben = data_row(*row)
        yield row, outer() + b"DATA\r\n" + sent, [250, 250, 354] + wanted, for_ada, for_ben


def test_no_end_of_data_but_the_real_one_ends_a_message():
    assert each_row(data_rows()) == 2 * ENDS


def test_nor_in_LMTP():
    assert each_row(data_rows(), b"LHLO x.test", True) == 2 * ENDS


def test_the_line_behind_DATA_counts_as_the_end_of_a_line():
    """A message of no line at all ends with a dot right behind DATA; nothing else there does."""
    begin, codes_begin = outer() + b"DATA\r\n", [250, 250, 354]
    rows = [("empty", begin + b".\r\n", codes_begin + [250], [b""], []),
            ("empty, then a second", begin + b".\r\n" + SMUGGLED_COMMANDS + b".\r\n", codes_begin + [250, 250, 250, 354, 250],
             [b""], [SMUGGLED])]
    for end in (b".\n", b".\r", b"\n.\r\n", b"\r.\r\n", b"\n.\n", b".\0\r\n", b"..\r\n"):
        sent = end + SMUGGLED_COMMANDS + b".\r\n"
        message, _, rest = (b"\r\n" + sent).partition(b"\r\n.\r\n")
        assert not rest, end
        message = message[2:] + b"\r\n"
        rows.append((end, begin + sent, codes_begin + [554 if bare(message) else 250],
                     [] if bare(message) else [unstuffed(message)], []))
    assert each_row(rows) == 2 * 9


# ---- chunks (RFC 3030): nothing within ends them, and what they are wrong about is no command ----

def bdat(data, last=b" LAST"):
    return b"BDAT %d%s\r\n" % (len(data), last) + data


def chunk_rows(body):
    for row in all_ends():
        sent = data_row(*row)[0]
        taken = body == b" BODY=BINARYMIME" or not bare(sent)
        yield row, outer(body) + bdat(sent), [250, 250, 250 if taken else 554], [sent] if taken else [], []


def test_nothing_ends_a_chunk_and_only_a_binary_one_may_hold_bare_line_ends():
    for body in (b"", b" BODY=BINARYMIME"):
        assert each_row(chunk_rows(body)) == 2 * ENDS
    for body in (b" BODY=7BIT", b" BODY=8BITMIME"):
        assert each_row(chunk_rows(body), ways=(False,)) == ENDS
    assert each_row(chunk_rows(b" BODY=BINARYMIME"), b"LHLO x.test", True, ways=(False,)) == ENDS


def test_a_message_may_be_cut_into_chunks_anywhere():
    text = b"Subject: outer\r\n\r\ntext\r\n.\r\n..\r\n" + SMUGGLED_COMMANDS + b".\r\n\r\n"
    whole = [(at, outer() + bdat(text[:at], b"") + bdat(text[at:]), [250] * 4, [text], []) for at in range(len(text) + 1)]
    assert each_row(whole, ways=(False,)) == len(text) + 1
    single = b"".join(bdat(text[i:i + 1], b"") for i in range(len(text))) + bdat(b"")
    assert each_row([("one by one", outer() + single, [250] * (len(text) + 3), [text], [])]) == 2
    # A bare LF or CR is found wherever the cuts are: it is refused at the chunk that shows it. What follows is swallowed.
    for end in (b"\n.\n", b"\r.\r", b"\r\r\n"):
        wrong = b"Subject: x\r\n\r\ntext" + end + b"more\r\n"
        rows = []
        for at in range(len(wrong) + 1):
            answers = [554, 503] if bare(wrong[:at].removesuffix(b"\r")) else [250, 554]
            rows.append((at, outer() + bdat(wrong[:at], b"") + bdat(wrong[at:]), [250, 250] + answers, [], []))
        assert each_row(rows, ways=(False,)) == len(wrong) + 1
        binary = outer(b" BODY=BINARYMIME")
        rows = [(at, binary + bdat(wrong[:at], b"") + bdat(wrong[at:]), [250] * 4, [wrong], [])
                for at in range(len(wrong) + 1)]
        assert each_row(rows, ways=(False,)) == len(wrong) + 1


TEXT = b"A: b\r\n\r\nc\r\n"
BEN = SMUGGLED_COMMANDS + b".\r\n"      # would be a message to ben if it were read as commands
NOBODY = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<nobody@%s>\r\n" % OURS
BEN_CHUNK = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<ben@%s>\r\n" % OURS + bdat(TEXT)
CHUNK_ROWS = [
    # the size says more than comes: commands are swallowed as text, to the byte
    ("more than comes, to the end of a line", outer() + b"BDAT 11 LAST\r\nA:b\r\nQUIT\r\n", [250, 250, 250],
     [b"A:b\r\nQUIT\r\n"], []),
    ("more than comes, in a line end", outer() + b"BDAT 10 LAST\r\nA:b\r\nQUIT\r\nNOOP\r\n", [250, 250, 554, 500], [], []),
    ("more than comes, a whole message", outer() + b"BDAT %d LAST\r\n" % len(TEXT + BEN) + TEXT + BEN, [250] * 3,
     [TEXT + BEN], []),
    # less: what is over are commands, and bad ones
    ("less than comes", outer() + b"BDAT %d LAST\r\n" % len(TEXT) + TEXT + b"surplus\r\n", [250, 250, 250, 500], [TEXT], []),
    # not wanted now: swallowed to the byte, and the next is good
    ("no recipient", NOBODY + bdat(BEN) + BEN_CHUNK, [250, 550, 554, 503, 250, 250], [], [TEXT]),
    ("no recipient, RSET", NOBODY + bdat(BEN) + b"RSET\r\n" + BEN_CHUNK, [250, 550, 554, 250, 250, 250, 250], [], [TEXT]),
    ("no recipient, chunks", NOBODY + bdat(BEN, b"") + bdat(BEN, b"") + bdat(BEN), [250, 550, 554, 554, 554], [], []),
    ("no recipient, then one", NOBODY + bdat(BEN) + b"RCPT TO:<ada@%s>\r\n" % OURS + bdat(TEXT),
     [250, 550, 554, 250, 250], [TEXT], []),
    ("no RCPT", b"MAIL FROM:<a@example.org>\r\n" + bdat(BEN), [250, 554], [], []),
    ("no MAIL", bdat(BEN) + BEN_CHUNK, [503, 250, 250, 250], [], [TEXT]),
    ("no MAIL, empty", bdat(b""), [503], [], []),
    ("behind the last", outer() + bdat(TEXT) + bdat(BEN), [250, 250, 250, 503], [TEXT], []),
    ("behind one that is refused", outer() + bdat(b"a\nb\r\n", b"") + bdat(BEN, b"") + bdat(BEN) + BEN_CHUNK,
     [250, 250, 554, 503, 503, 250, 250, 250], [], [TEXT]),
    ("two messages", outer() + bdat(TEXT) + BEN_CHUNK, [250] * 6, [TEXT], [TEXT]),
    # other commands between chunks
    ("DATA between", outer() + bdat(TEXT, b"") + b"DATA\r\nRSET\r\n", [250, 250, 250, 503, 250], [], []),
    ("DATA between, as if a message followed", outer() + bdat(TEXT, b"") + b"DATA\r\nSubject: x\r\n\r\n.\r\n",
     [250, 250, 250, 503, 421], [], []),
    ("MAIL between", outer() + bdat(TEXT, b"") + b"MAIL FROM:<b@example.org>\r\n" + bdat(TEXT),
     [250, 250, 250, 503, 250], [TEXT * 2], []),
    ("RCPT between", outer() + bdat(TEXT, b"") + b"RCPT TO:<ben@%s>\r\n" % OURS + bdat(TEXT),
     [250, 250, 250, 503, 250], [TEXT * 2], []),
    ("STARTTLS between", outer() + bdat(TEXT, b"") + b"STARTTLS\r\n" + bdat(TEXT), [250, 250, 250, 503, 250], [TEXT * 2], []),
    ("NOOP between", outer() + bdat(TEXT, b"") + b"NOOP\r\n" + bdat(b""), [250] * 5, [TEXT], []),
    ("RSET between", outer() + bdat(TEXT, b"") + b"RSET\r\n" + bdat(BEN), [250, 250, 250, 250, 503], [], []),
    ("EHLO between", outer() + bdat(TEXT, b"") + b"EHLO y.test\r\n" + bdat(BEN), [250, 250, 250, 250, 503], [], []),
    ("QUIT between", outer() + bdat(TEXT, b""), [250] * 3, [], []),
    ("BDAT in a message of DATA", outer() + b"DATA\r\n" + bdat(TEXT) + b".\r\n", [250, 250, 354, 250], [bdat(TEXT)], []),
    ("DATA for a binary message", outer(b" BODY=BINARYMIME") + b"DATA\r\nRSET\r\n", [250, 250, 503, 250], [], []),
    # sizes
    ("nothing at all", outer() + b"BDAT 0 LAST\r\n", [250] * 3, [b""], []),
    ("nothing, then something", outer() + b"BDAT 0\r\n" + bdat(TEXT), [250] * 4, [TEXT], []),
    ("something, then nothing", outer() + bdat(TEXT, b"") + b"BDAT 0 LAST\r\n", [250] * 4, [TEXT], []),
    ("zeros in front", outer() + b"BDAT 000%d LAST\r\n" % len(TEXT) + TEXT, [250] * 3, [TEXT], []),
    ("space behind", outer() + b"BDAT %d LAST \t\r\n" % len(TEXT) + TEXT, [250] * 3, [TEXT], []),
    ("lower case", outer() + b"bdat %d last\r\n" % len(TEXT) + TEXT, [250] * 3, [TEXT], []),
    ("a last CR", outer() + bdat(b"A: b\r\n\r\nc\r"), [250, 250, 554], [], []),
    ("a last LF", outer() + bdat(b"A: b\r\n\r\nc\n"), [250, 250, 554], [], []),
    ("as many as may be", outer() + bdat(b"x" * 99998 + b"\r\n"), [250] * 3, [b"x" * 99998 + b"\r\n"], []),
    ("one too many", outer() + bdat(b"x" * 99999 + b"\r\n") + BEN_CHUNK, [250, 250, 552, 250, 250, 250], [], [TEXT]),
    ("one too many in two", outer() + bdat(b"x" * 60000, b"") + bdat(b"x" * 39999 + b"\r\n") + BEN_CHUNK,
     [250, 250, 250, 552, 250, 250, 250], [], [TEXT]),
    ("too many, then more", outer() + bdat(b"x" * 100001, b"") + bdat(BEN), [250, 250, 552, 503], [], []),
]
# No chunk can be found behind these: whatever comes is not read.
BAD_SIZES = [
    b"-5", b"-1", b"+5", b"0x10", b"10h", b"5 LASTX", b"5 LAST LAST", b"5 FIRST", b" 5", b"5  LAST", b"LAST", b"LAST 5",
    b"5,5", b"5.0", b"1e1", b"five", b"5\tLAST", b"", b"\xd9\xa5", b"5;LAST", b"5LAST", b"5 5", b"<5>", b"\"5\"",
    b"5=5", b"9" * 30 + b"x", b"9" * 3000,
]
# Numbers, but of more octets than are swallowed: 64 bits and beyond.
HUGE_SIZES = [
    b"%d" % (100000 + (16 << 20) + 1), b"%d" % 2 ** 31, b"%d" % 2 ** 32, b"%d" % (2 ** 32 + 5), b"%d" % 2 ** 63, b"%d" % 2 ** 64,
    b"%d" % (2 ** 64 + 5), b"9" * 20, b"9" * 100, b"0" * 21 + b"9" * 21, b"9" * 1000,
]


def test_chunks_that_lie_or_come_when_they_may_not():
    rows = list(CHUNK_ROWS)
    for size in BAD_SIZES:
        for last in (b"", b" LAST"):
            rows.append((size, outer() + b"BDAT " + size + last + b"\r\n" + BEN, [250, 250, 501, 421], [], []))
    for size in HUGE_SIZES:
        for begin, said in ((outer(), [250, 250]), (b"", [])):
            rows.append((size, begin + b"BDAT " + size + b" LAST\r\n" + BEN, said + [552, 421], [], []))
    zeros = b"BDAT " + b"0" * 30 + b"%d LAST\r\n" % len(TEXT) + TEXT
    rows.append(("many zeros", outer() + zeros, [250, 250, 250], [TEXT], []))
    # And lines that are none, or too long: what follows them is a chunk all the same to whoever reads them otherwise.
    for end in (b"\n", b"\r\r\n", b" x" * 1100 + b"\r\n", b"\0\r\n", b"\r\0\n"):
        rows.append((end[:8], outer() + b"BDAT %d LAST" % len(BEN) + end + BEN, [250, 250, 501, 421], [], []))
    assert each_row(rows, settings=["message-size = 100000"]) == 2 * len(rows)


def test_a_chunk_that_does_not_come_whole_is_nothing():
    with Server() as s:
        ada = Box(s, "ada")
        for sent in (b"BDAT 100 LAST\r\n" + TEXT, bdat(TEXT, b""), b"BDAT 1 LAST\r\n", bdat(TEXT, b"") + b"BDAT 0 LAST",
                     b"BDAT 0 LAST\r", bdat(TEXT, b"") + b"BDAT 5 LAST\r\nfour"):
            with Client(s) as c:
                c.send(b"EHLO x.test\r\n" + outer() + sent)
                c.s.shutdown(socket.SHUT_WR)
                assert codes(c.rest())[:3] == [250] * 3, sent
            assert ada.new() == [], sent
        assert_nothing_queued(s)


# ---- command lines: a CR or LF alone ends none (RFC 5321 section 2.3.8) ----

def line_rows(bare_end):
    """(name, bytes, codes, ada's, ben's) with this in the place of a line end. It is one line and one refusal, whatever would stand
    behind it; where that could be a chunk, whose octets nobody can tell from commands, the connection ends."""
    e, to_ben = bare_end, b"RCPT TO:<ben@%s>" % OURS
    message = b"DATA\r\n" + TEXT + b".\r\n"
    yield "within RCPT", outer() + b"RCPT TO:<x@x.test>" + e + to_ben + b"\r\n" + message, [250, 250, 500, 354, 250], [TEXT], []
    yield "within MAIL", b"MAIL FROM:<a@example.org>" + e + to_ben + b"\r\nDATA\r\n", [500, 503], [], []
    yield "within DATA", outer() + b"DATA" + e + b"RSET\r\n" + message, [250, 250, 500, 354, 250], [TEXT], []
    yield "in front", outer() + e + b"RSET\r\n" + message, [250, 250, 500, 354, 250], [TEXT], []
    yield "at the end", outer() + b"RSET" + e + b"\r\n" + message, [250, 250, 500, 354, 250], [TEXT], []
    yield "many", outer() + b"NOOP" + (e + b"RSET") * 50 + b"\r\n" + message, [250, 250, 500, 354, 250], [TEXT], []
    yield "QUIT", outer() + b"NOOP" + e + b"QUIT\r\n" + message, [250, 250, 500, 354, 250], [TEXT], []
    yield "EHLO", outer() + b"NOOP" + e + b"EHLO y.test\r\n" + message, [250, 250, 500, 354, 250], [TEXT], []
    yield "STARTTLS", b"NOOP" + e + b"STARTTLS\r\n" + outer() + message, [500, 250, 250, 354, 250], [TEXT], []
    yield "a long line", outer() + b"NOOP " + b"x" * 5000 + e + b"RSET\r\n" + message, [250, 250, 500, 354, 250], [TEXT], []
    yield "nine, and a tenth", (b"NOOP" + e + b"NOOP\r\n") * 10, [500] * 10 + [421], [], []
    last = [500, 501, 421] if e == b"\n" else [501, 421]        # an LF is answered as soon as it is seen
    for bdat_word in (b"BDAT", b"bdat", b" BDAT", b"\tBdat"):
        yield bdat_word, outer() + b"NOOP" + e + bdat_word + b" %d LAST\r\n" % len(BEN) + BEN, [250, 250] + last, [], []
    yield "a chunk behind a long line", outer() + b"NOOP " + b"x" * 5000 + e + bdat(BEN), [250, 250] + last, [], []


def test_a_line_with_a_bare_line_end_is_one_line_and_refused():
    for end in (b"\n", b"\r", b"\r\r"):
        rows = list(line_rows(end))
        assert each_row(rows) == 2 * len(rows)
        assert each_row(rows, b"LHLO x.test", True) == 2 * len(rows)


def test_a_client_that_ends_lines_with_LF_is_told_so_at_once():
    with Server() as s, Client(s) as c:
        c.send(b"EHLO x.test\n")
        got = c.reply()
        assert got.startswith(b"500 5.5.2 ") and b"CRLF" in got, got
        c.send(b"NOOP\nNOOP\r\nNOOP\r\n")        # the rest of that line, and one that is whole
        assert c.reply() == b"250 2.0.0 OK\r\n"


# ---- in front of TLS ----

TO_BEN = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<ben@%s>\r\n" % OURS
WHOLE = TO_BEN + b"DATA\r\nSubject: injected\r\n\r\nfor ben\r\n.\r\n"
# (name, what comes in the same packet behind STARTTLS, what is said first within TLS, the codes of its answers). HELP NOOP is
# the only command that is answered with 214 and one line.
INJECTED = [
    ("EHLO", b"EHLO injected.test\r\n", b"HELP NOOP\r\n", [214]),
    ("HELO", b"HELO injected.test\r\n", b"HELP NOOP\r\n", [214]),
    ("MAIL", b"MAIL FROM:<evil@example.org>\r\n", b"HELP NOOP\r\n", [214]),
    ("MAIL and RCPT", TO_BEN, b"HELP NOOP\r\n", [214]),
    ("up to DATA, so that what TLS brings would be the message", TO_BEN + b"DATA\r\n", b"HELP NOOP\r\n", [214]),
    ("half a message", TO_BEN + b"DATA\r\nSubject: injected\r\n\r\n", b"\r\n.\r\nHELP NOOP\r\n", [500, 500, 214]),
    ("half a chunk", TO_BEN + b"BDAT 100 LAST\r\nSubject: injected\r\n", b"HELP NOOP\r\n", [214]),
    ("a whole chunk", TO_BEN + b"BDAT 100\r\n" + b"x" * 100, b"BDAT 0 LAST\r\n", [503]),
    ("a whole message", WHOLE, b"HELP NOOP\r\n", [214]),
    ("EHLO and a whole message", b"EHLO injected.test\r\n" + WHOLE, b"HELP NOOP\r\n", [214]),
    ("two messages and QUIT", b"EHLO injected.test\r\n" + WHOLE + WHOLE + b"QUIT\r\n", b"HELP NOOP\r\n", [214]),
    ("RSET", b"RSET\r\n", b"HELP NOOP\r\n", [214]),
    ("NOOP", b"NOOP\r\n", b"HELP NOOP\r\n", [214]),
    ("many NOOPs", b"NOOP\r\n" * 200, b"HELP NOOP\r\n", [214]),
    ("QUIT", b"QUIT\r\n", b"HELP NOOP\r\n", [214]),
    ("STARTTLS again", b"STARTTLS\r\n", b"HELP NOOP\r\n", [214]),
    ("another protocol", b"GET / HTTP/1.0\r\n\r\n", b"HELP NOOP\r\n", [214]),
    ("errors enough for a 421", b"JUNK\r\n" * 20, b"HELP NOOP\r\n", [214]),
    ("junk without a line end", b"\xff\xfe\0junk", b"HELP NOOP\r\n", [214]),
    ("the head of a TLS handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HELP NOOP\r\n", [214]),
    ("an overlong line", b"NOOP " + b"x" * 3000, b"HELP NOOP\r\n", [214]),
    ("an overlong line and its end", b"NOOP " + b"x" * 3000 + b"\r\n", b"HELP NOOP\r\n", [214]),
    ("a space", b" ", b"HELP NOOP\r\n", [214]),
    ("an empty line", b"\r\n", b"HELP NOOP\r\n", [214]),
    ("a CR", b"\r", b"\nHELP NOOP\r\nHELP NOOP\r\n", [500, 214]),
    ("half a NOOP", b"NO", b"OP\r\n", [500]),
    ("half an EHLO", b"EHLO injected.te", b"st\r\n", [500]),
    ("half a HELP, which would swallow the first command", b"NOOP ", b"HELP NOOP\r\n", [214]),
    ("half a MAIL", b"MAIL FROM:<evil@exa", b"mple.org>\r\n", [500]),
    ("half a RCPT behind MAIL", b"EHLO injected.test\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:", b"RSET\r\n", [250]),
]


def honest_message(c, i, hello=b"EHLO"):
    """What is said within TLS after the first answer: nothing from before is known any more. Returns the message."""
    message = b"Subject: honest %d\r\n\r\nover TLS\r\n" % i
    assert c.ask(b"MAIL FROM:<a@example.org>").startswith(b"503")           # EHLO is forgotten
    features = c.ask(hello + b" inside.test")
    assert features.startswith(b"250-") and b"STARTTLS" not in features, features
    assert c.ask(b"RCPT TO:<ben@%s>" % OURS).startswith(b"503")             # and MAIL
    assert c.ask(b"DATA").startswith(b"503")
    assert c.ask(b"STARTTLS").startswith(b"503")
    assert c.ask(b"MAIL FROM:<a@example.org>").startswith(b"250")
    assert c.ask(b"RCPT TO:<ada@%s>" % OURS).startswith(b"250")
    assert c.ask(b"DATA").startswith(b"354")
    assert c.ask(message + b".").startswith(b"250")
    assert c.ask(b"QUIT").startswith(b"221")
    assert c.rest() == []
    return message


def injections(hello, lmtp, protocol):
    with Server() as s:
        ada, ben = Box(s, "ada"), Box(s, "ben")
        for i, (name, injected, first, wanted) in enumerate(INJECTED):
            before = counter(s, "edge-smtp", "bytes-dropped-before-tls")
            with Client(s, lmtp) as c:
                c.ask(hello + b" clear.test")
                c.send(b"STARTTLS\r\n" + injected)
                assert c.reply().startswith(b"220 "), name
                c.start_tls()
                c.send(first)
                got = [c.reply() for _ in wanted]
                assert codes(got) == wanted and all(r.count(b"\n") == 1 for r in got), (name, got)
                message = honest_message(c, i, hello)
            assert counter(s, "edge-smtp", "bytes-dropped-before-tls") - before == len(injected), name
            assert ben.new() == [], name
            whole = ada.new_whole()
            assert [behind_trace(m) for m in whole] == [message], (name, whole)
            assert b"from inside.test (" in whole[0] and b"with %s id" % protocol in whole[0], whole[0]
            assert b"injected" not in whole[0] and b"clear.test" not in whole[0], whole[0]
        assert_nothing_queued(s)


def test_what_comes_in_the_clear_behind_starttls_is_never_answered_nor_done():
    injections(b"EHLO", False, b"ESMTPS")


def test_nor_in_LMTP_behind_starttls():
    injections(b"LHLO", True, b"LMTPS")


def test_what_comes_in_the_clear_later_than_starttls_ends_the_handshake():
    with Server() as s:
        ada, ben = Box(s, "ada"), Box(s, "ben")
        # Behind the 220; and more than is read at once, so that what is left lies before the handshake.
        for behind_220, injected in ((True, WHOLE), (True, b"NOOP\r\n"), (True, b"QUIT\r\n"), (False, WHOLE * 4000)):
            with Client(s) as c:
                c.ask(b"EHLO clear.test")
                c.send(b"STARTTLS\r\n" + (b"" if behind_220 else injected))
                assert c.reply().startswith(b"220 ")
                if behind_220:
                    c.send(injected)
                try:
                    c.start_tls()
                except OSError:     # ssl.SSLError is one
                    pass
                else:
                    raise AssertionError("a handshake behind %d bytes in the clear went through" % len(injected))
            assert ben.new() == [] and ada.new() == []
        assert_nothing_queued(s)


def test_starttls_within_a_transaction_is_refused_and_the_transaction_goes_on():
    with Server() as s, Client(s) as c:
        ada = Box(s, "ada")
        c.ask(b"EHLO clear.test")
        c.ask(b"MAIL FROM:<a@example.org>")
        c.ask(b"RCPT TO:<ada@%s>" % OURS)
        assert c.ask(b"STARTTLS").startswith(b"503")
        assert c.ask(b"DATA").startswith(b"354")
        assert c.ask(b"Subject: x\r\n\r\nin the clear\r\n.").startswith(b"250")
        assert ada.new() == [b"Subject: x\r\n\r\nin the clear\r\n"]
        assert c.ask(b"STARTTLS now").startswith(b"501")
        assert c.ask(b"STARTTLS").startswith(b"220")
        c.start_tls()
        honest_message(c, 0)


# ---- relaying for strangers ----

E, O = "elsewhere.test", DOMAIN
REFUSED = [
    "<eva@{E}>", "<ada@{E}>", "<postmaster@{E}>", "<\"ada\"@{E}>",
    # routes by hand: percent, bang, source
    "<eva%{E}@{O}>", "<eva%{E}%{O}@{O}>", "<eva%{E}>", "<eva@{E}%{O}>", "<ada%{O}@{E}>", "<%@{O}>", "<%{E}@{O}>",
    "<{E}!eva@{O}>", "<{E}!eva>", "<{O}!{E}!eva@{O}>", "<{O}!ada>", "<{O}!ada@{E}>", "<{E}!@{O}>", "<@{O}:eva@{E}>",
    "<@{E},@{O}:eva@{E}>", "<@{O},@{O}:ada@{E}>", "<@[127.0.0.1]:eva@{E}>", "<@{O}:@{E}:eva@{E}>", "<@{O}:eva%{E}@{O}>",
    "<@{O}>", "<@{O}:>", "<@:ada@{O}>", "<@{O},:eva@{E}>",
    # quotes
    "<\"eva@{E}\"@{O}>", "<\"eva@{E}\">", "<\"eva%{E}\"@{O}>", "<\"{E}!eva\"@{O}>", "<\"ada@{O}\"@{O}>",
    "<\"ada@{O}\"@{E}>", "<\"\\\"ada\"@{O}>", "<\"\\\"eva@{E}\\\"\"@{O}>", "<\"\"ada\"\"@{O}>", "<\"<eva@{E}>\"@{O}>",
    "<\"ada>\"@{O}>", "<\"ada@{O}>", "<\"ada\"@{O}@{E}>", "<\"\"@{O}>", "<\"ada \"@{O}>", "<\"' OR '1'='1\"@{O}>",
    "<ada.\"x\"@{O}>", "\"<ada@{O}>\"", "<'ada'@{O}>",
    # more than one @, none, nothing around it
    "<eva@{E}@{O}>", "<ada@{O}@{E}>", "<a@b@c>", "<ada@@{O}>", "<@ada@{O}>", "<ada>", "<ada@>", "<@>", "<>", "<.@{O}>",
    "<ada.@{O}>",
    # our names by number, and what looks like our domain
    "<eva@[127.0.0.1]>", "<ada@[127.0.0.1]>", "<ada@127.0.0.1>", "<ada@[192.0.2.1]>", "<ada@[IPv6:::1]>", "<ada@[{O}]>",
    "<ada@[]>", "<ada@[127.0.0.1>", "<ada@2130706433>", "<ada@0x7f.1>", "<ada@[x-tag:{O}]>", "<eva@[127.0.0.1]@{O}>",
    "<ada@localhost>", "<eva@localhost>", "<ada@{O}.>", "<ada@.{O}>", "<ada@{O}..>", "<ada@example..test>",
    "<ada@sub.{O}>", "<ada@{O}.{E}>", "<ada@x{O}>", "<ada@-{O}>", "<ada@{O}-{E}>", "<ada@example.tes>", "<ada@test>",
    "<ada@example>", "<ada@example-test>", "<ada@example_test>", "<ada@*>", "<ada@*.test>", "<ada@{O}:25>",
    "<eva@{E}:25@{O}>", "<ada@{O}:{E}>", "<ada@{O}/{E}>", "<ada@{O}#{E}>", "<ada@{O}\\{E}>", "<ada@{O};{E}>",
    # brackets, spaces, comments, lists
    "eva@{E}", "ada@{O}", "<ada@{O}", "ada@{O}>", "<<ada@{O}>>", "<ada@{O}>>", "Ada <ada@{O}>", "<{O}", "[ada@{O}]",
    "<>ada@{O}", "<ada@{O}>,<eva@{E}>", "<eva@{E}>,<ada@{O}>", "<ada@{O},eva@{E}>", "<eva@{E},ada@{O}>",
    "<ada@{O};eva@{E}>", "<ada@{O}> <eva@{E}>", "<ada@{O}>eva@{E}", "<ada@{O} eva@{E}>", "<ada @{O}>", "< ada@{O}>",
    "<ada@{O} >", "<ada@ {O}>", "<ada\t@{O}>", "\t<ada@{O}>", "<ada@{O}\t>", "<\tada@{O}>", "<ada(c)@{O}>",
    "<(eva@{E})ada@{O}>", "<ada@{O}(eva@{E})>", "<ada@(c){O}>", "<eva@{E}>(ada@{O})", "<ada@{O}> ORCPT=rfc822;eva@{E}",
    "<eva@{E}> ORCPT=rfc822;ada@{O}", "<ada@{O}> SMTPUTF8 ", "<ada@{O}> =",
    # schemes, programs, files, encapsulation, patterns of SQL and of file names
    "<mailto:eva@{E}>", "<smtp:eva@{E}>", "<smtp:[{E}]:eva@{O}>", "<IMCEASMTP-eva+40elsewhere+2Etest@{O}>",
    "<|/bin/sh@{O}>", "<\"|/bin/sh\"@{O}>", "</etc/passwd@{O}>", "<:include:/etc/passwd@{O}>", "<-C/etc/passwd@{O}>",
    "<*@{O}>", "<ad_@{O}>", "<ad%@{O}>", "<ad?@{O}>", "<a*@{O}>", "<$USER@{O}>", "<`id`@{O}>", "<../ada@{O}>",
    "<eva=elsewhere.test@{O}>", "<eva=40{E}@{O}>", "<eva+40{E}@{O}>", "<srs0=x=y={E}=eva@{O}>", "<prvs=1=eva@{O}>",
    "<{L64}x@{O}>", "<ada@{L64}.{L64}.{L64}.{L64}.{O}>", "<ada@{O}{SPACES}>",
    # controls: the line is refused, and what is behind a CR or an LF alone is no line of its own that helps
    "<eva@{E}\0@{O}>", "<ada@{O}\0@{E}>", "<ada@{O}\r>", "<ada\r@{O}>", "<ada@{O}\x7f>", "<ada\x1b[2J@{O}>",
    "<ada@{O}>\nRCPT TO:<eva@{E}>", "<eva@{E}>\nRCPT TO:<eva@{E}>", "<ada@{O}>\rRCPT TO:<eva@{E}>",
]
# With and without SMTPUTF8. Cyrillic, full width, invisible; raw 8-bit.
REFUSED_UTF8 = [
    "<ada@ex\u0430mple.test>", "<\u0430da@{O}>", "<\uff41da@{O}>", "<ada\u200d@{O}>", "<eva\uff20{E}@{O}>",
    "<ada\uff20{O}>", "<eva@{E}\uff20{O}>", "<\u202eada@{O}>", "<ada@\u202e{O}>", "<a\u0301da@{O}>",
    "<ada@ex\u00e4mple.test>", "<ada@xn--exmple-4nf.test>", "<ada@\u2460.test>", "\uff1cada@{O}\uff1e",
    "<\"\u0430da\"@{O}>", "<eva@{E}\u0000@{O}>", "<ada@{O}\u2028>", "<ada@e\u0301xample.test>",
    # what becomes a dot, a slash, a colon or a percent sign where names are mapped
    "<ada@{O}\u3002>", "<ada@{O}\u3002{E}>", "<eva@{E}\uff0f.{O}>", "<ada@{O}\uff0f{E}>", "<ada@{O}\u2100.{E}>",
    "<ada@{O}\uff1a25>", "<ada@{O}\uff1f.{E}>", "<eva\uff05{E}@{O}>", "<{E}\uff01eva@{O}>", "<ada@{O}\ufe52{E}>",
    "<eva@{E}\ufe6b{O}>", "<ada@{O}\uff03{E}>",
]
# A domain is ours whatever way of writing it IDNA maps to it; only where SMTPUTF8 was said.
TAKEN_UTF8 = [
    "<ada@\uff45xample.test>", "<ada@example\u3002test>", "<ada@example\uff0etest>", "<ada@{O}\u200b>",
    "<ada@exam\u00adple.test>", "<\"ada\"@\u24d4xample.test>", "<@{E}:ADA@EX\uff21MPLE.test>",
]
REFUSED_8BIT = [
    b"<ad\xe1@%s>", b"<\xff@%s>", b"<ada\xa0@%s>", b"<ada@\xe9.%s>", b"<ada@%s\xff>", b"<\xc0\xaeda@%s>",
    b"<ada\xc0\xc0%s>", b"<\xed\xa0\x80@%s>", b"<\"\xe1\"@%s>", b"\xff\xf4\xff\xfd<ada@%s>",
]
# What really is an address of ada's.
TAKEN = [
    "<ada@{O}>", "<ADA@EXAMPLE.TEST>", "<Ada@Example.Test>", "<\"ada\"@{O}>", "<\"a\\da\"@{O}>", "<@{E}:ada@{O}>",
    "<@{E},@[192.0.2.1]:ada@{O}>", "<ada+news@{O}>", "<ada+eva%{E}@{O}>", "<ada+{E}!eva@{O}>", "<\"ada+eva@{E}\"@{O}>",
    "<postmaster@{O}>", "<PostMaster@{O}>", "<postmaster>", "<PostMaster>", "<postmaster@[127.0.0.1]>",
]
SENDERS = [
    "<>", "<ada@{O}>", "<ben@{O}>", "<postmaster@{O}>", "<eva@{E}>", "<postmaster>", "<ada@localhost>",
    "<ada@[127.0.0.1]>", "<@{O}:eva@{E}>", "<\"ada@{O}\"@{O}>", "<ADA@EXAMPLE.TEST>",
]


def fill(text):
    return text.replace("{E}", E).replace("{O}", O).replace("{L64}", "l" * 64).replace("{SPACES}", " " * 3000).encode()


def relay_try(server, ada, hello, sender, to, refused, i):
    """One transaction to `to`: refused for good, then ada's address is still good in it; or else it is ada's."""
    message = b"Subject: try %d\r\n\r\n%s\r\n" % (i, repr(to).encode())
    with Client(server) as c:
        c.ask(b"EHLO " + hello)
        assert c.ask(b"MAIL FROM:" + sender).startswith(b"250"), sender
        c.send(b"RCPT TO:" + to + b"\r\n")
        got = [c.reply()]
        if refused:
            assert all(500 <= code <= 559 for code in codes(got)), (to, got)
            assert codes([c.ask(b"DATA")])[0] in (503, 554), to        # nobody is left to write to
            assert c.ask(b"RCPT TO:<ada@%s>" % OURS).startswith(b"250"), to
        else:
            assert codes(got) == [250], (to, got)
        assert c.ask(b"DATA").startswith(b"354")
        got = c.ask(message + b".")
        assert got.startswith(b"250"), (to, got)
        assert c.ask(b"QUIT").startswith(b"221")
    assert ada.new() == [message], to


def test_nothing_is_relayed_for_strangers():
    tries = [(b"x.test", b"<a@example.org>", fill(to), True) for to in REFUSED]
    for parameter in (b"", b" SMTPUTF8"):
        tries += [(b"x.test", b"<a@example.org>" + parameter, fill(to), True) for to in REFUSED_UTF8]
        tries += [(b"x.test", b"<a@example.org>" + parameter, to % OURS, True) for to in REFUSED_8BIT]
    tries += [(b"x.test", b"<a@example.org>", fill(to), True) for to in TAKEN_UTF8]
    tries += [(b"x.test", b"<a@example.org> SMTPUTF8", fill(to), False) for to in TAKEN_UTF8]
    tries += [(hello, fill(sender), fill("<eva@{E}>"), True) for sender in SENDERS
              for hello in (b"x.test", OURS, b"localhost", b"[127.0.0.1]")]
    tries += [(b"x.test", b"<a@example.org>", fill(to), False) for to in TAKEN]
    with Server() as s:
        ada, ben = Box(s, "ada"), Box(s, "ben")
        for i, (hello, sender, to, refused) in enumerate(tries):
            relay_try(s, ada, hello, sender, to, refused, i)
        assert ben.new() == []
        assert len(s.messages("ada")) == len(tries) >= 250
        assert_nothing_queued(s)
        assert counter(s, "edge-smtp", "messages") == len(tries)


main()
