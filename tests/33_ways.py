#!/usr/bin/env python3
"""The ways in: swaks with what it can do, and where it stops in the middle; addresses and headers in UTF-8; the largest message that
is taken and one more byte."""
import email
import hashlib
import imaplib
import itertools
import json
import os
import smtplib
import tempfile
from email.message import EmailMessage

from harness import DOMAIN, PASSWORD, Server, behind_trace, free_port, main, run, tls, until

ADA, BEN = "ada@" + DOMAIN, "ben@" + DOMAIN


def swaks(server, *words, check=True, to=(ADA,), port=None):
    argv = ["swaks", "--from", "sender@example.org", "--timeout", "20"]
    if "--socket" not in words:
        argv += ["--server", "127.0.0.1", "--port", str(port or server.smtp)]
    if to:
        argv += ["--to", ",".join(to)]
    return run(argv + list(words), check=check)


def queue(server):
    return json.loads(server.admin("status"))["processes"]["relay"]["queue"]


class Files:
    """Files that swaks reads."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="posthus-swaks-")
        return self

    def __exit__(self, *exc):
        self.folder.cleanup()

    def file(self, name, data):
        path = self.folder.name + "/" + name
        with open(path, "wb") as f:
            f.write(data)
        return path


# (words to swaks, how Received says it came, the name in it)
WAYS = [
    (["--protocol", "SMTP"], "SMTP", None),
    (["--protocol", "ESMTP"], "ESMTP", None),
    (["--tls"], "ESMTPS", None),
    (["--tls", "--tls-protocol", "tlsv1_2"], "ESMTPS", None),
    (["--tls", "--tls-protocol", "tlsv1_3"], "ESMTPS", None),
    (["--tls-optional"], "ESMTPS", None),
    (["--tls-optional-strict"], "ESMTPS", None),
    (["--tls", "--tls-sni", "localhost"], "ESMTPS", None),
    (["--pipeline"], "ESMTP", None),
    (["--pipeline", "--tls"], "ESMTPS", None),
    (["--helo", "client.example.org"], "ESMTP", "client.example.org"),
    (["--helo", "[127.0.0.1]"], "ESMTP", "[127.0.0.1]"),
    (["--helo", "[IPv6:2001:db8::1]"], "ESMTP", "[IPv6:2001:db8::1]"),
    (["--helo", "UNDER_SCORE"], "ESMTP", "UNDER_SCORE"),
    (["--xclient-optional", "--xclient-addr", "192.0.2.1"], "ESMTP", None),
    (["--auth-optional", "--auth-user", "ada", "--auth-password", "x"], "ESMTP", None),
    (["--from", "<>"], "ESMTP", None),
    (["--local-interface", "127.0.0.7"], "ESMTP", None),
    (["--protocol", "LMTP"], "LMTP", None),
    (["--protocol", "LMTP", "--pipeline"], "LMTP", None),
    (["--protocol", "LMTP", "--tls"], "LMTPS", None),
    (["--protocol", "LMTP", "--socket", "lmtp.sock"], "LMTP", None),
]


def test_swaks_in_all_its_ways():
    with Server() as s:
        for i, (words, protocol, helo) in enumerate(WAYS):
            words = [s.data + "/lmtp.sock" if w == "lmtp.sock" else w for w in words]
            out = swaks(s, *words, "--header", "Subject: way %d" % i, "--body", "by %s\\n.\\n..\\n" % protocol, to=(ADA, BEN),
                        port=s.lmtp if "LMTP" in words else s.smtp)
            assert out.count("250 2.0.0 Message taken as") == (2 if "LMTP" in words else 1), out
            for name in ("ada", "ben"):
                got = s.messages(name)
                assert len(got) == i + 1, (words, len(got))
                head, _, body = got[-1].partition(b"\r\n\r\n")
                assert b"Subject: way %d\r\n" % i in head, got[-1]
                assert b" with %s id " % protocol.encode() in head, got[-1]
                assert body.startswith(b"by %s\r\n.\r\n..\r\n" % protocol.encode()), got[-1]
                assert not helo or b"Received: from %s (" % helo.encode() in head, got[-1]
                assert ("127.0.0.7" in words) == (b"[127.0.0.7]" in head), got[-1]
                assert ("<>" in words) == (b"Return-Path: <>\r\n" in head), got[-1]
        assert queue(s) == 0


PROXIED = ["--proxy-source", "192.0.2.7", "--proxy-source-port", "1234", "--proxy-dest", "192.0.2.8", "--proxy-dest-port", "25"]
# (words to swaks, what it prints of it). None of these leaves anything.
REFUSED_WAYS = [
    (["--tls-on-connect"], "TLS startup failed"),
    (["--protocol", "SMTPS"], "TLS startup failed"),
    (["--xclient-addr", "192.0.2.1"], "XCLIENT"),
    (["--xclient", "ADDR=192.0.2.1", "--xclient-no-verify"], "did not advertise XCLIENT"),
    (["--xclient-addr", "192.0.2.1", "--tls"], "did not advertise XCLIENT"),
    (["--auth", "--auth-user", "ada", "--auth-password", "x"], "did not advertise authentication"),
    (["--auth", "PLAIN", "--auth-user", "ada", "--auth-password", "x", "--tls"], "did not advertise authentication"),
    (["--prdr"], "did not advertise PRDR"),
    (["--proxy-version", "2", "--proxy-family", "AF_INET", *PROXIED], "<** 421 "),     # on a port that knows none
    (["--proxy-version", "1", "--proxy-family", "TCP4", *PROXIED], "<** 500 "),
    (["--helo", "no(domain)"], "<** 501 "),
    (["--to", "nobody@" + DOMAIN], "<** 550 5.1.1 "),
    (["--to", "eva@elsewhere.test"], "<** 550 5.7.1 "),
    (["--from", "no address"], "<** 501 5.1.7 "),
    (["--protocol", "LMTP"], "<** 500 "),          # on the port of SMTP
    (["--tls", "--tls-sni", "elsewhere.test"], "TLS startup failed"),
    (["--tls", "--tls-protocol", "tlsv1_1"], "TLS startup failed"),
]


def test_what_swaks_is_refused():
    with Server() as s:
        for words, said in REFUSED_WAYS:
            out = swaks(s, *words, check=False, to=() if "--to" in words else (ADA,))
            assert said in out, (words, out)
            assert "Message taken" not in out, (words, out)
        assert s.messages("ada") == [] and s.messages("ben") == [] and queue(s) == 0


def test_extensions_that_are_not_here():
    with Server() as s, smtplib.SMTP("127.0.0.1", s.smtp) as c:
        for line in ("XCLIENT ADDR=192.0.2.1", "XFORWARD NAME=x", "AUTH PLAIN AGEAYg==", "ETRN " + DOMAIN, "TURN", "ATRN",
                     "SEND FROM:<a@b.test>", "SOML FROM:<a@b.test>", "SAML FROM:<a@b.test>", "LHLO x", "BURL imap://x LAST"):
            c.connect("127.0.0.1", s.smtp)
            c.ehlo("x.test")
            code = c.docmd(line)[0]
            assert 500 <= code <= 504, (line, code)
            assert c.docmd("RCPT", "TO:<%s>" % ADA)[0] == 503, line        # no transaction was begun


def test_swaks_sends_files_as_they_are():
    eight_bit = "Subject: Grüße\r\n\r\nKöln\r\n".encode() + bytes(range(128, 256)) + b"\r\n.\r\n..\r\n.x\r\n"
    eight_bit += b"y" * 5000 + b"\r\n"
    picture = os.urandom(100000)
    with Server() as s, Files() as f:
        # swaks doubles dots itself; what it is told not to mend must bring its own end.
        stuffed = eight_bit.replace(b"\r\n.", b"\r\n..") + b".\r\n"
        swaks(s, "--data", "@" + f.file("data", stuffed), "--no-data-fixup")
        assert behind_trace(s.messages()[0]) == eight_bit
        swaks(s, "--data", "@" + f.file("lines", eight_bit.replace(b"\r\n", b"\n")), "--tls", "--pipeline")
        got = behind_trace(s.messages()[1])
        assert got.startswith(eight_bit), got[:300]
        for bare in (eight_bit.replace(b"Subject", b"X: y\nSubject"), eight_bit.replace(b"yyy", b"y\ry", 1)):
            path = f.file("bare", bare.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            out = swaks(s, "--data", "@" + path, "--no-data-fixup", check=False)
            assert "<** 554 5.6.0 " in out and len(s.messages()) == 2, out
        swaks(s, "--header", "Subject: picture", "--body", "see", "--attach-type", "image/png", "--attach-name", "a b.png",
              "--attach", "@" + f.file("picture", picture), "--attach", "@" + f.file("text", b"more"))
        parts = [p for p in email.message_from_bytes(s.messages()[2]).walk() if not p.is_multipart()]
        assert [p.get_payload(decode=True) for p in parts[1:]] == [picture, b"more"], parts
        assert parts[1].get_filename() == "a b.png" and parts[1].get_content_type() == "image/png"


def test_many_recipients_of_swaks_and_some_of_them_unknown():
    many = ["ada+%d@%s" % (i, DOMAIN) for i in range(50)] + ["nobody%d@%s" % (i, DOMAIN) for i in range(5)] + [BEN]
    with Server() as s:
        for words in ([], ["--pipeline"], ["--protocol", "LMTP"]):
            before = len(s.messages("ada"))
            out = swaks(s, *words, to=many, port=s.lmtp if "LMTP" in words else s.smtp)
            assert out.count("250 2.1.5 Recipient taken") == 51 and out.count("550 5.1.1") == 5, out
            assert len(s.messages("ben")) == before + 1 == len(s.messages("ada"))


STOPS = ["CONNECT", "FIRST-HELO", "HELO", "AUTH", "MAIL", "RCPT", "DATA"]
TLS_STOPS = ["CONNECT", "FIRST-HELO", "STARTTLS", "HELO", "MAIL", "RCPT", "DATA"]


def test_swaks_stops_at_each_place_and_nothing_is_left():
    with Server() as s:
        for words, stops in (([], STOPS), (["--pipeline"], STOPS), (["--tls"], TLS_STOPS)):
            for stop, how in itertools.product(stops, ("--quit-after", "--drop-after", "--drop-after-send")):
                # swaks goes on where nothing is sent at that place, or where it cannot say QUIT.
                if (how, stop) in (("--drop-after-send", "CONNECT"), ("--drop-after-send", "AUTH"), ("--quit-after", "DATA")):
                    continue
                swaks(s, *words, how, stop, check=False)
        for stop in STOPS[:-1]:
            swaks(s, "--protocol", "LMTP", "--quit-after", stop, check=False, port=s.lmtp)
        until(lambda: json.loads(s.admin("status"))["processes"]["edge-smtp"]["connections"] == 0)
        assert s.messages("ada") == [] and queue(s) == 0 and not s.log("mail-accepted")
        # All of it, and gone before the answer: it may come, but once.
        swaks(s, "--drop-after", "DOT", check=False)
        assert len(s.messages("ada")) == 1
        swaks(s, "--drop-after-send", "DOT", check=False)
        until(lambda: json.loads(s.admin("status"))["processes"]["edge-smtp"]["connections"] == 0)
        assert len(s.messages("ada")) in (1, 2) and queue(s) == 0


def test_swaks_behind_a_load_balancer():
    port = free_port()
    with Server(settings=["listen-smtp-proxy = 127.0.0.1:%d" % port]) as s:
        four = ["--proxy-version", "2", "--proxy-family", "AF_INET", *PROXIED]
        six = ["--proxy-version", "2", "--proxy-family", "AF_INET6", "--proxy-source", "2001:db8::7", "--proxy-source-port", "1",
               "--proxy-dest", "2001:db8::8", "--proxy-dest-port", "25"]
        rows = ((four, b"([192.0.2.7])"), (six, b"([IPv6:2001:db8::7])"), (four + ["--tls"], b"([192.0.2.7])"))
        for i, (words, address) in enumerate(rows):
            swaks(s, *words, port=port)
            got = s.messages()
            assert len(got) == i + 1 and address in got[i].split(b"\r\n\tby ")[0], (words, got[i][:300])
        # Version 1, none, and a broken one: nothing is said and nothing taken.
        for words in (["--proxy-version", "1", "--proxy-family", "TCP4", *PROXIED], ["--timeout", "2"],
                      ["--proxy-version", "2", "--proxy", "junk"]):
            out = swaks(s, *words, check=False, port=port)
            assert "<-  220" not in out and "Message taken" not in out, out
        assert len(s.messages()) == 3


# ---- UTF-8 ----

def messages_of(server, address):
    """What an account holds whose name may be beyond ASCII, which LOGIN does not send."""
    m = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=tls())
    m.authenticate("PLAIN", lambda _: b"\0%s\0%s" % (address.encode(), PASSWORD.encode()))
    m.select("INBOX", readonly=True)
    data = m.fetch("1:*", "(BODY.PEEK[])")[1]
    m.logout()
    return [x[1] for x in data if isinstance(x, tuple)]


def utf8_message(sender, to, subject, text):
    m = EmailMessage()
    m["From"], m["To"], m["Subject"] = sender, to, subject
    m.set_content(text, cte="8bit")
    return m


def test_addresses_in_utf_8_by_smtplib():
    joerg, wang = "jörg@" + DOMAIN, "王小明@bücher.test"
    with Server() as s:
        s.admin("domain", "add", "bücher.test")
        for address in (joerg, wang):
            s.admin("account", "add", address, "--password-stdin", input=PASSWORD)
        rows = [(joerg, joerg), (joerg, "JÖRG@" + DOMAIN), (joerg, "jo\u0308rg@" + DOMAIN.upper()), (wang, wang),
                (wang, "王小明@BÜCHER.test"), (wang, "王小明@xn--bcher-kva.test"), ("ada", ADA)]
        counts = {}
        for i, (account, to) in enumerate(rows):
            # send_message says SMTPUTF8 by itself where an address needs it.
            subject = "Grüße %d aus Köln" % i
            with smtplib.SMTP("127.0.0.1", s.smtp) as c:
                if i % 2:
                    c.starttls(context=tls())
                refused = c.send_message(utf8_message("dörte@bücher.example", to, subject, "日本語\n.\nÄ\n"))
            assert refused == {}, refused
            counts[account] = counts.get(account, 0) + 1
            got = s.messages(account) if account == "ada" else messages_of(s, account)
            assert len(got) == counts[account], (to, len(got))
            head, _, body = got[-1].partition(b"\r\n\r\n")
            assert body == "日本語\r\n.\r\nÄ\r\n".encode(), body
            assert (b" with UTF8SMTPS id " if i % 2 else b" with UTF8SMTP id ") in head, head           # RFC 6531 section 4.3
            assert "Return-Path: <dörte@bücher.example>\r\n".encode() in head and to.encode() in head, head
            assert ("Subject: " + subject).encode() in head, head
        # Unknown ones are unknown; and nothing beyond ASCII is an address where SMTPUTF8 was not said.
        with smtplib.SMTP("127.0.0.1", s.smtp) as c:
            c.ehlo()
            c.command_encoding = "utf-8"
            for parameter, code in (("", 553), (" SMTPUTF8", 550)):
                assert c.docmd("MAIL FROM:<a@example.org>" + parameter)[0] == 250
                assert c.docmd("RCPT TO:<jürg@%s>" % DOMAIN)[0] == code, parameter
                assert c.docmd("RSET")[0] == 250
            assert c.docmd("MAIL FROM:<a@example.org>")[0] == 250
            assert c.docmd("RCPT TO:<%s>" % joerg)[0] == 553
            assert c.docmd("RSET")[0] == 250
            assert c.docmd("MAIL FROM:<dörte@bücher.example>")[0] in (501, 550, 553)
            assert c.docmd("MAIL FROM:<dörte@bücher.example> SMTPUTF8=yes")[0] == 501
        assert len(messages_of(s, joerg)) == 3 and len(messages_of(s, wang)) == 3


# ---- the largest message ----

LIMIT = 50 << 20


def bulk(size):
    """A message of exactly `size` bytes, no line like another, one in eight beginning with a dot."""
    lines = [b"Subject: as much as may be\r\n\r\n"]
    n = len(lines[0])
    i = 0
    while size - n > 2000:
        line = b"%s%08x%s\r\n" % (b"." if i % 8 == 0 else b"", i, b"m" * 980)
        lines.append(line)
        n += len(line)
        i += 1
    lines.append(b"e" * (size - n - 2) + b"\r\n")
    return b"".join(lines)


def on_the_wire(message):
    return message.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def send_bulk(server, message, size_said, chunks):
    """The last code: that of MAIL, or of the data."""
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=60) as c:
        c.ehlo()
        code, words = c.mail("a@example.org", ["SIZE=%d" % len(message)] if size_said else [])
        if code != 250:
            return code, words
        assert c.rcpt(ADA)[0] == 250
        if chunks:
            for at in range(0, len(message), 10 << 20):
                piece = message[at:at + (10 << 20)]
                last = at + len(piece) == len(message)
                c.send(b"BDAT %d%s\r\n" % (len(piece), b" LAST" if last else b""))
                c.send(piece)
                code, words = c.getreply()
                if code != 250:
                    break
        else:
            assert c.docmd("DATA")[0] == 354
            c.send(on_the_wire(message))
            code, words = c.getreply()
        assert c.noop()[0] == 250       # the connection is good for more
        return code, words


def test_the_largest_message_and_one_byte_more():
    most = bulk(LIMIT)
    more = most[:-2] + b"e\r\n"
    assert len(most) == LIMIT and len(more) == LIMIT + 1 and b"\r\n." in most
    digest = hashlib.sha256(most).digest()
    with Server() as s:
        for size_said, chunks in ((True, False), (False, False), (True, True), (False, True)):
            code, words = send_bulk(s, more, size_said, chunks)
            assert code == 552 and words.startswith(b"5.3.4 "), (size_said, chunks, code, words)
        assert s.messages() == []
        for n, (size_said, chunks) in enumerate(((True, False), (False, True))):
            code, words = send_bulk(s, most, size_said, chunks)
            assert code == 250, (size_said, chunks, code, words)
            m = s.login()
            m.select("INBOX", readonly=True)
            data = m.fetch(str(n + 1), "(BODY.PEEK[])")[1]
            m.logout()
            assert hashlib.sha256(behind_trace(data[0][1])).digest() == digest
        assert queue(s) == 0


main()
